/** References to nodes in templates: found and renamed in the text itself, so that all around them stays as it was. */

import { type Node, visit } from "yaml";
import type { NodeTypes } from "./connecting";
import { nodeAt, type Source } from "./source";
import type { Splice } from "./splices";
import type { PipelineView } from "./view";

/** Of the fields that are an expression also without braces; the engine evaluates a deferred one, such as a loop's `while`. */
const EXPRESSIONS: ReadonlySet<string | undefined> = new Set(["expression", "deferred"]);

/** Of the fields that no template is in: code, and JMESPath. A loop's `body` is such a field, but has nodes of its own. */
const VERBATIM: ReadonlySet<string | undefined> = new Set(["verbatim", "constant"]);

/** All places where templates name one of the nodes, each with its new name. */
export function renamedReferences(
  source: Source,
  view: PipelineView,
  types: NodeTypes,
  names: ReadonlyMap<string, string>,
): readonly Splice[] {
  const splices: Splice[] = [];
  const { expressions, verbatim } = renderingsIn(source, view, types);
  visit(source.document, {
    Scalar: (key, scalar) => {
      const { value, range } = scalar;
      if (key === "key" || typeof value !== "string" || range == null || verbatim.has(scalar)) return;
      splices.push(...inScalar(source.text, range, expressions.has(scalar), names));
    },
  });
  return splices;
}

interface Renderings {
  readonly expressions: ReadonlySet<unknown>;
  readonly verbatim: ReadonlySet<unknown>;
}

/** The texts that are no plain templates: by the types of their nodes, and every node's `when`. */
function renderingsIn(source: Source, view: PipelineView, types: NodeTypes): Renderings {
  const [expressions, verbatim] = [new Set<unknown>(), new Set<unknown>()];
  for (const { type, path, isLoop, ...node } of view.nodes) {
    expressions.add(nodeAt(source, [...path, "when"]));
    const renderings = types.get(type)?.renderings ?? {};
    for (const part of ["config", "inputs"] as const) {
      for (const key of Object.keys(node[part])) {
        const rendering = renderings[`${part}.${key}`] ?? renderings[key];
        const value = nodeAt(source, [...path, part, key]);
        if (EXPRESSIONS.has(rendering)) expressions.add(value);
        if (VERBATIM.has(rendering) && !(isLoop && key === "body")) addTexts(verbatim, value);
      }
    }
  }
  return { expressions, verbatim };
}

function addTexts(found: Set<unknown>, value: Node | undefined): void {
  if (value !== undefined) visit(value, { Scalar: (_, scalar) => void found.add(scalar) });
}

function inScalar(
  text: string,
  [from, to]: readonly [number, number, number],
  isExpression: boolean,
  names: ReadonlyMap<string, string>,
): readonly Splice[] {
  const written = text.slice(from, to);
  const templates = [...written.matchAll(/\{\{[\s\S]*?\}\}|\{%[\s\S]*?%\}/g)];
  if (templates.length === 0) return isExpression ? inExpression(written, from, names) : [];
  return templates.flatMap((found) => inExpression(found[0], from + found.index, names));
}

/** A name as an expression has it, or a text in quotes, which holds none. After a dot it is a key, not a node. */
const TOKEN = /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|(?<![\w.-])[a-z][a-z0-9-]*(?![\w-])/g;

function inExpression(expression: string, offset: number, names: ReadonlyMap<string, string>): readonly Splice[] {
  // A quoted YAML text may hold whole templates between its own quotes; those of the expression are inside the braces.
  const splices: Splice[] = [];
  for (const found of withoutOuterQuotes(expression).matchAll(TOKEN)) {
    const name = names.get(found[0]);
    if (name === undefined || isKeyword(expression, found.index + found[0].length)) continue;
    const from = offset + found.index;
    splices.push({ from, to: from + found[0].length, text: name });
  }
  return splices;
}

/** `name=…` is an argument of a filter, not a node. */
function isKeyword(expression: string, end: number): boolean {
  return /^\s*=(?!=)/.test(expression.slice(end));
}

/** Quotes of YAML around a whole expression, blanked, so that positions stay. */
function withoutOuterQuotes(expression: string): string {
  const quote = expression.charAt(0);
  const isQuoted = (quote === '"' || quote === "'") && expression.length > 1 && expression.endsWith(quote);
  return isQuoted ? ` ${expression.slice(1, -1)} ` : expression;
}
