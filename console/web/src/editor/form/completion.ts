/** What can stand in an expression: names in scope, outputs of earlier nodes, and what is inside of them. Pure. */

import { own } from "../../model/own";
import type { NodeTypes } from "../document/connecting";
import { upstreamOf } from "../document/connecting";
import { objectOf } from "../document/values";
import type { PipelineView } from "../document/view";

export interface Suggestion {
  /** What is written. */
  readonly text: string;
  /** What it is, such as the type of the node or a value of the last run. */
  readonly detail: string;
}

export interface Completion {
  /** The first character that a suggestion takes the place of. */
  readonly from: number;
  readonly suggestions: readonly Suggestion[];
}

export interface Scope {
  readonly view: PipelineView;
  readonly types: NodeTypes;
  /** The node in whose field it is; null for a place outside of nodes. */
  readonly node: string | null;
  /** Outputs of the last run. */
  readonly outputs: ReadonlyMap<string, unknown>;
}

const MOST = 50;
const NODE_PARTS: readonly Suggestion[] = [
  { text: "output", detail: "what it gives" },
  { text: "meta", detail: "what surrounds it" },
  { text: "status", detail: "how it ended" },
  { text: "error", detail: "why it failed" },
];
const FIXED: ReadonlyMap<string, readonly Suggestion[]> = new Map(
  Object.entries({
    trigger: [
      { text: "data", detail: "what the run was started with" },
      { text: "type", detail: "what started it" },
      { text: "id", detail: "which trigger" },
    ],
    run: [
      { text: "id", detail: "this run" },
      { text: "attempt", detail: "1, or more after a retry" },
      { text: "startedAt", detail: "when it began" },
    ],
    pipeline: [
      { text: "name", detail: "this pipeline" },
      { text: "namespace", detail: "where it is" },
      { text: "version", detail: "which version runs" },
    ],
  }),
);

/** Suggestions for the expression around the caret; null outside of `{{ }}`, unless the whole text is an expression. */
export function complete(text: string, caret: number, scope: Scope, isWhole = false): Completion | null {
  const before = text.slice(0, caret);
  const open = Math.max(before.lastIndexOf("{{"), before.lastIndexOf("{%"));
  const isInside = open >= 0 && Math.max(before.lastIndexOf("}}"), before.lastIndexOf("%}")) < open;
  if (!isInside && !isWhole) return null;
  const expression = isInside ? before.slice(open + 2) : before;
  const path = /(?:[\w$-]+|\[\d+\]|\.)*$/.exec(expression)?.[0] ?? "";
  if (/["']/.test(expression.charAt(expression.length - path.length - 1))) return null;
  const steps = path.split(".");
  const begun = steps.pop() ?? "";
  const found = steps.length === 0 ? namesIn(scope) : partsOf(steps, scope);
  const suggestions = found
    .filter((each) => each.text.toLowerCase().startsWith(begun.toLowerCase()) && each.text !== begun)
    .slice(0, MOST);
  return suggestions.length === 0 ? null : { from: caret - begun.length, suggestions };
}

function namesIn(scope: Scope): readonly Suggestion[] {
  const { view, node } = scope;
  const nodes = node === null ? view.nodes.filter((each) => each.parent === null) : upstreamOf(view, node);
  const inLoop = node !== null && view.byId.get(node)?.parent != null;
  return [
    ...(inLoop
      ? [
          { text: "item", detail: "the loop's present item" },
          { text: "index", detail: "its number, from 0" },
        ]
      : []),
    ...nodes.map((each) => ({ text: each.id, detail: each.type })),
    ...(Object.keys(view.inputs).length > 0 ? [{ text: "inputs", detail: "what the run takes" }] : []),
    ...(Object.keys(view.variables).length > 0 ? [{ text: "variables", detail: "of this pipeline" }] : []),
    { text: "trigger", detail: "what started the run" },
    { text: "secrets", detail: "by name" },
    { text: "run", detail: "this run" },
    { text: "pipeline", detail: "this pipeline" },
    { text: "$now", detail: "this moment, UTC" },
  ];
}

function partsOf(steps: readonly string[], scope: Scope): readonly Suggestion[] {
  const [name = "", ...rest] = steps.flatMap((step) => step.split(/\[(\d+)\]/).filter((part) => part !== ""));
  const { view, types } = scope;
  if (name === "inputs" && rest.length === 0) {
    return Object.entries(view.inputs).map(([text, input]) => ({
      text,
      detail: String(objectOf(input).description ?? objectOf(input).type ?? ""),
    }));
  }
  if (name === "variables") return keysOf(at(view.variables, rest));
  if (rest.length === 0 && FIXED.has(name)) return FIXED.get(name) ?? [];
  const node = view.byId.get(name);
  if (node === undefined) return [];
  if (rest.length === 0) return NODE_PARTS;
  if (rest[0] !== "output") return [];
  const known = scope.outputs.has(name) ? keysOf(at(scope.outputs.get(name), rest.slice(1))) : [];
  return known.length > 0 ? known : keysOfSchema(types.get(node.type)?.outputSchema, rest.slice(1));
}

function at(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (inner, key) => (Array.isArray(inner) ? inner[Number(key)] : own(objectOf(inner), key)),
    value,
  );
}

function keysOf(value: unknown): readonly Suggestion[] {
  return Object.entries(objectOf(value)).map(([text, inner]) => ({ text, detail: brief(inner) }));
}

function keysOfSchema(schema: unknown, path: readonly string[]): readonly Suggestion[] {
  const inner = path.reduce<unknown>((outer, key) => own(objectOf(objectOf(outer).properties), key), schema);
  const properties = Object.entries(objectOf(objectOf(inner).properties));
  return properties.map(([text, declared]) => ({ text, detail: String(objectOf(declared).type ?? "") }));
}

function brief(value: unknown): string {
  const text = JSON.stringify(value) ?? "null";
  return text.length > 40 ? `${text.slice(0, 39)}…` : text;
}
