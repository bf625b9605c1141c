/** The settings of one node: its own, made from its type's schemas, then what every node has, and how to try it. */

import { useMemo } from "react";
import { kindOf, TypeIcon } from "../../graph/icons";
import { type Ends, openEnds } from "../document/connecting";
import { connect, disconnect } from "../document/edges";
import { renameNode } from "../document/nodes";
import { setField } from "../document/pipeline";
import { objectOf } from "../document/values";
import type { NodeView } from "../document/view";
import { renameDrafts } from "../drafts";
import { problemsByNode } from "../problems";
import { change, type Schema, useEditor, useEditorParts } from "../store";
import { ChooseAndAct } from "./ChooseAndAct";
import { Fields } from "./Fields";
import { NameInput } from "./NameInput";
import { NodeTrial } from "./NodeTrial";

/** Fields of every node that have a place of their own. */
const APART = new Set(["id", "type", "config", "inputs", "name"]);

export function NodeForm({ node }: { readonly node: NodeView }) {
  const { types, store, schema } = useEditorParts();
  const type = types.get(node.type);
  const problems = useEditor((state) => problemsByNode(state).get(node.id));
  const rename = (name: string) => {
    if (name === "" || name === node.id) return;
    const isDone = change(store, { label: `Rename ${node.id}`, select: [name] }, (pipeline) =>
      renameNode(pipeline, types, node.id, name),
    );
    if (isDone) renameDrafts(store, node.id, name);
  };
  const setName = (name: string) => {
    change(store, { label: `Name ${node.id}` }, (pipeline) =>
      setField(pipeline, [...node.path, "name"], name || undefined),
    );
  };
  return (
    <>
      <header className="inspector__head">
        <div className="inspector__title">
          <span className={kindOf(type?.category)}>
            <TypeIcon name={type?.icon} />
          </span>
          <div className="node__names">
            <h2 className="clip">{node.name || node.id}</h2>
            <span className="node__type">{node.type}</span>
          </div>
        </div>
        <p className="soft">{type?.description.replace(/``/g, "`") ?? `There is no node type ${node.type} here.`}</p>
        {problems !== undefined && (
          <ul className="problems problems--node">
            {problems.map((message) => (
              <li key={message}>{message}</li>
            ))}
          </ul>
        )}
      </header>
      <div className="inspector__body form">
        <div className="form__pair">
          <div className="field">
            <label htmlFor="node-id">Id</label>
            <NameInput id="node-id" label="Id" name={node.id} onChange={rename} />
          </div>
          <div className="field">
            <label htmlFor="node-name">Shown as</label>
            <NameInput id="node-name" label="Shown as" name={node.name} onChange={setName} />
          </div>
        </div>
        <Own node={node} />
        <Connections node={node} />
        <details className="more more--section">
          <summary>Running</summary>
          <div className="form__group">
            <Fields
              schema={objectOf(objectOf(schema.$defs).Node)}
              root={schema}
              path={node.path}
              value={node.fields}
              node={node.id}
              without={APART}
              expressions={WHEN}
            />
          </div>
        </details>
        <NodeTrial node={node} />
      </div>
    </>
  );
}

const WHEN = new Set(["when"]);

/** What the type takes: config and inputs. Of a type without config of its own both are one. */
function Own({ node }: { readonly node: NodeView }) {
  const { types } = useEditorParts();
  const type = types.get(node.type);
  const expressions = useMemo(() => expressionsOf(type?.renderings ?? {}), [type]);
  if (type === undefined) return null;
  const { configSchema, inputSchema } = type;
  return (
    <>
      {configSchema !== null && hasFields(configSchema) && (
        <section className="form__section" aria-label="Settings">
          <h3>Settings</h3>
          <Fields
            schema={configSchema}
            root={configSchema}
            path={[...node.path, "config"]}
            value={node.config}
            node={node.id}
            expressions={expressions}
            without={BODY}
          />
        </section>
      )}
      {hasFields(inputSchema) && (
        <section className="form__section" aria-label="Inputs">
          <h3>Inputs</h3>
          <Fields
            schema={free(inputSchema)}
            root={inputSchema}
            path={inputSchema.additionalProperties ? node.path : [...node.path, "inputs"]}
            value={inputSchema.additionalProperties ? node.fields : node.inputs}
            node={node.id}
          />
        </section>
      )}
    </>
  );
}

/** The body of a loop is drawn, not typed in. */
const BODY = new Set(["body"]);

function hasFields(schema: Schema): boolean {
  return Object.keys(objectOf(schema.properties)).length > 0 || Boolean(schema.additionalProperties);
}

/** Inputs of any name are one field, a map. */
function free(schema: Schema): Schema {
  if (!schema.additionalProperties) return schema;
  const names = {
    type: "object",
    additionalProperties: schema.additionalProperties,
    description: "Any names; expressions see them.",
  };
  return { type: "object", properties: { inputs: names } };
}

function expressionsOf(renderings: Readonly<Record<string, string>>): ReadonlySet<string> {
  const whole = Object.entries(renderings).filter(
    ([, rendering]) => rendering === "expression" || rendering === "deferred",
  );
  return new Set(whole.map(([field]) => field.split(".").at(-1) ?? field));
}

/** The edges of a node as lists to choose from: the way to connect without a pointer. */
function Connections({ node }: { readonly node: NodeView }) {
  const { types } = useEditorParts();
  const view = useEditor((state) => state.pipeline.view);
  const before = view.edges.filter((edge) => edge.to === node.id);
  const after = view.edges.filter((edge) => edge.from === node.id);
  const sources = useMemo(() => openEnds(view, types, node.id, "to"), [view, types, node.id]);
  const targets = useMemo(() => openEnds(view, types, node.id, "from"), [view, types, node.id]);
  return (
    <section className="form__section" aria-label="Connections">
      <h3>Connections</h3>
      <EdgeList
        title="Follows"
        edges={before}
        candidates={sources}
        nameOf={({ from, port }) => (port === "out" ? from : `${from}, ${port}`)}
      />
      <EdgeList
        title="Leads to"
        edges={after}
        candidates={targets}
        nameOf={({ to, port }) => (port === "out" ? to : `${port}: ${to}`)}
      />
    </section>
  );
}

interface EdgeListProps {
  readonly title: string;
  readonly edges: readonly Ends[];
  readonly candidates: readonly Ends[];
  readonly nameOf: (ends: Ends) => string;
}

function EdgeList({ title, edges, candidates, nameOf }: EdgeListProps) {
  const { store, types } = useEditorParts();
  const add = (ends: Ends) =>
    change(store, { label: `Connect ${ends.from} and ${ends.to}` }, (pipeline) => connect(pipeline, types, ends));
  return (
    <div className="field">
      <span className="field__label">{title}</span>
      <div className="chips">
        {edges.map((edge) => (
          <button
            key={nameOf(edge)}
            type="button"
            className="chip mono"
            aria-label={`Disconnect ${nameOf(edge)}`}
            title="Disconnect"
            onClick={() =>
              change(store, { label: `Disconnect ${edge.from} and ${edge.to}` }, (pipeline) =>
                disconnect(pipeline, edge),
              )
            }
          >
            {nameOf(edge)} <span aria-hidden>×</span>
          </button>
        ))}
        {candidates.length > 0 && (
          <ChooseAndAct
            label={`${title}: connect`}
            action="Connect"
            options={candidates.map((ends) => ({ name: nameOf(ends), act: () => add(ends) }))}
          />
        )}
      </div>
    </div>
  );
}
