/** Aliases and what they stand for, so that none is left without it when a part of the text goes, or goes elsewhere. */

import {
  type Alias,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Node,
  type Scalar,
  visit,
  type YAMLMap,
  type YAMLSeq,
} from "yaml";
import { EditRefused, setAt } from "./edits";
import { keyOf, type Path, type Source } from "./source";
import { applySplices, type Splice } from "./splices";

type Anchored = Scalar | YAMLMap | YAMLSeq;

/** An alias as a value or an item of a list, and the part that it stands for. */
interface Use {
  readonly alias: Alias;
  readonly path: Path;
  readonly holder: Anchored;
}

/** In the order of the text. */
function usesOf(source: Source): readonly Use[] {
  const uses: Use[] = [];
  const anchors = new Map<string, Anchored>();
  const read = (node: unknown, path: Path) => {
    if (isAlias(node)) {
      const holder = anchors.get(node.source);
      if (holder !== undefined) uses.push({ alias: node, path, holder });
      return;
    }
    if ((isScalar(node) || isMap(node) || isSeq(node)) && node.anchor !== undefined) anchors.set(node.anchor, node);
    if (isMap(node))
      for (const pair of node.items) {
        if (isScalar(pair.key)) read(pair.key, path);
        read(pair.value, [...path, keyOf(pair)]);
      }
    if (isSeq(node)) for (const [place, item] of node.items.entries()) read(item, [...path, place]);
  };
  read(source.document.contents, []);
  return uses;
}

/**
 * With further splices, by which what goes moves to the first alias of it that stays. Raises `EditRefused` where parts of
 * what goes are used as well.
 */
export function keepingAnchors(source: Source, changes: readonly Splice[]): readonly Splice[] {
  const uses = usesOf(source);
  const isLost = (holder: Anchored) => {
    const at = source.text.lastIndexOf(`&${holder.anchor}`, startOf(holder));
    const change = changes.find(({ from, to }) => from <= at && at < to);
    // A value that takes the place of another takes its anchor over.
    return change !== undefined && !change.text.startsWith(` &${holder.anchor}`);
  };
  const lost = uses.filter(({ holder }) => isLost(holder));
  const moved = new Map<Node, Use>();
  for (const use of lost) {
    const isGone = changes.some(({ from, to }) => from <= startOf(use.alias) && startOf(use.alias) < to);
    if (!isGone && !moved.has(use.holder)) moved.set(use.holder, use);
  }
  for (const { alias, holder } of moved.values()) {
    if (lost.some((other) => other.holder !== holder && isIn(other.alias, holder) !== isIn(other.holder, holder)))
      throw new EditRefused(
        `*${alias.source} would be left without what it stands for; write it out in the YAML first`,
      );
  }
  return [...changes, ...[...moved.values()].flatMap(({ path, holder }) => setAt(source, path, copyOf(holder)))];
}

/** With its anchor, and the comments in it; one beside a text is about where that was. */
function copyOf(holder: Node): Node {
  const copy = holder.clone() as Node;
  if (isScalar(copy)) {
    copy.commentBefore = null;
    copy.comment = null;
  }
  return copy;
}

/** The text with each alias inside of the spans written out that stands for something outside of them. */
export function writtenOut(source: Source, spans: readonly (readonly [from: number, to: number])[]): string {
  const isInside = (node: Node) => spans.some(([from, to]) => from <= startOf(node) && startOf(node) < to);
  const uses = usesOf(source).filter(({ alias, holder }) => isInside(alias) && !isInside(holder));
  const splices = uses.flatMap(({ path, holder }) =>
    setAt(source, path, holder.toJS(source.document, { maxAliasCount: -1 })),
  );
  return applySplices(source.text, splices);
}

/** Give anchors of a document that is to become a part of another names that are free there; those without a use go. */
export function freeAnchors(part: Source, target: Source): void {
  const taken = new Set(anchoredIn(target).map((node) => node.anchor));
  const uses = usesOf(part);
  for (const node of anchoredIn(part)) {
    if (!taken.has(node.anchor)) taken.add(node.anchor);
    else renameAnchor(node, uses, taken);
  }
}

function renameAnchor(node: Anchored, uses: readonly Use[], taken: Set<string | undefined>): void {
  const own = uses.filter(({ holder }) => holder === node);
  const { anchor } = node;
  delete node.anchor;
  if (own.length === 0) return;
  let number = 2;
  while (taken.has(`${anchor}-${number}`)) number += 1;
  node.anchor = `${anchor}-${number}`;
  taken.add(node.anchor);
  for (const { alias } of own) alias.source = node.anchor;
}

function anchoredIn({ document }: Source): readonly Anchored[] {
  const found: Anchored[] = [];
  visit(document, {
    Value: (_, node) => {
      if (node.anchor !== undefined) found.push(node);
    },
  });
  return found;
}

function startOf(node: Node): number {
  return node.range?.[0] ?? -1;
}

function isIn(part: Node, whole: Node): boolean {
  const [from = 0, to = 0] = whole.range ?? [];
  return from <= startOf(part) && startOf(part) < to;
}
