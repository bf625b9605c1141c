// @vitest-environment happy-dom
import { act } from "react";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { aText, aType, TYPES } from "../document/building";
import { save } from "../server";
import { type EditorParts, isUnsaved, select, setText, undo } from "../store";
import { startTest } from "../trying";
import { anEditor, click, draw, field, onAPage, told, type } from "./building";
import { NodeForm } from "./NodeForm";

const STRINGS = { type: "string" };
const SCRIPT = aType("script", {
  configSchema: {
    type: "object",
    properties: {
      rows: { type: "array", items: { type: "object" } },
      env: { type: "object", additionalProperties: STRINGS },
      tags: { type: "array", items: STRINGS },
    },
  },
});

let parts: EditorParts;

onAPage();

function open(text: string): void {
  parts = anEditor(text, new Map([...TYPES, ["script", SCRIPT]]));
  show();
}

/** The form of the first node. */
function show(): void {
  const [node] = parts.store.getState().pipeline.view.nodes;
  draw(parts, node && <NodeForm key={node.id} node={node} />);
}

const text = () => parts.store.getState().text;

describe("a field with what can't be read", () => {
  beforeEach(() => open(aText("  - id: a\n    type: script\n    config:\n      rows: [{x: 1}]\n")));

  const leave = () => act(() => field("Rows").blur());
  const types = (value: string) => {
    type(field("Rows"), value);
    leave();
  };

  it("keeps it and says so, also when the form was closed and opened again", () => {
    types("[{x: 1}, {");
    expect(field("Rows").value).toBe("[{x: 1}, {");
    expect(field("Rows").getAttribute("aria-invalid")).toBe("true");
    draw(parts, null);
    show();
    expect(field("Rows").value).toBe("[{x: 1}, {");
    expect(document.querySelector(".field__problem")?.textContent).toContain("That is no YAML");
    expect(isUnsaved(parts.store.getState())).toBe(true);
  });

  it("lets nothing be saved or run without it", async () => {
    types("[{");
    select(parts.store, []);
    expect(await save(parts.store, parts.api, "default")).toBe(false);
    await startTest(parts);
    expect(fetch).not.toHaveBeenCalled();
    expect(told()).toContain("What stands in config.rows of a is not in the text");
    expect([...parts.store.getState().selected]).toEqual(["a"]);
  });

  it("keeps it while its node gets another id, or its lines move", () => {
    types("[{");
    type(field("Id"), "b");
    act(() => field("Id").blur());
    show();
    expect(field("Rows").value).toBe("[{");
    expect(isUnsaved(parts.store.getState())).toBe(true);
    const deeper = text().replace("rows: [{x: 1}]", "rows: [{x: 1},\n        {y: 2}]");
    act(() => setText(parts.store, deeper, { label: "Type YAML" }));
    show();
    types("[{");
    act(() => setText(parts.store, deeper.replace("        {y: 2}", "            {y: 2}"), { label: "Indent" }));
    show();
    expect(field("Rows").value).toBe("[{");
  });

  it("keeps also what can be read, where the YAML can't be changed", async () => {
    act(() => setText(parts.store, `${text()}  - [`, { label: "Type YAML" }));
    types("[{x: 2}]");
    expect(field("Rows").value).toBe("[{x: 2}]");
    expect(document.querySelector(".field__problem")?.textContent).toContain("The YAML could not be changed");
    act(() => undo(parts.store));
    show();
    expect(field("Rows").value).toBe("[{x: 2}]");
    expect(await save(parts.store, parts.api, "default")).toBe(false);
    types("[{x: 2}, 3]");
    expect(text()).toContain("rows: [{x: 2}, 3]");
    expect(document.querySelector(".field__problem")).toBeNull();
  });

  it("counts at once when it is mended", () => {
    types("[{x: 1}, {");
    types("[{x: 1}, {y: 2}]");
    expect(text()).toContain("rows: [{x: 1}, {y: 2}]");
    expect(document.querySelector(".field__problem")).toBeNull();
  });

  it("shows what the document has again when that is wanted, or changed", () => {
    types("[{");
    click("Take it back");
    expect(field("Rows").value).toBe("- x: 1");
    expect(isUnsaved(parts.store.getState())).toBe(false);
    types("[{");
    act(() => setText(parts.store, text().replace("x: 1", "z: 9"), { label: "Type YAML" }));
    show();
    expect(field("Rows").value).toBe("- z: 9");
    act(() => undo(parts.store));
    show();
    expect(document.querySelector(".field__problem")).not.toBeNull();
  });
});

describe("a name", () => {
  it.each([
    ["Ctrl S", { key: "s", ctrlKey: true }],
    ["Enter", { key: "Enter" }],
  ])("counts before what the key does: %s", (_, key) => {
    open(aText("  - {id: a, type: script}\n"));
    let heard = "";
    const hear = () => {
      heard = text();
    };
    document.addEventListener("keydown", hear);
    type(field("Id"), "fetch");
    expect(text()).toContain("id: a");
    act(() => field("Id").dispatchEvent(new KeyboardEvent("keydown", { ...key, bubbles: true })));
    document.removeEventListener("keydown", hear);
    expect(heard).toContain("id: fetch");
  });
});

describe("adding to", () => {
  const before = [
    "  - id: a",
    "    type: script",
    "    config:",
    "      env:",
    "        # first",
    "        ONE: '1' # why",
    "      tags:",
    "        - red # a color",
    "",
  ].join("\n");

  it("a map leaves all else of it as it is written", () => {
    open(aText(before));
    click("Add to env");
    expect(text()).toBe(aText(before.replace("'1' # why\n", "'1' # why\n        name: \"\"\n")));
  });

  it("a list leaves all else of it as it is written", () => {
    open(aText(before));
    click("Add to tags");
    expect(text()).toBe(aText(before.replace("red # a color\n", 'red # a color\n        - ""\n')));
  });

  it("one that is not there makes it", () => {
    open(aText("  - {id: a, type: script}\n"));
    click("Add to tags");
    expect(parts.store.getState().pipeline.view.byId.get("a")?.config).toEqual({ tags: [""] });
  });
});

describe("an offer that is taken", () => {
  it("leaves the caret behind it before the next key comes", () => {
    const writer = aType("writer", { inputSchema: { type: "object", properties: { text: STRINGS } } });
    const nodes = "  - {id: fetch-topic, type: log}\n  - {id: b, type: writer}\n";
    parts = anEditor(aText(`${nodes}edges: [{from: fetch-topic, to: b}]\n`), new Map([...TYPES, ["writer", writer]]));
    const node = parts.store.getState().pipeline.view.byId.get("b");
    draw(parts, node && <NodeForm key="b" node={node} />);
    const writes = field("Text") as unknown as HTMLTextAreaElement;
    type(writes, "{{ fet");
    const placed = vi.spyOn(writes, "setSelectionRange");
    act(() => {
      writes.dispatchEvent(new KeyboardEvent("keydown", { key: "Tab", bubbles: true, cancelable: true }));
    });
    expect(writes.value).toBe("{{ fetch-topic");
    expect(placed).toHaveBeenCalledWith(14, 14);
  });
});
