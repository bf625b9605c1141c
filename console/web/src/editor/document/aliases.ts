/**
 * What of a document would grow beyond bounds, or stands for nothing, once its aliases are taken for what they stand for. The
 * bounds are those of the server (`flume/reading.py`, `flume/values.py`): what it takes can be edited, and nothing else.
 */

import { type Document, isAlias, isCollection, isMap, isPair, isScalar } from "yaml";
import type { SyntaxFault } from "./source";

/** Values in one document, each alias counted for all that it stands for. */
export const MAX_VALUES = 100_000;
/** Lists and maps within each other. */
export const MAX_DEPTH = 64;

export const TOO_DEEP = `Nested deeper than ${MAX_DEPTH} levels; flatten the document`;

/** What a part holds: values, itself included, and levels of lists and maps. */
interface Extent {
  readonly values: number;
  readonly levels: number;
}

const ONE: Extent = { values: 1, levels: 0 };

/** The faults of a document that is YAML. Never throws, and takes time by the length of the text alone. */
export function aliasFaults(document: Document.Parsed, length: number): readonly SyntaxFault[] {
  const measuring = new Measuring();
  const { values } = measuring.measure(document.contents, 0);
  if (values > MAX_VALUES) {
    const message = `More than ${MAX_VALUES.toLocaleString("en")} values, aliases counted in full; split the pipeline, or load the data in a node`;
    measuring.faults.push({ from: 0, to: length, message });
  }
  return measuring.faults;
}

class Measuring {
  readonly faults: SyntaxFault[] = [];
  /** By anchor; null while what it stands for is not read to its end. */
  readonly #anchors = new Map<string, Extent | null>();

  measure(node: unknown, depth: number): Extent {
    if (isAlias(node)) return this.#alias(node.source, node.range, depth);
    if (!isCollection(node)) {
      if (isScalar(node) && node.anchor !== undefined) this.#anchors.set(node.anchor, ONE);
      return ONE;
    }
    if (depth >= MAX_DEPTH) {
      this.#add(node.range, TOO_DEEP);
      return ONE;
    }
    if (node.anchor !== undefined) this.#anchors.set(node.anchor, null);
    const extent = this.#sum(node.items, isMap(node), depth + 1);
    if (node.anchor !== undefined) this.#anchors.set(node.anchor, extent);
    return extent;
  }

  #sum(items: readonly unknown[], isOfPairs: boolean, depth: number): Extent {
    let [values, levels] = [1, 0];
    for (const item of items) {
      // A key holds no value of its own, but may be an alias, or have an anchor.
      if (isOfPairs && isPair(item)) this.measure(item.key, depth);
      const inner = this.measure(isPair(item) ? item.value : item, depth);
      values += inner.values;
      levels = Math.max(levels, inner.levels);
    }
    return { values, levels: levels + 1 };
  }

  #alias(name: string, range: readonly number[] | null | undefined, depth: number): Extent {
    const extent = this.#anchors.get(name);
    if (extent === undefined) {
      const message = `*${name} stands for a part of the document that does not exist; if it is meant as text, put it in quotes: "*${name}"`;
      this.#add(range, message);
    }
    if (extent === null) this.#add(range, `*${name} stands inside of what it stands for; write it out`);
    if (extent != null && depth + extent.levels > MAX_DEPTH) this.#add(range, TOO_DEEP);
    return extent ?? ONE;
  }

  #add(range: readonly number[] | null | undefined, message: string): void {
    const [from = 0, to = from] = range ?? [];
    this.faults.push({ from, to, message });
  }
}
