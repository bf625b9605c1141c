import { expect, test } from "vitest";
import { EventParser } from "./parser";

const STREAM = 'id: 3.1\nevent: node\ndata: {"a":1}\n\n: heartbeat\n\nevent: log\ndata: one\ndata: two\n\n';

test("an event has its id, name and data, and comments are no events", () => {
  expect(new EventParser().push(STREAM)).toEqual([
    { id: "3.1", name: "node", data: '{"a":1}' },
    { id: null, name: "log", data: "one\ntwo" },
  ]);
});

test("it does not matter where the network cuts the stream", () => {
  for (let size = 1; size < STREAM.length; size += 1) {
    const parser = new EventParser();
    const pieces = Array.from({ length: Math.ceil(STREAM.length / size) }, (_, n) =>
      STREAM.slice(n * size, (n + 1) * size),
    );
    expect(pieces.flatMap((piece) => parser.push(piece))).toHaveLength(2);
  }
});

test("lines may end in CR LF, and an event without data is none", () => {
  expect(new EventParser().push("event: run\r\n\r\ndata: x\r\n\r\n")).toEqual([
    { id: null, name: "message", data: "x" },
  ]);
});

test("an event that is not complete is kept back", () => {
  const parser = new EventParser();
  expect(parser.push("data: half\n")).toEqual([]);
  expect(parser.push("\n")).toHaveLength(1);
});
