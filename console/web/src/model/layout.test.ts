import { expect, test } from "vitest";
import { type Box, neighbor, portsOf, portTop, sizeOf } from "./graph";
import { layoutOf } from "./layout";
import { edgeKey, edgePath } from "./routes";
import { firstViewport, viewportShowing } from "./viewport";

const edge = (from: string, to: string, port = "out") => ({ from, to, port });
const size = sizeOf({ ports: [], isLoop: false, hasFoot: true });
const chain = [edge("a", "b"), edge("b", "c"), edge("c", "d"), edge("a", "d")];
const layout = layoutOf({ sizes: ["a", "b", "c", "d"].map((id) => [id, size] as const), edges: chain });

function overlap(one: Box, other: Box): boolean {
  return (
    one.x < other.x + other.width &&
    other.x < one.x + one.width &&
    one.y < other.y + other.height &&
    other.y < one.y + one.height
  );
}

test("nodes stand in the order in which they run, and none upon another", () => {
  const boxes = [...layout.boxes.values()];
  expect(boxes.map((box) => box.x)).toEqual(boxes.map((box) => box.x).toSorted((a, b) => a - b));
  expect(boxes.some((one) => boxes.some((other) => one !== other && overlap(one, other)))).toBe(false);
});

test("a node may have the name of something that every object has", () => {
  const names = ["constructor", "toString", "__proto__", "hasOwnProperty"];
  const edges = names.slice(1).map((name, place) => edge(names[place] ?? "", name, "constructor"));
  const { boxes, channels } = layoutOf({ sizes: names.map((name) => [name, size] as const), edges });
  expect([...boxes.keys()]).toEqual(names);
  expect(channels.size).toBe(3);
});

test("an edge that passes columns has a channel through each, clear of their nodes", () => {
  const channels = layout.channels.get(edgeKey(edge("a", "d"))) ?? [];
  expect(channels).toHaveLength(2);
  for (const { x, y } of channels) {
    const passed = [...layout.boxes.values()].find((box) => box.x <= x && x <= box.x + box.width);
    expect(passed !== undefined && (y < passed.y || y > passed.y + passed.height)).toBe(true);
  }
});

test("an edge between neighbors has no channel, and its curve begins and ends at the ports", () => {
  expect(layout.channels.get(edgeKey(edge("a", "b")))).toEqual([]);
  expect(edgePath({ x: 0, y: 0 }, { x: 100, y: 50 }, [])).toBe("M 0 0 C 50 0 50 50 100 50");
});

test("two edges between the same nodes are two", () => {
  const double = [edge("a", "b", "true"), edge("a", "b", "false")];
  expect(
    layoutOf({
      sizes: [
        ["a", size],
        ["b", size],
      ],
      edges: double,
    }).channels.size,
  ).toBe(2);
});

test("500 nodes are laid out in reasonable time", () => {
  const ids = Array.from({ length: 500 }, (_, n) => `n${n}`);
  const edges = ids.slice(1).map((id, n) => edge(`n${Math.floor(n / 3)}`, id));
  const begun = performance.now();
  expect(layoutOf({ sizes: ids.map((id) => [id, size] as const), edges }).boxes.size).toBe(500);
  expect(performance.now() - begun).toBeLessThan(10_000);
});

test("ports have rows only where a node can leave by another than the ordinary one", () => {
  expect(portsOf("a", chain)).toEqual([]);
  expect(portsOf("if", [edge("if", "x", "error"), edge("if", "y", "true")])).toEqual(["true", "error"]);
  expect(portsOf("a", [edge("a", "x", "error")])).toEqual(["error"]);
  expect(portTop([], "", 74)).toBe(37);
  expect(portTop(["true", "error"], "error", 124)).toBe(79);
});

test("arrow keys lead to the nearest node in their direction", () => {
  expect(neighbor("a", layout.boxes, "ArrowRight")).toBe("b");
  expect(neighbor("b", layout.boxes, "ArrowLeft")).toBe("a");
  expect(neighbor("a", layout.boxes, "ArrowLeft")).toBeNull();
  expect(neighbor("unknown", layout.boxes, "ArrowLeft")).toBeNull();
});

const boxes = new Map([
  ["a", { x: 0, y: 0, width: 200, height: 80 }],
  ["z", { x: 5000, y: 0, width: 200, height: 80 }],
]);
const window = { width: 1000, height: 400 };

test("a graph that fits is in the middle, and is not blown up", () => {
  const small = new Map([["a", { x: 0, y: 0, width: 200, height: 80 }]]);
  expect(firstViewport(small, window, null)).toEqual({ x: 400, y: 146, zoom: 1 });
});

test("a graph that is too wide stays readable and shows its beginning, or what is to be looked at", () => {
  const begin = firstViewport(boxes, window, null);
  expect(begin.zoom).toBe(0.6);
  expect(begin.x).toBe(32);
  const end = firstViewport(boxes, window, "z");
  expect(end.x + 5000 * end.zoom).toBeGreaterThan(0);
  expect(end.x + 5200 * end.zoom).toBeLessThanOrEqual(1000 - 32);
});

test("no card is under the buttons for the zoom, also where the graph just fits in height", () => {
  const tall = new Map([["a", { x: 0, y: 0, width: 200, height: 400 }]]);
  const { y, zoom } = firstViewport(tall, window, null);
  expect(y + 400 * zoom).toBeLessThanOrEqual(400 - 60);
  const moved = viewportShowing({ x: 100, y: 300, zoom: 1 }, { x: 0, y: 0, width: 200, height: 80 }, window);
  expect(moved.y + 80).toBe(400 - 60);
});

test("the canvas moves no further than needed to show a card, and not at all for one in sight", () => {
  const viewport = { x: 0, y: 100, zoom: 1 };
  expect(viewportShowing(viewport, { x: 100, y: 0, width: 200, height: 80 }, window)).toBe(viewport);
  expect(viewportShowing(viewport, { x: 900, y: 0, width: 200, height: 80 }, window).x).toBe(-132);
});
