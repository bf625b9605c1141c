/** A number that this browser remembers from page to page. */

import { useState } from "react";

/** The number of that name and how to change it; null where none is remembered. */
export function useRemembered(name: string): readonly [number | null, (value: number | null) => void] {
  const [value, setValue] = useState(() => read(name));
  const change = (next: number | null) => {
    setValue(next);
    write(name, next);
  };
  return [value, change];
}

function read(name: string): number | null {
  const value = Number.parseFloat(attempt(() => localStorage.getItem(name)) ?? "");
  return Number.isFinite(value) ? value : null;
}

function write(name: string, value: number | null): void {
  attempt(() => (value === null ? localStorage.removeItem(name) : localStorage.setItem(name, String(value))));
}

/** A browser may forbid its storage to a page; then nothing is remembered, which harms nobody. */
function attempt<T>(act: () => T): T | null {
  try {
    return act();
  } catch {
    return null;
  }
}
