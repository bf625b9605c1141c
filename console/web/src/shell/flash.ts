/**
 * Short messages at the corner of the page, read out by screen readers. A problem stays until it is closed, and is not told
 * again while it stands there.
 */

import { make } from "./dialogs";

const SHOWN_MS = 6000;

export function flash(text: string, kind: "good" | "problem" = "good"): void {
  if (kind === "problem" && isTold(text)) return;
  const element = make("div", { className: kind === "problem" ? "flash flash--problem" : "flash" });
  const close = make("button", { type: "button", className: "button button--plain button--small" }, "Close");
  close.dataset.close = "";
  element.append(make("span", {}, text), close);
  place().append(element);
  if (kind === "good") setTimeout(() => element.remove(), SHOWN_MS);
}

function isTold(text: string): boolean {
  return [...document.querySelectorAll(".flash--problem > span")].some((told) => told.textContent === text);
}

function place(): Element {
  const found = document.querySelector(".flashes");
  if (found !== null) return found;
  const made = make("div", { className: "flashes", ariaLive: "polite" });
  document.body.append(made);
  return made;
}
