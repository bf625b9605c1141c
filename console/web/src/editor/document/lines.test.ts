import { expect, it } from "vitest";
import { readLines, writeLines } from "./lines";

it.each(["", "a", "a\nb\n", "a\r\nb\r\n", "a\rb\r", "\r\n\r\n"])("a text comes back as it was: %j", (text) => {
  expect(readLines(text).text).not.toContain("\r");
  expect(writeLines(readLines(text))).toBe(text);
});

it("of several line breaks that of most lines is kept", () => {
  expect(readLines("a\r\nb\nc\r\n")).toEqual({ text: "a\nb\nc\n", lineBreak: "\r\n" });
  expect(readLines("a\nb\nc\r\n")).toEqual({ text: "a\nb\nc\n", lineBreak: "\n" });
});
