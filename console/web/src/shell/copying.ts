/** Buttons that copy, and things that can be closed. */

import { flash } from "./flash";

export function listenToSmallButtons(): void {
  document.addEventListener("click", (event) => {
    const target = event.target as Element;
    const copying = target.closest<HTMLElement>("[data-copy]");
    if (copying !== null) void copy(copying.dataset.copy ?? "");
    target.closest("[data-close]")?.closest(".flash, .note, dialog")?.remove();
  });
}

/** Put a text on the clipboard, and say so. Browsers allow it over HTTPS and on this machine only. */
export async function copy(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    flash("Copied");
  } catch {
    flash("This browser does not let the page copy; select the text and copy it yourself", "problem");
  }
}
