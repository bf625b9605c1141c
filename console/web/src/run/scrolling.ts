/** Scrolls one panel and never the page around it, as `scrollIntoView` would. */

/** Bring an element into the sight of the panel that it is in; `head` pixels at the panel's upper edge are covered. */
export function showWithin(element: HTMLElement, panelSelector: string, head = 0): void {
  const panel = element.closest(panelSelector);
  if (panel === null) return;
  const inner = element.getBoundingClientRect();
  const outer = panel.getBoundingClientRect();
  if (inner.top < outer.top + head) panel.scrollTop -= outer.top + head - inner.top;
  else if (inner.bottom > outer.bottom) panel.scrollTop += inner.bottom - outer.bottom;
}
