/** JSON Schemas as fields of a form: which kind of control fits, what it is called, and whether a value would do. Pure. */

import { parse, stringify } from "yaml";
import type { Schema } from "../store";

/**
 * How a value is typed in. `text` may hold templates; `loose` is what YAML makes of the text, such as a number or a list;
 * `group` has fields of its own, `map` any names with values of one kind, `list` items of one kind.
 */
export type Kind = "text" | "choice" | "switch" | "number" | "loose" | "group" | "map" | "list" | "variants";

export interface Field {
  readonly key: string;
  readonly label: string;
  readonly description: string;
  readonly isRequired: boolean;
  readonly kind: Kind;
  /** Resolved: without references, null and the union around the one type that is left. */
  readonly schema: Schema;
  /** What happens without a value, as text; empty for nothing to tell. */
  readonly fallback: string;
}

/** The fields of an object's schema, required ones first, else in its order. */
export function fieldsOf(
  schema: Schema,
  root: Schema = schema,
  without: ReadonlySet<string> = new Set(),
): readonly Field[] {
  const required = new Set(listOf(schema.required));
  const fields = Object.entries(objectOf(schema.properties))
    .filter(([key]) => !without.has(key))
    .map(([key, declared]) => fieldOf(key, objectOf(declared), root, required.has(key)));
  return [...fields.filter((field) => field.isRequired), ...fields.filter((field) => !field.isRequired)];
}

export function fieldOf(key: string, declared: Schema, root: Schema, isRequired = false): Field {
  const schema = resolved(declared, root);
  const { default: fallback } = declared;
  return {
    key,
    label: labelOf(key),
    description: textOf(declared.description ?? schema.description).replace(/``/g, "`"),
    isRequired,
    kind: kindOf(schema),
    schema,
    fallback: fallback === undefined || fallback === null || isEmpty(fallback) ? "" : shortText(fallback),
  };
}

/** What the values of a map or the items of a list are; anything, where the schema does not say. */
export function innerField(field: Field, key: string, root: Schema): Field {
  const inner = field.kind === "list" ? field.schema.items : field.schema.additionalProperties;
  return { ...fieldOf(key, objectOf(inner), root), label: key };
}

/** The schemas of a union whose members differ by one constant, such as `type`; with the constants' names. */
export function variantsOf(
  schema: Schema,
  root: Schema,
): readonly { readonly name: string; readonly tag: string; readonly schema: Schema }[] {
  const members = listOf(schema.oneOf ?? schema.anyOf).map((member) => resolved(objectOf(member), root));
  return members.flatMap((member) => {
    for (const [tag, property] of Object.entries(objectOf(member.properties))) {
      const name = objectOf(property).const;
      if (typeof name === "string") return [{ name, tag, schema: member }];
    }
    return [];
  });
}

/** `maxTokens` is "Max tokens". */
export function labelOf(key: string): string {
  const words = key
    .replace(/([a-z0-9])([A-Z])/g, "$1 $2")
    .replace(/[-_]/g, " ")
    .toLowerCase();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function resolved(schema: Schema, root: Schema, depth = 0): Schema {
  if (depth > 8) return {};
  const reference = schema.$ref;
  if (typeof reference === "string") {
    const name = reference.split("/").at(-1) ?? "";
    return resolved({ ...objectOf(objectOf(root.$defs)[name]), ...omit(schema, "$ref") }, root, depth + 1);
  }
  const union = listOf(schema.anyOf ?? schema.oneOf).map(objectOf);
  const others = union.filter((member) => member.type !== "null");
  if (union.length > 0 && others.length === 1)
    return resolved({ ...omit(schema, "anyOf", "oneOf"), ...others[0] }, root, depth + 1);
  return union.length > others.length ? { ...omit(schema, "oneOf"), anyOf: others } : schema;
}

function kindOf(schema: Schema): Kind {
  if (Array.isArray(schema.enum)) return "choice";
  const union = listOf(schema.oneOf ?? schema.anyOf).map(objectOf);
  if (union.length > 0) {
    if (union.every((member) => "$ref" in member || "properties" in member)) return "variants";
    return isTextual(union) ? "text" : "loose";
  }
  switch (schema.type) {
    case "string":
      return "text";
    case "boolean":
      return "switch";
    case "integer":
    case "number":
      return "number";
    case "array":
      return objectOf(schema.items).type === "string" ? "list" : "loose";
    case "object":
      return Object.keys(objectOf(schema.properties)).length > 0
        ? "group"
        : schema.additionalProperties
          ? "map"
          : "loose";
    default:
      return "loose";
  }
}

/** Text or a number that is written like text, such as a duration. */
function isTextual(union: readonly Schema[]): boolean {
  const flat = union.flatMap((member) => (member.anyOf === undefined ? [member] : listOf(member.anyOf).map(objectOf)));
  return (
    flat.every((member) => member.type === "string" || member.type === "number") &&
    flat.some((member) => "pattern" in member)
  );
}

/** Whether a text has a template in it, so that only a run can say what it becomes. */
export function isTemplate(text: string): boolean {
  return text.includes("{{") || text.includes("{%");
}

export type Reading = { readonly value: unknown } | { readonly problem: string };

/** The value that was typed in; `undefined` for nothing. */
export function readInput(kind: Kind, text: string): Reading {
  if (text === "") return { value: undefined };
  if (kind === "text" || kind === "choice" || isTemplate(text)) return { value: text };
  if (kind === "number") {
    const number = Number(text);
    return text.trim() !== "" && Number.isFinite(number)
      ? { value: number }
      : { problem: "A number is needed here, or a template in {{ }}" };
  }
  try {
    return { value: parse(text, { version: "1.2", prettyErrors: false }) as unknown };
  } catch (error) {
    return { problem: `That is no YAML: ${error instanceof Error ? error.message : String(error)}` };
  }
}

/** A value as it is typed in. */
export function writeInput(kind: Kind, value: unknown): string {
  if (value === undefined || value === "") return "";
  if (typeof value === "string" && (kind !== "loose" || isTemplate(value) || isPlain(value))) return value;
  return kind === "text" && typeof value !== "object" ? String(value) : shortText(value);
}

/** A text that YAML reads as just itself. */
function isPlain(text: string): boolean {
  try {
    return parse(text, { version: "1.2" }) === text;
  } catch {
    return false;
  }
}

function shortText(value: unknown): string {
  return stringify(value, { version: "1.2", lineWidth: 0 }).trimEnd();
}

function isEmpty(value: unknown): boolean {
  return typeof value === "object" && value !== null ? Object.keys(value).length === 0 : value === "";
}

function omit(schema: Schema, ...keys: readonly string[]): Schema {
  return Object.fromEntries(Object.entries(schema).filter(([key]) => !keys.includes(key)));
}

export function objectOf(value: unknown): Schema {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Schema) : {};
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
