import { describe, expect, it } from "vitest";
import { aPipeline, aText } from "./building";
import { EditRefused } from "./edits";
import { addTrigger } from "./triggers";

describe("triggers", () => {
  it("are added beside the one that is there", () => {
    const text = addTrigger(aPipeline(), { type: "cron", schedule: "0 7 * * *" });
    expect(aPipeline(text).view.triggers.map((trigger) => trigger.type)).toEqual(["webhook", "cron"]);
    expect(text).not.toContain("trigger: {");
    const third = addTrigger(aPipeline(text), { type: "webhook", path: "b" });
    expect(aPipeline(third).view.triggers.map((trigger) => trigger.id)).toEqual(["webhook", "cron", "webhook-2"]);
  });

  it.each([
    [
      "a line",
      "trigger: {type: webhook, path: a} # ours\n",
      "triggers:\n  - {type: webhook, path: a} # ours\n  - {type: cron}\n",
    ],
    [
      "a block",
      "trigger:\n  # who calls\n  type: webhook # here\n\n  path: 'a'\n",
      "triggers:\n  # who calls\n  - type: webhook # here\n\n    path: 'a'\n  - type: cron\n",
    ],
    [
      "braces over several lines",
      "trigger: {\n  type: webhook, # here\n  path: a}\n",
      "triggers:\n  - {\n      type: webhook, # here\n      path: a}\n  - {type: cron}\n",
    ],
  ])("leave the one that is there as it is written: %s", (_, before, after) => {
    const nodes = "  - {id: a, type: log}\n";
    expect(addTrigger(aPipeline(aText(nodes, before)), { type: "cron" })).toBe(aText(nodes, after));
  });

  it("take the place of a key without a value", () => {
    const text = addTrigger(aPipeline(aText("  - {id: a, type: log}\n", "trigger:\n")), { type: "cron" });
    expect(text).toContain("triggers:\n  - {type: cron}\n");
    expect(text).not.toContain("trigger:\n");
  });

  it("make a list of the one in a document of braces", () => {
    const text = '{"apiVersion": "flume/v1", "trigger": {"type": "webhook"}, "nodes": []}';
    expect(addTrigger(aPipeline(text), { type: "cron" })).toContain('"triggers": [{"type": "webhook"}, ');
  });

  it("do not give the anchor of a single one to the list", () => {
    const text = aText("  - {id: a, type: log}\n", "trigger: &one\n  type: webhook\n");
    expect(() => addTrigger(aPipeline(text), { type: "cron" })).toThrow(EditRefused);
  });
});
