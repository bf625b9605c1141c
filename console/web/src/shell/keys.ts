/** Keys for the whole page: `g r` and its like, `/`, `?`, and keys that elements ask for with `data-key`. */

import { make, makeDialog } from "./dialogs";

/** Where `g` and a second key lead. */
export const PLACES: Readonly<Record<string, { readonly path: string; readonly name: string }>> = {
  d: { path: "/", name: "Dashboard" },
  p: { path: "/pipelines", name: "Pipelines" },
  r: { path: "/runs", name: "Runs" },
  l: { path: "/logs", name: "Logs" },
  t: { path: "/triggers", name: "Triggers" },
  n: { path: "/nodes", name: "Nodes and functions" },
  s: { path: "/settings", name: "Settings" },
};

/** How long after `g` the second key still belongs to it. */
const CHORD_MS = 1200;

const WRITING = "input, textarea, select, [contenteditable]:not([contenteditable='false'])";

export interface Press {
  readonly key: string;
  readonly isComposing: boolean;
  readonly hasModifier: boolean;
  readonly isInField: boolean;
}

/** What a key means; pure, with the time in milliseconds given. */
export type Meaning =
  | { readonly kind: "go"; readonly path: string }
  | { readonly kind: "search" | "help" | "begin" | "nothing" }
  | { readonly kind: "press"; readonly key: string };

export class Keys {
  #begunAt = Number.NEGATIVE_INFINITY;

  /** Keys are silent in fields, with modifiers, and while an input method composes a syllable. */
  read(press: Press, now: number): Meaning {
    if (press.isComposing || press.hasModifier || press.isInField) return { kind: "nothing" };
    const isSecond = now - this.#begunAt < CHORD_MS;
    this.#begunAt = Number.NEGATIVE_INFINITY;
    const place = isSecond ? PLACES[press.key] : undefined;
    if (place !== undefined) return { kind: "go", path: place.path };
    if (press.key === "g") {
      this.#begunAt = now;
      return { kind: "begin" };
    }
    if (press.key === "/") return { kind: "search" };
    if (press.key === "?") return { kind: "help" };
    return press.key.length === 1 ? { kind: "press", key: press.key } : { kind: "nothing" };
  }
}

export function listenToKeys(): void {
  const keys = new Keys();
  document.addEventListener("keydown", (event) => {
    if (document.querySelector("dialog[open]") !== null) return;
    const target = event.target as Element;
    const meaning = keys.read(
      {
        key: event.key,
        // 229 is what some browsers send for a key that an input method takes.
        isComposing: event.isComposing || event.keyCode === 229,
        hasModifier: event.ctrlKey || event.metaKey || event.altKey,
        isInField: target.matches(WRITING),
      },
      event.timeStamp,
    );
    if (act(meaning)) event.preventDefault();
  });
}

function act(meaning: Meaning): boolean {
  switch (meaning.kind) {
    case "go":
      location.assign(addressOf(meaning.path));
      return true;
    case "search": {
      const field = document.querySelector<HTMLInputElement>("[data-search], input[type='search']");
      field?.focus();
      field?.select();
      return field !== null;
    }
    case "help":
      showKeys();
      return true;
    case "press": {
      const element = document.querySelector<HTMLElement>(`[data-key="${CSS.escape(meaning.key)}"]`);
      element?.click();
      return element !== null;
    }
    default:
      return false;
  }
}

/** Where the page's own link to that place leads: it names the namespace that pages show. */
export function addressOf(path: string): string {
  const links = document.querySelectorAll<HTMLAnchorElement>("a.nav__link");
  return [...links].find((link) => link.pathname === path)?.href ?? path;
}

function showKeys(): void {
  const list = make("dl", { className: "facts keys" });
  const add = (name: string, ...keys: string[]) =>
    list.append(make("dt", {}, ...keys.flatMap((key) => [make("kbd", {}, key), " "])), make("dd", {}, name));
  for (const [key, place] of Object.entries(PLACES)) add(place.name, "g", key);
  for (const element of document.querySelectorAll<HTMLElement>("[data-key]")) {
    add(element.getAttribute("aria-label") ?? element.textContent.trim(), element.dataset.key ?? "");
  }
  add("Search", "/");
  add("This list", "?");
  const heading = make("h2", { id: "dialog-keys" }, "Keys");
  const close = make("div", { className: "actions" }, make("button", { className: "button" }, "Close"));
  const dialog = makeDialog("dialog");
  dialog.setAttribute("aria-labelledby", heading.id);
  dialog.append(make("form", { method: "dialog" }, heading, list, close));
  dialog.addEventListener("close", () => dialog.remove());
  dialog.showModal();
}
