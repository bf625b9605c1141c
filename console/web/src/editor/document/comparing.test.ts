import { expect, it } from "vitest";
import { compareLines } from "./comparing";

const shown = (before: string, after: string) =>
  compareLines(before, after).map(({ kind, text }) => `${{ same: " ", added: "+", removed: "-" }[kind]}${text}`);

it("shows what differs with the lines around it, and leaves out the rest", () => {
  const lines = Array.from({ length: 12 }, (_, place) => `line ${place}`);
  expect(shown(lines.join("\n"), lines.with(6, "other").join("\n"))).toEqual([
    " …",
    " line 3",
    " line 4",
    " line 5",
    "-line 6",
    "+other",
    " line 7",
    " line 8",
    " line 9",
    " …",
  ]);
});

it("finds lines that stayed between lines that changed", () => {
  expect(shown("a\nb\nc", "x\nb\ny")).toEqual(["-a", "+x", " b", "-c", "+y"]);
  expect(shown("a", "a")).toEqual([" …"]);
});
