/** What a pipeline's text says, as the canvas and the forms need it. Loop bodies are groups: their nodes have a parent. */

import { isMap, isScalar, isSeq } from "yaml";
import { nodeAt, type Path, type Source, spanAt } from "./source";
import { type Fields, listOf, objectOf, textOf } from "./values";

export type { Fields } from "./values";

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface NodeView {
  readonly id: string;
  readonly type: string;
  readonly name: string;
  /** The loop whose body it is in; null at the top level. */
  readonly parent: string | null;
  readonly path: Path;
  /** The whole node as it is written, with `config`, `inputs` and the rest. */
  readonly fields: Fields;
  readonly config: Fields;
  readonly inputs: Fields;
  readonly isLoop: boolean;
  /** Its characters in the text. */
  readonly span: readonly [from: number, to: number];
}

export interface EdgeView {
  readonly from: string;
  readonly to: string;
  /** `out` where the document says nothing. */
  readonly port: string;
  readonly parent: string | null;
  readonly path: Path;
}

export interface TriggerView {
  readonly id: string;
  readonly type: string;
  readonly path: Path;
  readonly fields: Fields;
}

export interface PipelineView {
  readonly base: Path;
  readonly name: string;
  readonly metadata: Fields;
  readonly nodes: readonly NodeView[];
  readonly edges: readonly EdgeView[];
  readonly byId: ReadonlyMap<string, NodeView>;
  /** By where each is in the document, such as `/nodes/2`. */
  readonly byPointer: ReadonlyMap<string, NodeView>;
  readonly triggers: readonly TriggerView[];
  readonly inputs: Fields;
  readonly variables: Fields;
  /** Places that somebody gave, relative to the group; without any, the canvas arranges all nodes by itself. */
  readonly layout: ReadonlyMap<string, Point>;
}

export const LOOP = "loop";

/** Of `yaml`: no bound of its own on aliases. A text without faults keeps to those of the server. */
const WITHIN_BOUNDS = -1;

/** The pipeline of a text without faults. Parts that make no sense are left out; the server says what is wrong with them. */
export function viewOf(source: Source): PipelineView {
  const { base, document } = source;
  const whole = objectOf(document.toJS({ maxAliasCount: WITHIN_BOUNDS }));
  const body = base.length === 0 ? whole : objectOf(whole[String(base[0])]);
  const reader = new BodyReader(source);
  reader.read(body, base, null);
  const metadata = objectOf(whole.metadata);
  return {
    base,
    name: textOf(metadata.name),
    metadata,
    nodes: reader.nodes,
    edges: reader.edges,
    byId: new Map(reader.nodes.map((node) => [node.id, node])),
    byPointer: new Map(reader.nodes.map((node) => [pointerOf(node.path), node])),
    triggers: triggersOf(body, base),
    inputs: objectOf(body.inputs),
    variables: objectOf(body.variables),
    layout: layoutOf(body.layout),
  };
}

class BodyReader {
  readonly nodes: NodeView[] = [];
  readonly edges: EdgeView[] = [];
  readonly #source: Source;
  readonly #ids = new Set<string>();

  constructor(source: Source) {
    this.#source = source;
  }

  read(body: Fields, path: Path, parent: string | null): void {
    listOf(body.nodes).forEach((value, place) => {
      this.#readNode(objectOf(value), [...path, "nodes", place], parent);
    });
    listOf(body.edges).forEach((value, place) => {
      const edge = objectOf(value);
      const [from, to] = [textOf(edge.from), textOf(edge.to)];
      const port = edge.port === undefined || edge.port === null ? "out" : textOf(edge.port);
      if (from !== "" && to !== "") this.edges.push({ from, to, port, parent, path: [...path, "edges", place] });
    });
  }

  #readNode(fields: Fields, path: Path, parent: string | null): void {
    const id = textOf(fields.id);
    if (id === "" || this.#ids.has(id)) return;
    this.#ids.add(id);
    const type = textOf(fields.type);
    const config = objectOf(fields.config);
    const span = spanAt(this.#source, path) ?? [0, 0];
    const common = { id, type, name: textOf(fields.name), parent, path, fields, config, span };
    this.nodes.push({ ...common, inputs: objectOf(fields.inputs), isLoop: type === LOOP });
    if (type === LOOP) this.read(objectOf(config.body), [...path, "config", "body"], id);
  }
}

function triggersOf(body: Fields, base: Path): readonly TriggerView[] {
  const single = body.trigger === undefined ? [] : [{ fields: objectOf(body.trigger), path: [...base, "trigger"] }];
  const several = listOf(body.triggers).map((value, place) => ({
    fields: objectOf(value),
    path: [...base, "triggers", place],
  }));
  const counts = new Map<string, number>();
  return [...single, ...several].map(({ fields, path }) => {
    const type = textOf(fields.type);
    const count = (counts.get(type) ?? 0) + 1;
    counts.set(type, count);
    return { id: textOf(fields.id) || (count === 1 ? type : `${type}-${count}`), type, fields, path };
  });
}

function layoutOf(value: unknown): ReadonlyMap<string, Point> {
  const points = Object.entries(objectOf(value)).map(([id, point]) => [id, objectOf(point)] as const);
  const known = points.filter(([, { x, y }]) => typeof x === "number" && typeof y === "number");
  return new Map(known.map(([id, { x, y }]) => [id, { x: Number(x), y: Number(y) }]));
}

/** The innermost node whose text is around a character; null between nodes. */
export function nodeAround(view: PipelineView, at: number): string | null {
  const around = view.nodes.filter(({ span: [from, to] }) => from <= at && at <= to);
  return around.at(-1)?.id ?? null;
}

/** The node that a pointer such as `/nodes/2/config/url` leads into, and what of it is behind the node. */
export function nodeOfPointer(
  view: PipelineView,
  pointer: string,
): { readonly id: string; readonly rest: string } | null {
  for (let end = pointer.length; end > 0; end = pointer.lastIndexOf("/", end - 1)) {
    const node = view.byPointer.get(pointer.slice(0, end));
    if (node !== undefined) return { id: node.id, rest: pointer.slice(end) };
  }
  return null;
}

export function pointerOf(path: Path): string {
  return path.map((key) => `/${String(key).replace(/~/g, "~0").replace(/\//g, "~1")}`).join("");
}

/** Where a pointer leads in the text, or the last part of it that is there. */
export function spanOfPointer(source: Source, pointer: string): readonly [from: number, to: number] | undefined {
  const keys = pointer
    .split("/")
    .slice(1)
    .map((key) => key.replace(/~1/g, "/").replace(/~0/g, "~"));
  const path: (string | number)[] = [];
  for (const key of keys) {
    const at = nodeAt(source, path);
    const step = isSeq(at) ? Number(key) : key;
    if (!(isMap(at) || isSeq(at)) || nodeAt(source, [...path, step]) === undefined) break;
    path.push(step);
  }
  const node = nodeAt(source, path);
  const span = spanAt(source, path);
  // Of a block only its first line is marked, not all that is in it.
  if (span === undefined || isScalar(node)) return span;
  const end = source.text.indexOf("\n", span[0]);
  return [span[0], end < 0 ? span[1] : Math.min(end, span[1])];
}
