/** For tests: documents as people write them, in blocks and flow, with comments and aliases wherever they can be. */

const SCALARS = ["x", "'single'", '"dou ble"', "12", "true", "null", "a b", "http://x/y?z#w"];

/** Writes documents; the same seed writes the same one. */
export class Writer {
  #state: number;
  #comments = 0;
  #anchors = 0;
  /** Those that are written to their end. */
  readonly #known: string[] = [];

  constructor(seed: number) {
    this.#state = seed;
  }

  /** From 0. */
  below(limit: number): number {
    this.#state = (Math.imul(this.#state, 1664525) + 1013904223) >>> 0;
    return Math.floor((this.#state / 2 ** 32) * limit);
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)] as T;
  }

  /** A map in blocks, whose keys stand in a column. */
  map(column: number, depth: number): string {
    return this.#parts(column, (place) => `${this.pick([`k${place}`, `"k${place}"`])}:${this.#value(column, depth)}`);
  }

  #list(column: number, depth: number): string {
    return this.#parts(column, () => `-${this.#value(column, depth)}`);
  }

  #parts(column: number, part: (place: number) => string): string {
    const margin = " ".repeat(column);
    return Array.from({ length: 1 + this.below(4) }, (_, place) => {
      const above = (this.below(7) === 0 ? "\n" : "") + (this.below(5) === 0 ? `${margin}${this.#comment()}\n` : "");
      return `${above}${margin}${part(place)}`;
    }).join("");
  }

  #value(column: number, depth: number): string {
    const kind = this.below(depth > 0 ? 10 : 6);
    if (kind === 0 && this.#known.length > 0) return ` *${this.pick(this.#known)}${this.#behind()}\n`;
    const anchor = this.below(8) === 0 ? `n${this.#anchors++}` : "";
    const head = anchor && ` &${anchor}`;
    const written = this.#written(kind, column, depth, head);
    if (anchor) this.#known.push(anchor);
    return written;
  }

  #written(kind: number, column: number, depth: number, head: string): string {
    const margin = " ".repeat(column + 2);
    const scalar = `${head} ${this.pick([...SCALARS, "", "~"])}`.trimEnd();
    if (kind < 4) return `${scalar}${this.#behind()}\n`;
    if (kind === 4) {
      const gap = this.pick(["", "\n"]);
      return `${head} ${this.pick(["|", "|-", ">", ">-"])}${this.#behind()}\n${margin}one\n${gap}${margin}  two # none\n`;
    }
    if (kind === 5) return `${head} ${this.#flow(2, column + 2)}${this.#behind()}\n`;
    const inner = kind < 8 ? this.map(column + 2, depth - 1) : this.#list(column + 2, depth - 1);
    return `${head}${this.#behind()}\n${inner}`;
  }

  #flow(depth: number, column: number): string {
    const line = () => `${this.#behind()}\n${" ".repeat(column)}`;
    const inner = () => (depth > 0 && this.below(3) === 0 ? this.#flow(depth - 1, column + 1) : this.pick(SCALARS));
    const isMap = this.below(2) === 0;
    const parts = Array.from({ length: this.below(4) }, (_, place) => (isMap ? `k${place}: ${inner()}` : inner()));
    const written = parts.reduce((all, part) => `${all},${this.below(3) === 0 ? line() : " "}${part}`, "").slice(2);
    const end = this.below(6) === 0 ? line() : "";
    return isMap ? `{${written.trimStart()}${end}}` : `[${written.trimStart()}${end}]`;
  }

  #behind(): string {
    return this.below(4) === 0 ? ` ${this.#comment()}` : "";
  }

  #comment(): string {
    return `#c${this.#comments++};`;
  }
}

/** The comments of a text that was written so. */
export function commentsIn(text: string): readonly string[] {
  return text.match(/#c\d+;/g) ?? [];
}
