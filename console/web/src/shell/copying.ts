/** Buttons that copy, and things that can be closed. */

import { make } from "./dialogs";
import { flash } from "./flash";

export function listenToSmallButtons(): void {
  document.addEventListener("click", (event) => {
    const target = event.target as Element;
    const copying = target.closest<HTMLElement>("[data-copy]");
    if (copying !== null) void copy(copying.dataset.copy ?? "");
    target.closest("[data-close]")?.closest(".flash, .note, dialog")?.remove();
  });
}

/** Put a text on the clipboard, and say so. */
export async function copy(text: string): Promise<void> {
  if (await put(text)) flash("Copied");
}

/** Put a text on the clipboard. Where that can't be, says so and returns false. */
export async function put(text: string): Promise<boolean> {
  // Not awaited where there is no clipboard to write to: selecting is for the moment of a key or a click.
  const isPut = navigator.clipboard === undefined ? putBySelecting(text) : (await write(text)) || putBySelecting(text);
  if (!isPut) flash("This browser does not let the page copy; select the text and copy it yourself", "problem");
  return isPut;
}

/** Over HTTPS and on this machine browsers let a page write to the clipboard. */
function write(text: string): Promise<boolean> {
  return navigator.clipboard.writeText(text).then(
    () => true,
    () => false,
  );
}

/** Everywhere else a page can copy what is selected in it, as its visitor would. */
function putBySelecting(text: string): boolean {
  const focused = document.activeElement;
  const field = make("textarea", { className: "hidden-text", value: text, readOnly: true });
  // Below an open dialog nothing can be selected but what is in it.
  (document.querySelector("dialog[open]") ?? document.body).append(field);
  field.focus({ preventScroll: true });
  field.select();
  try {
    return document.execCommand("copy");
  } finally {
    field.remove();
    if (focused instanceof HTMLElement) focused.focus({ preventScroll: true });
  }
}
