import { describe, expect, it } from "vitest";
import { fieldsOf, variantsOf } from "./schema";

const HTTP = {
  type: "object",
  required: ["url"],
  $defs: {
    Basic: { type: "object", properties: { type: { const: "basic" }, username: { type: "string" } } },
    Bearer: { type: "object", properties: { type: { const: "bearer" }, token: { type: "string" } } },
  },
  properties: {
    method: { default: "GET", enum: ["GET", "POST"], type: "string" },
    url: { type: "string" },
    headers: { type: "object", additionalProperties: { anyOf: [{ type: "string" }, { type: "number" }] } },
    timeout: {
      anyOf: [
        { anyOf: [{ type: "string", pattern: "^.*$" }, { type: "number" }], description: "a duration" },
        { type: "null" },
      ],
      default: null,
    },
    followRedirects: { type: "boolean", default: true },
    auth: {
      anyOf: [{ oneOf: [{ $ref: "#/$defs/Bearer" }, { $ref: "#/$defs/Basic" }] }, { type: "null" }],
      default: null,
    },
    stop: { anyOf: [{ type: "string" }, { type: "array", items: { type: "string" } }, { type: "null" }] },
    maxTokens: { anyOf: [{ type: "integer" }, { type: "null" }] },
    tags: { type: "array", items: { type: "string" } },
    json: { default: null },
    rows: { type: "array", items: { type: "object" } },
    when: { anyOf: [{ type: "object" }, { type: "boolean" }] },
  },
};

describe("the fields of a schema", () => {
  it("begin with those that are needed, each with the control that fits", () => {
    const kinds = fieldsOf(HTTP).map((field) => [field.key, field.kind]);
    expect(kinds[0]).toEqual(["url", "text"]);
    expect(Object.fromEntries(kinds)).toEqual({
      url: "text",
      method: "choice",
      headers: "map",
      timeout: "text",
      followRedirects: "switch",
      auth: "variants",
      stop: "loose",
      maxTokens: "number",
      tags: "list",
      json: "loose",
      rows: "yaml",
      when: "yaml",
    });
  });

  it("say what they are called, what happens without a value, and what they are for", () => {
    const fields = new Map(fieldsOf(HTTP).map((field) => [field.key, field]));
    expect(fields.get("maxTokens")?.label).toBe("Max tokens");
    expect(fields.get("method")?.fallback).toBe("GET");
    expect(fields.get("timeout")?.description).toBe("a duration");
    expect(fields.get("url")?.isRequired).toBe(true);
  });

  it("offer the variants of a union by the name that tells them apart", () => {
    const auth = fieldsOf(HTTP).find((field) => field.key === "auth");
    expect(variantsOf(auth?.schema ?? {}, HTTP).map(({ name, tag }) => `${tag} ${name}`)).toEqual([
      "type bearer",
      "type basic",
    ]);
  });
});
