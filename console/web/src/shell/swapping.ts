/** What happens when htmx puts an answer into the page: only what belongs there gets in, and what was opened stays open. */

import { flash } from "./flash";

interface SwapDetail {
  readonly ctx: {
    /** Missing where a page comes out of the browser's history. */
    readonly response?: { readonly status: number };
    readonly select?: string | null;
  };
  readonly tasks: readonly { readonly type: string; readonly fragment: ParentNode }[];
}

/** htmx puts in whatever is answered, and what is not found in it is removed: the page is kept as it is instead. */
export function beforeSwap(event: Event): void {
  const problem = problemOf((event as CustomEvent<SwapDetail>).detail);
  if (problem === "") {
    rememberDetails();
    return;
  }
  event.preventDefault();
  flash(`The page can't be brought up to date: ${problem}; what you see may be old`, "problem");
}

/** Why an answer can't take the place of what is shown; "" if it can. */
function problemOf({ ctx, tasks }: SwapDetail): string {
  const status = ctx.response?.status ?? 200;
  if (status < 200 || status >= 300) return `the server answered ${status}`;
  const isMissing = ctx.select && tasks.every(({ type, fragment }) => type !== "main" || !fragment.firstElementChild);
  // Such as the page to log in at, to which the server leads once the session is over.
  return isMissing ? "the server answered with another page, so load it again" : "";
}

const openness = new Map<string, boolean>();

function rememberDetails(): void {
  for (const element of keptDetails()) openness.set(element.dataset.keep ?? "", element.open);
}

export function restoreDetails(): void {
  for (const element of keptDetails()) element.open = openness.get(element.dataset.keep ?? "") ?? element.open;
}

function keptDetails(): NodeListOf<HTMLDetailsElement> {
  return document.querySelectorAll<HTMLDetailsElement>("details[data-keep]");
}
