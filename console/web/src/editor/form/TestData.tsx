/** What test runs are started with: a form of the inputs that the pipeline declares, or JSON. It is no part of the pipeline. */

import { useId, useMemo, useState } from "react";
import { Tabs } from "../../run/Tabs";
import type { Fields as Values } from "../document/values";
import { objectOf } from "../document/values";
import { type Schema, useEditor, useEditorParts } from "../store";
import { isRecord, readData, renameIn, setIn, writeData } from "./data";
import { Fields } from "./Fields";
import { type Target, TargetContext } from "./setting";

const TABS = [
  { key: "form", title: "Form" },
  { key: "json", title: "JSON" },
] as const;

export function TestData() {
  const inputs = useEditor((state) => state.pipeline.view.inputs);
  const [active, setActive] = useState<"form" | "json">("form");
  const hasForm = Object.keys(inputs).length > 0;
  return (
    <section className="form__section" aria-label="Test runs">
      <h3>Test runs</h3>
      {hasForm ? (
        <Tabs label="The data of test runs as" items={TABS} active={active} onChange={setActive}>
          {active === "form" ? <DataForm inputs={inputs} /> : <DataText />}
        </Tabs>
      ) : (
        <DataText />
      )}
    </section>
  );
}

function DataForm({ inputs }: { readonly inputs: Values }) {
  const { store } = useEditorParts();
  const text = useEditor((state) => state.testData);
  const schema = useMemo(() => schemaOf(inputs), [inputs]);
  const target = useMemo((): Target => {
    const change = (edit: (data: unknown) => unknown) =>
      store.setState(({ testData }) => ({ testData: writeData(edit(readData(testData) ?? {})) }));
    return {
      set: (path, value) => {
        change((data) => setIn(data, path, value));
        return true;
      },
      remove: (path) => change((data) => setIn(data, path, undefined)),
      addItem: (path, value) => change((data) => setIn(data, [...path, Number.POSITIVE_INFINITY], value)),
      rename: (path, name) => change((data) => renameIn(data, path, name)),
    };
  }, [store]);
  const data = readData(text);
  if (!isRecord(data))
    return <p className="soft">What stands under JSON is no object, so that no form can show it. Mend it there.</p>;
  const others = Object.keys(data).filter((name) => !Object.hasOwn(inputs, name));
  return (
    <TargetContext value={target}>
      <div className="form__group">
        <Fields schema={schema} root={schema} path={[]} value={data} node={null} />
        {others.length > 0 && <p className="soft">Under JSON there is more: {others.join(", ")}.</p>}
      </div>
    </TargetContext>
  );
}

/** An input without a default has to be given. */
function schemaOf(inputs: Values): Schema {
  const required = Object.keys(inputs).filter((name) => !Object.hasOwn(objectOf(inputs[name]), "default"));
  return { type: "object", properties: inputs, required };
}

function DataText() {
  const { store } = useEditorParts();
  const data = useEditor((state) => state.testData);
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>Started with</label>
      <textarea
        id={id}
        className="expression__field"
        rows={2}
        spellCheck={false}
        value={data}
        aria-invalid={readData(data) === undefined}
        aria-describedby={`${id}-hint`}
        onChange={(event) => store.setState({ testData: event.target.value })}
      />
      <span className="field__hint" id={`${id}-hint`}>
        JSON; gives the run's inputs, and becomes trigger.data. It is no part of the pipeline.
      </span>
    </div>
  );
}
