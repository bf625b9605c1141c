/** How long to wait before connecting again, so that many browsers do not come back in the same moment. */

const FIRST_MS = 1000;
const LONGEST_MS = 30_000;
const SPREAD = 0.3;

/** Milliseconds before try number `tries` (from 0): doubled each time up to half a minute, give or take 30 %. */
export function backoffMs(tries: number, random: number): number {
  const wait = Math.min(FIRST_MS * 2 ** tries, LONGEST_MS);
  return Math.round(wait * (1 - SPREAD + 2 * SPREAD * random));
}
