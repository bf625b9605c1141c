/** References to nodes in templates: found and renamed in the text itself, so that all around them stays as it was. */

import { isMap, isPair, isScalar, visit } from "yaml";
import type { NodeTypes } from "./connecting";
import type { Source } from "./source";
import type { Splice } from "./splices";
import type { PipelineView } from "./view";

/** Fields that are an expression also without braces, beside those that a node type names. */
const EXPRESSIONS = new Set(["when", "while", "expression", "value"]);

/** Of the fields that no template is in: code, and JMESPath. A loop's `body` is such a field, but has fields of its own. */
const VERBATIM = "verbatim";

/** All places where templates name one of the nodes, each with its new name. */
export function renamedReferences(
  source: Source,
  view: PipelineView,
  types: NodeTypes,
  names: ReadonlyMap<string, string>,
): readonly Splice[] {
  const splices: Splice[] = [];
  const codes = verbatimPlaces(source, view, types);
  visit(source.document, {
    Pair: (key, pair) => {
      if (key === "key" || !isScalar(pair.value) || typeof pair.value.value !== "string") return;
      const name = isScalar(pair.key) ? String(pair.key.value) : "";
      if (pair.value.range == null || codes.has(pair.value.range[0])) return;
      splices.push(...inScalar(source.text, pair.value.range, EXPRESSIONS.has(name), names));
    },
    Scalar: (key, scalar, parents) => {
      if (isPair(parents.at(-1)) || key === "key" || typeof scalar.value !== "string" || scalar.range == null) return;
      splices.push(...inScalar(source.text, scalar.range, false, names));
    },
  });
  return splices;
}

/** Where the texts begin that hold no templates. */
function verbatimPlaces(source: Source, view: PipelineView, types: NodeTypes): ReadonlySet<number> {
  const places = new Set<number>();
  for (const node of view.nodes) {
    for (const [field, rendering] of Object.entries(types.get(node.type)?.renderings ?? {})) {
      if (rendering !== VERBATIM) continue;
      const key = field.split(".").at(-1) ?? field;
      const value = source.document.getIn([...node.path, "config", key], true);
      if (isScalar(value) && value.range != null) places.add(value.range[0]);
      if (isMap(value) && value.range != null && key !== "body") places.add(value.range[0]);
    }
  }
  return places;
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
