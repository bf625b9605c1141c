/** Moves the focus between a card and its details, so that whoever has no mouse never falls back to the top of the page. */

/** To the card of a node, or to the page's content where the card is not drawn. */
export function focusCard(id: string, within: ParentNode = document): void {
  const card = within.querySelector<HTMLElement>(`[data-node="${CSS.escape(id)}"]`);
  (card ?? document.querySelector<HTMLElement>("#main"))?.focus({ preventScroll: card === null });
}

/** To the details, once they are drawn. */
export function focusDetails(): void {
  requestAnimationFrame(() => document.querySelector<HTMLElement>(".inspector")?.focus());
}
