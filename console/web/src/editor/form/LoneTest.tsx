/**
 * A node tried by itself: a field for each earlier output that it reads, begun with what the last run gave, and one for
 * each earlier failure that it is for.
 */

import { FlaskConical } from "lucide-react";
import { useMemo, useState } from "react";
import { own } from "../../model/own";
import { failuresReadBy, firstItem, readBy } from "../document/trial";
import type { NodeView } from "../document/view";
import { useEditor, useEditorParts } from "../store";
import { knownOutputs, testAlone } from "../trying";
import { readInput, writeInput } from "./typing";

const ITEM = "item";

export function LoneTest({ node }: { readonly node: NodeView }) {
  const parts = useEditorParts();
  const view = useEditor((state) => state.pipeline.view);
  const pins = useEditor((state) => state.pins);
  const found = useEditor((state) => state.outputs);
  const known = useMemo(() => knownOutputs({ pins, outputs: found }), [pins, found]);
  const [typed, setTyped] = useState<Readonly<Record<string, string>>>({});
  const isInLoop = node.parent !== null;
  const names = useMemo(() => [...(isInLoop ? [ITEM] : []), ...readBy(view, node.id)], [view, node.id, isInLoop]);
  const begun = (name: string) =>
    writeInput("loose", name === ITEM ? firstItem(view, node.id, known) : (known.get(name) ?? null));
  const readings = names.map((name) => [name, readInput("loose", own(typed, name) ?? begun(name))] as const);
  const failures = useMemo(() => failuresReadBy(view, node.id), [view, node.id]);
  const [messages, setMessages] = useState<Readonly<Record<string, string>>>({});
  const errors = [...failures].map(([name, isLed]) => [name, own(messages, name) ?? (isLed ? "failed" : "")] as const);
  const isReadable = readings.every(([, reading]) => "value" in reading);
  const test = () => {
    const values = new Map(
      readings.map(([name, reading]) => [name, "value" in reading ? (reading.value ?? null) : null]),
    );
    const item = values.get(ITEM);
    values.delete(ITEM);
    const failed = errors.filter(([, message]) => message !== "");
    for (const [name] of failed) values.delete(name);
    const given = { outputs: Object.fromEntries(values), errors: Object.fromEntries(failed), item: item ?? null };
    void testAlone(parts, node.id, given);
  };
  return (
    <div className="form__group">
      {readings.map(([name, reading]) => (
        <label className="field" key={name}>
          <span className="field__label">
            {name === ITEM ? "Item of the loop" : "Output of "}
            {name !== ITEM && <span className="mono">{name}</span>}
          </span>
          <textarea
            className="expression__field"
            rows={1}
            spellCheck={false}
            aria-invalid={"problem" in reading}
            value={own(typed, name) ?? begun(name)}
            onChange={(event) => setTyped({ ...typed, [name]: event.target.value })}
          />
          {"problem" in reading && <span className="field__problem">{reading.problem}</span>}
          {"value" in reading && reading.note && <span className="field__hint">{reading.note}</span>}
        </label>
      ))}
      {errors.map(([name, message]) => (
        <label className="field" key={`error of ${name}`}>
          <span className="field__label">
            Error of <span className="mono">{name}</span>
          </span>
          <input
            className="input"
            value={message}
            placeholder="It does not fail"
            onChange={(event) => setMessages({ ...messages, [name]: event.target.value })}
          />
        </label>
      ))}
      <div>
        <button
          type="button"
          className="button button--small"
          disabled={!isReadable || !parts.mayChange}
          title="Runs this node and nothing else, with the values above"
          onClick={test}
        >
          <FlaskConical size={13} aria-hidden /> Test this node
        </button>
      </div>
    </div>
  );
}
