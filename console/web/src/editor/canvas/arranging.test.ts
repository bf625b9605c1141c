import { describe, expect, it } from "vitest";
import { type ArrangedNode, type ArrangeRequest, arrange, FRAME } from "./arranging";

const node = (id: string, given: Partial<ArrangedNode> = {}): ArrangedNode => ({
  id,
  parent: null,
  isLoop: false,
  width: 224,
  height: 46,
  ...given,
});
const edge = (from: string, to: string, parent: string | null = null) => ({ from, to, port: "out", parent });

function arranged(given: Partial<ArrangeRequest>) {
  return arrange({ nodes: [], edges: [], places: [], ...given });
}

describe("an arrangement", () => {
  it("goes from left to right along the edges", () => {
    const { boxes } = arranged({ nodes: [node("b"), node("a")], edges: [edge("a", "b")] });
    expect(boxes.get("b")?.x).toBeGreaterThan((boxes.get("a")?.x ?? 0) + 224);
  });

  it("keeps the places that are given, and puts what has none beside what it follows", () => {
    const { boxes } = arranged({
      nodes: [node("a"), node("b"), node("c")],
      edges: [edge("a", "b"), edge("a", "c")],
      places: [["a", { x: 100, y: 50 }]],
    });
    expect(boxes.get("a")).toMatchObject({ x: 100, y: 50 });
    expect(boxes.get("b")?.x).toBe(100 + 224 + 72);
    expect(boxes.get("c")?.y).toBeGreaterThan((boxes.get("b")?.y ?? 0) + 46);
  });

  it("makes the frame of a loop as large as its body, and that of an empty one large enough to drop into", () => {
    const { boxes } = arranged({
      nodes: [
        node("each", { isLoop: true }),
        node("a", { parent: "each" }),
        node("b", { parent: "each" }),
        node("empty", { isLoop: true }),
      ],
      edges: [edge("a", "b", "each")],
    });
    const [frame, last] = [boxes.get("each"), boxes.get("b")];
    expect(boxes.get("a")).toMatchObject({ x: FRAME.margin, y: FRAME.head + FRAME.margin });
    expect(frame?.width).toBe((last?.x ?? 0) + 224 + FRAME.margin);
    expect(boxes.get("empty")).toMatchObject({ width: FRAME.width, height: FRAME.height });
  });

  it("forgets the route of an edge whose end was moved", () => {
    const nodes = ["a", "b", "c"].map((id) => node(id));
    const edges = [edge("a", "b"), edge("b", "c"), edge("a", "c")];
    const before = arranged({ nodes, edges });
    expect(before.channels.get("a/out/c")?.length).toBe(1);
    const places = [...before.boxes].map(([id, { x, y }]) => [id, { x, y }] as const);
    expect(arranged({ nodes, edges, places }).channels.get("a/out/c")?.length).toBe(1);
    const moved = places.map(([id, { x, y }]) => [id, id === "c" ? { x: x + 8, y } : { x, y }] as const);
    expect(arranged({ nodes, edges, places: moved }).channels.get("a/out/c") ?? []).toEqual([]);
  });
});
