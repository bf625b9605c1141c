/** Times as people read them. The pages that the server makes write them in the same way. */

const SECOND = 1000;
const MINUTE = 60 * SECOND;

/** `321 ms`, `10.4 s`, `4 m 02 s`, `3 h 05 m`, `2 d 04 h`; a clock that went back gives `0 ms`. */
export function formatDuration(milliseconds: number): string {
  const length = Math.max(milliseconds, 0);
  if (length < SECOND) return `${Math.round(length)} ms`;
  if (length < MINUTE - 50) return `${(length / SECOND).toFixed(1)} s`;
  const seconds = Math.round(length / SECOND);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} m ${twoDigits(seconds % 60)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)} h ${twoDigits(minutes % 60)} m`;
  return `${Math.floor(minutes / 1440)} d ${twoDigits(Math.floor(minutes / 60) % 24)} h`;
}

/** `14:06:56.123` in UTC, the one time zone of all pages: people who look at the same run talk of the same times. */
export function formatClock(moment: string): string {
  return new Date(moment).toISOString().slice(11, 23);
}

/** `1,234`, as the pages that the server makes write it. */
export function formatCount(number: number): string {
  return number.toLocaleString("en");
}

/** `812 bytes`, `12 kB`, `3.4 MB`. */
export function formatSize(bytes: number): string {
  if (bytes < 1000) return `${bytes} bytes`;
  return bytes < 1_000_000 ? `${Math.round(bytes / 1000)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}

/** Milliseconds of a moment, or null. */
export function millis(moment: string | null | undefined): number | null {
  return moment == null ? null : Date.parse(moment);
}

/** How long something that began has taken, until it ended or, while it goes on, until `now`; null before it began. */
export function elapsed(
  span: { readonly startedAt: string | null; readonly completedAt: string | null },
  now: number,
): number | null {
  const start = millis(span.startedAt);
  return start === null ? null : Math.max((millis(span.completedAt) ?? now) - start, 0);
}

function twoDigits(number: number): string {
  return String(number).padStart(2, "0");
}
