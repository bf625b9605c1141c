// @vitest-environment happy-dom
import { afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { ago } from "./ago";
import { askBeforeActing, confirm } from "./dialogs";
import { boundForms, guardText, sendOnce } from "./forms";
import { addressOf, Keys, type Press } from "./keys";
import { CHANGED, Coalesced, followLive } from "./live";
import { numberLines } from "./numbering";
import { beforeSwap } from "./swapping";

const press = (key: string, given: Partial<Press> = {}): Press => ({
  key,
  isComposing: false,
  hasModifier: false,
  isInField: false,
  ...given,
});

beforeAll(sendOnce);

beforeEach(() => {
  document.body.replaceChildren();
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test("g and a letter lead to a page, if the letter follows soon", () => {
  const keys = new Keys();
  expect(keys.read(press("g"), 0)).toEqual({ kind: "begin" });
  expect(keys.read(press("r"), 500)).toEqual({ kind: "go", path: "/runs" });
  keys.read(press("g"), 1000);
  expect(keys.read(press("r"), 5000)).toEqual({ kind: "press", key: "r" });
});

test("keys are silent in fields, with modifiers and while Hangul is composed", () => {
  const keys = new Keys();
  for (const given of [{ isInField: true }, { hasModifier: true }, { isComposing: true }]) {
    expect(keys.read(press("/", given), 0)).toEqual({ kind: "nothing" });
  }
  expect(keys.read(press("?"), 0)).toEqual({ kind: "help" });
});

test("what changes many times at once is told twice: at once, and when it is over", () => {
  vi.useFakeTimers();
  let calls = 0;
  const change = new Coalesced(() => {
    calls += 1;
  });
  for (let n = 0; n < 50; n += 1) change.notice();
  expect(calls).toBe(1);
  vi.advanceTimersByTime(1900);
  expect(calls).toBe(1);
  vi.advanceTimersByTime(200);
  expect(calls).toBe(2);
  vi.advanceTimersByTime(9000);
  expect(calls).toBe(2);
});

test("what changes all the time is told once in two seconds", () => {
  vi.useFakeTimers();
  let calls = 0;
  const change = new Coalesced(() => {
    calls += 1;
  });
  for (let passed = 0; passed < 10_000; passed += 50) {
    change.notice();
    vi.advanceTimersByTime(50);
  }
  expect(calls).toBeLessThanOrEqual(6);
  expect(calls).toBeGreaterThanOrEqual(5);
});

test("a question is answered by its buttons, and Escape means no", async () => {
  const asked = confirm({ question: "Cancel run 12ab?", action: "Cancel run" });
  const dialog = document.querySelector("dialog");
  expect(dialog?.textContent).toContain("Cancel run 12ab?");
  dialog?.close("yes");
  expect(await asked).toBe(true);
  expect(document.querySelector("dialog")).toBeNull();

  const again = confirm({ question: "Sure?", action: "Yes" });
  document.querySelector("dialog")?.close();
  expect(await again).toBe(false);
});

test("a click on something to confirm takes effect only after a yes", async () => {
  askBeforeActing();
  const clicked = vi.fn();
  const button = document.createElement("button");
  button.dataset.confirm = "Delete pipeline hello?";
  button.addEventListener("click", clicked);
  document.body.append(button);
  button.click();
  expect(clicked).not.toHaveBeenCalled();
  document.querySelector("dialog")?.close("yes");
  await vi.waitFor(() => expect(clicked).toHaveBeenCalledOnce());
});

test.each([
  [2, "now"],
  [12, "12 s ago"],
  [150, "2 min ago"],
  [7300, "2 h ago"],
  [-7300, "in 2 h"],
  [190_000, "2 d ago"],
])("%i seconds ago is %s", (seconds, text) => {
  expect(ago(0, seconds * 1000)).toBe(text);
});

test("keys lead where the page's own links do, in the namespace that it shows", () => {
  document.body.innerHTML = '<a class="nav__link" href="/runs?namespace=team">Runs</a>';
  expect(addressOf("/runs")).toMatch(/\/runs\?namespace=team$/);
  expect(addressOf("/logs")).toBe("/logs");
});

/** Whether htmx is kept from putting in what was answered with this status and with this found in it. */
function isKeptOut(status: number, found: string): boolean {
  const fragment = document.createElement("div");
  fragment.innerHTML = found;
  const detail = { ctx: { response: { status }, select: "#runs" }, tasks: [{ type: "main", fragment }] };
  const event = new CustomEvent("htmx:before:swap", { detail, cancelable: true });
  beforeSwap(event);
  return event.defaultPrevented;
}

test("what is shown stays when it can't be loaded again, and that is told once", () => {
  expect(isKeptOut(200, '<div id="runs"></div>')).toBe(false);
  expect(document.querySelector(".flash")).toBeNull();
  expect(isKeptOut(502, '<div id="runs"></div>')).toBe(true);
  expect(isKeptOut(502, "")).toBe(true);
  expect(document.querySelectorAll(".flash")).toHaveLength(1);
  expect(isKeptOut(200, "")).toBe(true);
  expect(document.querySelectorAll(".flash")).toHaveLength(2);
});

test("a list is loaded again as soon as the stream opens, for what happened since the page was made", async () => {
  document.body.innerHTML = '<div data-live="/events"></div>';
  vi.stubGlobal("fetch", async () => new Response(new ReadableStream()));
  const changed = vi.fn();
  document.body.addEventListener(CHANGED, changed, { once: true });
  followLive();
  await vi.waitFor(() => expect(changed).toHaveBeenCalledOnce());
});

/** How often a page is told of changes while its stream says this, apart from the first time, when it opens. */
async function changesBy(page: string, ...events: string[]): Promise<number> {
  vi.useFakeTimers();
  document.body.innerHTML = page;
  const changed = vi.fn();
  document.body.addEventListener(CHANGED, changed);
  const stream = new TransformStream<Uint8Array, Uint8Array>();
  vi.stubGlobal("fetch", async () => new Response(stream.readable));
  followLive();
  await vi.waitFor(() => expect(changed).toHaveBeenCalledOnce());
  await vi.advanceTimersByTimeAsync(3000);
  const writer = stream.writable.getWriter();
  for (const event of events) {
    await writer.write(new TextEncoder().encode(`${event}\n\n`));
    await vi.advanceTimersByTimeAsync(3000);
  }
  document.body.removeEventListener(CHANGED, changed);
  return changed.mock.calls.length - 1;
}

const runEvent = (id: string, status: string) => `event: run\ndata: {"id":"${id}","status":"${status}"}`;

test.each([
  ["every event", "", [runEvent("a", "failed"), "event: log\ndata: {}"], 2],
  ["kinds that it names", 'data-live-of="log"', [runEvent("a", "failed"), "event: log\ndata: {}"], 1],
  ["losses in any case", 'data-live-of="log"', ["event: reload\ndata: {}"], 1],
  [
    "runs that come into its states",
    'data-live-status="failed"',
    [runEvent("a", "running"), runEvent("a", "failed")],
    1,
  ],
  ["runs that it shows", 'data-live-status="failed"', [runEvent("shown", "running")], 1],
])("a page hears of %s", async (_, attributes, events, times) => {
  expect(await changesBy(`<div data-live="/events" ${attributes}><p id="run-shown"></p></div>`, ...events)).toBe(times);
});

test("the stream of a run that has ended is finished, and not about to come back", async () => {
  document.body.innerHTML = '<div data-live="/runs/1/events"></div><span data-live-state></span>';
  const states: (string | null)[] = [];
  const label = document.querySelector("[data-live-state]") as HTMLElement;
  new MutationObserver(() => states.push(label.textContent)).observe(label, { childList: true });
  const ended = `id: 3.0\n${runEvent("1", "completed")}\n\n`;
  const answers = [new Response(ended), new Response(null, { status: 204 })];
  vi.stubGlobal("fetch", async () => answers.shift());
  followLive();
  await vi.waitFor(() => expect(answers).toHaveLength(0), { timeout: 5000 });
  await vi.waitFor(() => expect(label.textContent).toBe("Finished"));
  expect(states).not.toContain("Reconnecting");
});

test("a form that is larger than the server takes stays where it is, and says so", () => {
  boundForms();
  document.body.innerHTML =
    '<form method="post" data-most-bytes="20"><textarea name="text">0123456789</textarea></form>';
  const form = document.querySelector("form");
  const field = document.querySelector("textarea");
  if (form === null || field === null) throw new Error("no form");
  expect(submit(form)).toBe(true);
  window.dispatchEvent(new Event("pageshow"));
  field.value = "가나다라마바사";
  expect(submit(form)).toBe(false);
  expect(document.querySelector(".flash--problem")?.textContent).toContain("the server takes 20 bytes");
});

const PROBLEMS = `
  <ul class="problems"><li><a href="#line-2" data-line="2" data-column="3">Line 2, column 3</a>: unknown type</li></ul>
  <textarea data-numbered></textarea>`;

function numbered(text: string): { field: HTMLTextAreaElement; gutter: HTMLElement } {
  document.body.innerHTML = PROBLEMS;
  const field = document.querySelector("textarea") as HTMLTextAreaElement;
  field.value = text;
  numberLines();
  return { field, gutter: document.querySelector(".numbered__lines") as HTMLElement };
}

test("lines are numbered, and those with problems are marked until lines come or go", () => {
  const { field, gutter } = numbered("a\n  b\nc");
  expect(gutter.textContent).toBe("1\n2\n3\n");
  const mark = gutter.querySelector<HTMLElement>(".numbered__problem");
  expect([mark?.textContent, mark?.title]).toEqual(["2", "Line 2, column 3: unknown type"]);
  field.value = "new\na\n  b\nc";
  field.dispatchEvent(new Event("input"));
  expect(gutter.textContent).toBe("1\n2\n3\n4\n");
  expect(gutter.querySelector(".numbered__problem")).toBeNull();
});

test("a problem leads to its place in the text", () => {
  const { field } = numbered("a\n  b\nc");
  document.querySelector<HTMLElement>("a[data-line]")?.click();
  expect([document.activeElement, field.selectionStart]).toEqual([field, 4]);
});

function submit(form: Element): boolean {
  return form.dispatchEvent(new Event("submit", { bubbles: true, cancelable: true }));
}

test("a form is sent once, however often it is clicked, and again by whoever comes back to it", () => {
  document.body.innerHTML = '<form method="post"></form><form method="get"></form>';
  const [post, get] = document.querySelectorAll("form");
  if (post === undefined || get === undefined) throw new Error("no forms");
  expect([submit(post), submit(post), submit(get), submit(get)]).toEqual([true, false, true, true]);
  window.dispatchEvent(new Event("pageshow"));
  expect(submit(post)).toBe(true);
});

test.each([
  ["", false],
  ["unsaved", true],
])("text with the mark '%s' that nobody touched is guarded: %s", (mark, isGuarded) => {
  document.body.innerHTML = `<form method="post"><textarea data-guarded="${mark}">nodes: []</textarea></form>`;
  guardText();
  expect(isLeavingAsked()).toBe(isGuarded);
});

test("leaving is asked about once text was changed, and not while it is sent", () => {
  document.body.innerHTML = '<form method="post"><textarea data-guarded="">nodes: []</textarea></form>';
  guardText();
  const field = document.querySelector("textarea");
  if (field?.form == null) throw new Error("no field");
  field.value = "nodes: [a]";
  expect(isLeavingAsked()).toBe(true);
  submit(field.form);
  expect(isLeavingAsked()).toBe(false);
});

function isLeavingAsked(): boolean {
  return !window.dispatchEvent(new Event("beforeunload", { cancelable: true }));
}
