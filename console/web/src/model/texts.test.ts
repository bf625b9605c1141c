import { expect, test } from "vitest";
import { endOf, MAX_KEPT, MAX_TEXTS, type Piece, speakerIn, withPieces } from "./texts";

const piece = (offset: number, text: string, attempt = 1): Piece => ({ instance: "draft", attempt, offset, text });
const after = (...pieces: Piece[]) => withPieces(new Map(), pieces).get("draft");

test("pieces grow into a text", () => {
  expect(after(piece(0, "Hello"), piece(5, ", Mira"))?.text).toBe("Hello, Mira");
});

test("text that comes again after a resume is there once", () => {
  expect(after(piece(0, "Hello"), piece(0, "Hello, Mi"), piece(3, "lo"), piece(9, "ra"))?.text).toBe("Hello, Mira");
});

test("nothing new is the same object, so nothing is drawn again", () => {
  const texts = withPieces(new Map(), [piece(0, "Hello")]);
  expect(withPieces(texts, [piece(0, "Hel")])).toBe(texts);
});

test("a new attempt begins anew, and late text of an old one is dropped", () => {
  expect(after(piece(0, "old text"), piece(0, "new", 2), piece(8, " more"))).toEqual({
    attempt: 2,
    start: 0,
    text: "new",
  });
});

test("behind a gap the text begins anew, and says where", () => {
  expect(after(piece(0, "Hello"), piece(100, "later"))).toEqual({ attempt: 1, start: 100, text: "later" });
});

test("of a very long text the end is kept", () => {
  const long = after(piece(0, "x".repeat(MAX_KEPT)), piece(MAX_KEPT, "end"));
  expect(long?.text.length).toBe(MAX_KEPT);
  expect(long?.start).toBe(3);
  expect(long?.text.endsWith("end")).toBe(true);
});

const said = (instance: string, text: string, offset = 0): Piece => ({ instance, attempt: 1, offset, text });

test("of a loop with very many items the texts that grew last are kept", () => {
  const many = Array.from({ length: MAX_TEXTS + 50 }, (_, index) => said(`each[${index}].write`, "x"));
  const texts = withPieces(withPieces(new Map(), [said("each[0].write", "x")]), many);
  expect(texts.size).toBe(MAX_TEXTS);
  expect([texts.has("each[0].write"), texts.has("each[249].write")]).toEqual([false, true]);
});

test("a loop speaks with the voice of the item that spoke last", () => {
  const texts = withPieces(new Map(), [
    said("each[0].write", "Hello"),
    said("each[1].write", "Good"),
    said("each-other[7].write", "No"),
    said("each[0].write", " Mira", 5),
  ]);
  expect(speakerIn("each", texts)).toBe("each[0].write");
  expect(speakerIn("draft", texts)).toBeNull();
});

test("the end of a text is one line of so many characters, after the number of its item", () => {
  const texts = withPieces(new Map(), [
    said("draft", "One\nline of text"),
    said("each[3].inner[14].write", "Hello Mira"),
  ]);
  expect(endOf(texts, "draft", 12)).toBe("line of text");
  expect(endOf(texts, "draft", 99)).toBe("One line of text");
  expect(endOf(texts, "each[3].inner[14].write", 10)).toBe("3.14: Mira");
  expect(endOf(texts, "nobody", 10)).toBeUndefined();
});
