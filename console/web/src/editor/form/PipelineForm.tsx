/** What belongs to the pipeline as a whole: its name, what starts it, what a run takes, and the data of test runs. */

import { Plus, Trash2 } from "lucide-react";
import { renameKey, setField } from "../document/pipeline";
import { objectOf } from "../document/values";
import type { TriggerView } from "../document/view";
import { change, useEditor, useEditorParts } from "../store";
import { addTriggerOf, TRIGGER_KINDS, triggerSchema } from "../triggers";
import { ChooseAndAct } from "./ChooseAndAct";
import { Fields } from "./Fields";
import { NameInput } from "./NameInput";
import { labelOf } from "./schema";
import { TestData } from "./TestData";

const INPUT_FIELDS = new Set(["title", "properties", "required", "items", "minItems", "maxItems", "pattern", "format"]);

export function PipelineForm() {
  const { schema } = useEditorParts();
  const view = useEditor((state) => state.pipeline.view);
  const definitions = objectOf(schema.$defs);
  return (
    <>
      <header className="inspector__head">
        <h2>{view.name || "Pipeline"}</h2>
        <p className="soft">Select a node to change its settings. Here is what belongs to the whole pipeline.</p>
      </header>
      <div className="inspector__body form">
        <section className="form__section" aria-label="Pipeline">
          <Fields
            schema={objectOf(definitions.Metadata)}
            root={schema}
            path={["metadata"]}
            value={view.metadata}
            node={null}
            without={new Set(["namespace", "labels"])}
          />
        </section>
        <Triggers />
        <Inputs />
        <section className="form__section" aria-label="Variables">
          <Fields
            schema={{
              type: "object",
              properties: {
                variables: {
                  type: "object",
                  additionalProperties: true,
                  description: "Values that templates reach as variables.NAME.",
                },
              },
            }}
            root={schema}
            path={view.base}
            value={{ variables: view.variables }}
            node={null}
          />
        </section>
        <TestData />
      </div>
    </>
  );
}

function Triggers() {
  const parts = useEditorParts();
  const triggers = useEditor((state) => state.pipeline.view.triggers);
  return (
    <section className="form__section" aria-label="Triggers">
      <h3>What starts it</h3>
      {triggers.length === 0 && <p className="soft">Whoever presses Run, or calls its invoke address.</p>}
      {triggers.map((trigger) => (
        <Trigger key={trigger.path.join()} trigger={trigger} />
      ))}
      <ChooseAndAct
        label="What else starts it"
        action="Add"
        options={TRIGGER_KINDS.map(({ name, description }) => ({
          name: `${description} (${name})`,
          act: () => addTriggerOf(parts, name),
        }))}
      />
    </section>
  );
}

function Trigger({ trigger }: { readonly trigger: TriggerView }) {
  const { store, schema } = useEditorParts();
  const definition = objectOf(objectOf(schema.$defs)[triggerSchema(trigger.type)]);
  const remove = () =>
    change(store, { label: `Remove ${trigger.id}` }, (pipeline) => setField(pipeline, trigger.path, undefined));
  return (
    <details className="more more--card" open>
      <summary>
        {labelOf(trigger.type)} <span className="mono soft">{trigger.id}</span>
      </summary>
      <div className="form__group">
        <Fields
          schema={definition}
          root={schema}
          path={trigger.path}
          value={trigger.fields}
          node={null}
          without={new Set(["type"])}
        />
        <div>
          <button type="button" className="button button--small" onClick={remove}>
            <Trash2 size={13} aria-hidden /> Remove trigger {trigger.id}
          </button>
        </div>
      </div>
    </details>
  );
}

function Inputs() {
  const { store, schema } = useEditorParts();
  const view = useEditor((state) => state.pipeline.view);
  const definition = objectOf(objectOf(schema.$defs).Input);
  const path = [...view.base, "inputs"];
  const add = () => {
    let name = "input";
    for (let number = 2; Object.hasOwn(view.inputs, name); number += 1) name = `input${number}`;
    change(store, { label: "Add an input" }, (pipeline) => setField(pipeline, [...path, name], { type: "string" }));
  };
  return (
    <section className="form__section" aria-label="Inputs">
      <h3>What a run takes</h3>
      {Object.entries(view.inputs).map(([name, input], place) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: it stays the same while its name is typed
        <details className="more more--card" key={place}>
          <summary>
            <span className="mono">{name}</span>{" "}
            <span className="soft">{String(objectOf(input).type ?? "anything")}</span>
          </summary>
          <div className="form__group">
            <div className="field">
              <span className="field__label">Name</span>
              <NameInput
                label={`Name of input ${name}`}
                name={name}
                onChange={(wanted) =>
                  wanted &&
                  wanted !== name &&
                  change(store, { label: `Rename ${name}` }, (pipeline) => renameKey(pipeline, [...path, name], wanted))
                }
              />
            </div>
            <Fields
              schema={definition}
              root={schema}
              path={[...path, name]}
              value={input}
              node={null}
              without={INPUT_FIELDS}
            />
            <div>
              <button
                type="button"
                className="button button--small"
                onClick={() =>
                  change(store, { label: `Remove ${name}` }, (pipeline) =>
                    setField(pipeline, [...path, name], undefined),
                  )
                }
              >
                <Trash2 size={13} aria-hidden /> Remove input {name}
              </button>
            </div>
          </div>
        </details>
      ))}
      <div>
        <button type="button" className="button button--small" onClick={add}>
          <Plus size={13} aria-hidden /> Add an input
        </button>
      </div>
    </section>
  );
}
