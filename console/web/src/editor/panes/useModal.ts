/** A dialog over the page while a component is there; afterwards the focus is where it was before. */

import { type RefObject, useEffect, useState } from "react";

/** Where the focus was before each dialog that is open. */
const openers = new WeakMap<Element, Element | null>();

export function useModal(dialog: RefObject<HTMLDialogElement | null>): void {
  // Before anything of the dialog is drawn, as its first field takes the focus when it is.
  const [before] = useState(openerNow);
  useEffect(() => {
    if (dialog.current !== null) openers.set(dialog.current, before);
    dialog.current?.showModal();
    return () => comeBack(before);
  }, [dialog, before]);
}

/** One dialog that leads to another leaves it the place to come back to. */
function openerNow(): Element | null {
  const { activeElement } = document;
  const dialog = activeElement?.closest("dialog") ?? null;
  return dialog === null ? activeElement : (openers.get(dialog) ?? null);
}

function comeBack(before: Element | null): void {
  const isElsewhere = document.activeElement !== null && document.activeElement !== document.body;
  if (isElsewhere) return;
  const isThere = before instanceof HTMLElement && before.isConnected && before !== document.body;
  const place = isThere ? before : document.querySelector<HTMLElement>("#main");
  place?.focus({ preventScroll: true });
}
