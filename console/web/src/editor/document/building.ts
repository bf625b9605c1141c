/** Builders for tests: the article generator with a comment wherever one can be, and the node types that it needs. */

import type { NodeTypeRecord } from "../../api/schema";
import type { NodeTypes } from "./connecting";
import { type Pipeline, readPipeline } from "./pipeline";

export const ARTICLE = `# Writes an article.
apiVersion: flume/v1
kind: Pipeline
metadata:
  name: article-generator # unique
trigger: {type: webhook}
variables:
  model: llama3.1-70b
nodes:
  # Where topics come from.
  - id: fetch-topic
    type: http-request
    config:
      method: GET
      url: "https://api.example.com/topics"

  - id: generate-article
    type: llm-generate
    runOn: gpu # GPU Pod에서 실행
    config: {model: "{{variables.model}}", maxTokens: 4096}
    inputs:
      prompt: |
        주제: {{fetch-topic.output.topic}}
        위 주제로 뉴스 기사를 작성하세요.

  - id: save-article
    type: mongodb-insert
    config: {database: flume, collection: articles}
    inputs:
      document:
        title: "{{fetch-topic.output.topic}}"
        content: '{{ generate-article.output | default("fetch-topic") }}'
edges:
  - {from: fetch-topic, to: generate-article} # first
  - {from: generate-article, to: save-article}
`;

const NO_TYPE: NodeTypeRecord = {
  name: "",
  version: 1,
  category: "",
  description: "",
  icon: "",
  lanes: ["engine"],
  runOn: "engine",
  role: "",
  pure: false,
  retryable: true,
  timeoutSeconds: null,
  ports: ["out"],
  configSchema: { type: "object", properties: {} },
  inputSchema: { type: "object", properties: {} },
  outputSchema: {},
  renderings: {},
  concurrency: 1,
  resources: {},
  scale: {},
  image: "",
  secrets: [],
  source: "",
  links: {},
};

/** A node type with only what a test is about. */
export function aType(name: string, given: Partial<NodeTypeRecord> = {}): NodeTypeRecord {
  return { ...NO_TYPE, name, ...given };
}

export const TYPES: NodeTypes = new Map(
  [
    aType("http-request"),
    aType("llm-generate", { category: "AI" }),
    aType("mongodb-insert"),
    aType("log"),
    aType("condition", { ports: ["true", "false"], renderings: { expression: "expression" } }),
    aType("switch", { ports: null, renderings: { value: "expression" } }),
    aType("loop", { renderings: { body: "verbatim" } }),
    aType("script", { renderings: { "config.code": "verbatim" } }),
  ].map((type) => [type.name, type]),
);

/** The pipeline of a text that can be read. */
export function aPipeline(text: string = ARTICLE): Pipeline {
  const pipeline = readPipeline(text);
  if (pipeline === null) throw new Error(`no pipeline:\n${text}`);
  return pipeline;
}

/** A pipeline of these nodes and edges and nothing else. */
export function aText(nodes: string, more = ""): string {
  return `apiVersion: flume/v1\nkind: Pipeline\nmetadata: {name: p}\nnodes:\n${nodes}${more}`;
}

/** The lines that are only in one of two texts, as a diff has them. */
export function changes(before: string, after: string): readonly string[] {
  const [old, fresh] = [before.split("\n"), after.split("\n")];
  return [
    ...old.filter((line) => !fresh.includes(line)).map((line) => `-${line}`),
    ...fresh.filter((line) => !old.includes(line)).map((line) => `+${line}`),
  ];
}
