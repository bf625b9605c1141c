/**
 * What is typed into a field as a value, and back. Pure.
 *
 * Where text is possible, text is what is meant: `007`, `1.10` and `Order #5 # urgent` would be other things in YAML, and
 * nobody who types them would know.
 */

import {
  type Document,
  isCollection,
  isMap,
  isScalar,
  parseDocument,
  Scalar,
  stringify,
  type YAMLMap,
  type YAMLSeq,
} from "yaml";
import type { Kind } from "./schema";

const FORMAT = { version: "1.2", lineWidth: 0, flowCollectionPadding: false } as const;

export type Reading =
  | { readonly value: unknown /** What should be known about how it was taken. */; readonly note?: string }
  | { readonly problem: string };

/** Whether a text has a template in it, so that only a run can say what it becomes. */
export function isTemplate(text: string): boolean {
  return text.includes("{{") || text.includes("{%");
}

/** The value that was typed in; `undefined` for nothing. */
export function readInput(kind: Kind, text: string): Reading {
  if (text === "") return { value: undefined };
  if (kind === "text" || kind === "choice" || isTemplate(text)) return { value: text };
  if (kind !== "number") return readYaml(text, kind === "loose");
  const number = Number(text);
  return text.trim() !== "" && Number.isFinite(number) ? { value: number } : { problem: "A number is needed here" };
}

function readYaml(text: string, mayBeText: boolean): Reading {
  const document = parseDocument(text, { version: "1.2", prettyErrors: false });
  const { contents, errors } = document;
  if (errors[0] !== undefined) return unreadable(text, errors[0].message, mayBeText);
  if (!isCollection(contents)) return { value: isMeant(document, text) ? document.toJS() : text };
  if (mayBeText && contents.flow !== true && !text.trim().includes("\n"))
    return { value: text, note: `Taken as text. For a ${isMap(contents) ? "map" : "list"} write ${example(contents)}` };
  try {
    return { value: document.toJS() };
  } catch (error) {
    return unreadable(text, error instanceof Error ? error.message : String(error), false);
  }
}

/** What begins as a list or map in brackets is meant as one; of what is no YAML otherwise, text is what is meant. */
function unreadable(text: string, message: string, mayBeText: boolean): Reading {
  if (mayBeText && !/^\s*[[{]/.test(text)) return { value: text };
  return { problem: `That is no YAML: ${message}${mayBeText ? ". In quotes it would be text" : ""}` };
}

function example(contents: YAMLMap | YAMLSeq): string {
  return isMap(contents) ? "{name: value}" : "[one, two]";
}

/** Whether a value that YAML finds is what stands there: a text in quotes, or a number, true, false or null as they are written. */
function isMeant({ contents, comment }: Document.Parsed, text: string): boolean {
  if (!isScalar(contents) || comment !== null || contents.comment != null) return false;
  if (typeof contents.value === "string") return contents.type !== Scalar.PLAIN && /^\s*["'|>]/.test(text);
  return shortText(contents.value) === text.trim();
}

/** A value as it is typed in: what `readInput` makes this value of. */
export function writeInput(kind: Kind, value: unknown): string {
  if (value === undefined || value === "") return "";
  if (typeof value === "string") {
    const reading = readInput(kind, value);
    return "value" in reading && reading.value === value ? value : shortText(value);
  }
  if (kind === "text" && typeof value !== "object") return String(value);
  const text = shortText(value);
  const isOneLine = typeof value === "object" && value !== null && !text.includes("\n");
  return kind === "loose" && isOneLine ? stringify(value, { ...FORMAT, collectionStyle: "flow" }).trimEnd() : text;
}

/** A value as YAML on as few lines as it takes. */
export function shortText(value: unknown): string {
  return stringify(value, FORMAT).trimEnd();
}
