/** Keys by which the server knows a call again that is made a second time because its answer was lost. */

const keys = new Map<string, string>();

/** The `Idempotency-Key` of a wish: the same one until it has been granted, whatever went wrong meanwhile. */
export function keyOf(wish: string): string {
  const key = keys.get(wish) ?? newKey();
  keys.set(wish, key);
  return key;
}

/** The wish was granted: the next one in the same words is another one. */
export function forgetKeyOf(wish: string): void {
  keys.delete(wish);
}

function newKey(): string {
  // Not `randomUUID`, which browsers have on https and localhost alone.
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
