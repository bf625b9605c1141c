/** JSON Schemas as fields of a form: which kind of control fits, what it is called, and whether a value would do. Pure. */

import { own } from "../../model/own";
import { listOf, objectOf, textOf } from "../document/values";
import type { Schema } from "../store";
import { shortText } from "./typing";

/**
 * How a value is typed in. `text` may hold templates; `loose` is text or any other value, `yaml` any other value only;
 * `group` has fields of its own, `map` any names with values of one kind, `list` items of one kind.
 */
export type Kind = "text" | "choice" | "switch" | "number" | "loose" | "yaml" | "group" | "map" | "list" | "variants";

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

function fieldOf(key: string, declared: Schema, root: Schema, isRequired = false): Field {
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
    return resolved({ ...objectOf(own(objectOf(root.$defs), name)), ...omit(schema, "$ref") }, root, depth + 1);
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
    return isTextual(union) ? "text" : union.some(mayBeText) ? "loose" : "yaml";
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
      return objectOf(schema.items).type === "string" ? "list" : "yaml";
    case "object":
      return Object.keys(objectOf(schema.properties)).length > 0
        ? "group"
        : schema.additionalProperties
          ? "map"
          : "yaml";
    default:
      return "loose";
  }
}

function mayBeText(member: Schema): boolean {
  return member.type === undefined || member.type === "string";
}

/** Text or a number that is written like text, such as a duration. */
function isTextual(union: readonly Schema[]): boolean {
  const flat = union.flatMap((member) => (member.anyOf === undefined ? [member] : listOf(member.anyOf).map(objectOf)));
  return (
    flat.every((member) => member.type === "string" || member.type === "number") &&
    flat.some((member) => "pattern" in member)
  );
}

function isEmpty(value: unknown): boolean {
  return typeof value === "object" && value !== null ? Object.keys(value).length === 0 : value === "";
}

function omit(schema: Schema, ...keys: readonly string[]): Schema {
  return Object.fromEntries(Object.entries(schema).filter(([key]) => !keys.includes(key)));
}
