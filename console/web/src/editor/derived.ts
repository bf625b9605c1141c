/** What follows from a text: the pipeline, or why there is none. */

import type { Pipeline } from "./document/pipeline";
import { readSource, type SyntaxFault } from "./document/source";
import { viewOf } from "./document/view";

export interface Derived {
  readonly text: string;
  /** Of the text, or of the last one that could be read. */
  readonly pipeline: Pipeline;
  /** Not empty while the text can't be read. */
  readonly faults: readonly SyntaxFault[];
}

const NOTHING = "apiVersion: flume/v1\nkind: Pipeline\nmetadata:\n  name: my-pipeline\nnodes: []\n";

/** Everything that follows from a text, with `before` where the text can't be read. Never throws: the text must be kept. */
export function derived(text: string, before: Pipeline | null): Derived {
  const read = readWhole(text);
  if ("pipeline" in read) return { text, pipeline: read.pipeline, faults: [] };
  return { text, pipeline: before ?? derived(NOTHING, null).pipeline, faults: read.faults };
}

function readWhole(text: string): { readonly pipeline: Pipeline } | { readonly faults: readonly SyntaxFault[] } {
  try {
    const source = readSource(text);
    if (source.faults.length > 0) return { faults: source.faults };
    return { pipeline: { source, view: viewOf(source) } };
  } catch (error) {
    // Whatever the reader does not foresee, such as a stack that overflows.
    const reason = error instanceof Error ? error.message : String(error);
    return { faults: [{ from: 0, to: text.length, message: `The editor can't read this text (${reason})` }] };
  }
}
