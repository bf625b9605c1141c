/** Keeps "3 min ago" true on pages that stay open. */

const UNITS: readonly (readonly [name: string, seconds: number])[] = [
  ["d", 86_400],
  ["h", 3600],
  ["min", 60],
];

/** How long ago, or in how long, in one unit: "now", "12 s ago", "3 min ago", "in 2 h". */
export function ago(at: number, now: number): string {
  const seconds = Math.round((now - at) / 1000);
  const size = Math.abs(seconds);
  if (size < 5) return "now";
  const [name, length] = UNITS.find(([, each]) => size >= each) ?? ["s", 1];
  const text = `${Math.floor(size / length)} ${name}`;
  return seconds < 0 ? `in ${text}` : `${text} ago`;
}

const EVERY_MS = 10_000;

export function keepTimesTrue(): void {
  setInterval(() => {
    if (document.visibilityState === "visible") updateTimes(document);
  }, EVERY_MS);
  document.addEventListener("visibilitychange", () => updateTimes(document));
}

function updateTimes(within: ParentNode): void {
  const now = Date.now();
  for (const element of within.querySelectorAll<HTMLTimeElement>("time[data-ago]")) {
    element.textContent = ago(Date.parse(element.dateTime), now);
  }
}
