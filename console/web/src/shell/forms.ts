/** Forms of the pages that the server makes: nothing is sent twice by a double click, and no text is lost by leaving. */

import { formatSize } from "../model/duration";
import { flash } from "./flash";

let sent = new WeakSet<EventTarget>();

/** Register this behind all listeners that take a submission into their own hands. */
export function sendOnce(): void {
  document.addEventListener("submit", (event) => {
    const form = event.target as HTMLFormElement;
    if (event.defaultPrevented || form.getAttribute("method") !== "post") return;
    if (sent.has(form)) event.preventDefault();
    sent.add(form);
  });
  // Whoever comes back finds the page as it was left.
  window.addEventListener("pageshow", () => {
    sent = new WeakSet();
  });
}

/**
 * Hold back a form that is larger than the server takes (`data-most-bytes`), so that what was written stays on the page.
 * Register this before `sendOnce`.
 */
export function boundForms(): void {
  document.addEventListener("submit", (event) => {
    const form = event.target as HTMLFormElement;
    const most = Number(form.dataset.mostBytes ?? Number.POSITIVE_INFINITY);
    const size = sizeOf(new FormData(form));
    if (size <= most) return;
    event.preventDefault();
    flash(`This is ${formatSize(size)}, and the server takes ${formatSize(most)}: nothing was sent`, "problem");
  });
}

function sizeOf(values: FormData): number {
  return [...values.values()].reduce((sum, value) => sum + new Blob([value]).size, 0);
}

/** Ask before a page is left whose text area with `data-guarded` has something that was not saved. */
export function guardText(): void {
  const field = document.querySelector<HTMLTextAreaElement>("textarea[data-guarded]");
  if (field === null) return;
  window.addEventListener("beforeunload", (event) => {
    const isBeingSent = field.form !== null && sent.has(field.form);
    if (field.isConnected && !isBeingSent && isUnsaved(field)) event.preventDefault();
  });
}

/** Text that the server gives back because it did not save it is marked with `data-guarded="unsaved"`. */
function isUnsaved(field: HTMLTextAreaElement): boolean {
  return field.dataset.guarded === "unsaved" || field.value !== field.defaultValue;
}
