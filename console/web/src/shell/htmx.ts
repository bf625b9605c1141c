/** htmx for the pages that the server makes, with what the console wants of it. */

import htmx from "htmx.org";
import { consoleHeaders } from "../api/client";
import { flash } from "./flash";
import { beforeSwap, restoreDetails } from "./swapping";

interface RequestDetail {
  readonly ctx: { readonly request: { readonly headers: Record<string, string> } };
}

export function startHtmx(): void {
  // For the browser's own tools and for tests.
  Object.assign(window, { htmx });
  document.addEventListener("htmx:config:request", (event) => {
    const { ctx } = (event as CustomEvent<RequestDetail>).detail;
    Object.assign(ctx.request.headers, consoleHeaders());
  });
  document.addEventListener("htmx:error", () => {
    flash("The console can't be reached; what you see may be old", "problem");
  });
  document.addEventListener("htmx:before:swap", beforeSwap);
  document.addEventListener("htmx:after:swap", restoreDetails);
}
