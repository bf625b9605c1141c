/** A node tried by itself: a field for each earlier output that it reads, begun with what the last run gave. */

import { FlaskConical } from "lucide-react";
import { useMemo, useState } from "react";
import { firstItem, readBy } from "../document/trial";
import type { NodeView } from "../document/view";
import { useEditor, useEditorParts } from "../store";
import { knownOutputs, testAlone } from "../trying";
import { readInput, writeInput } from "./schema";

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
  const readings = names.map((name) => [name, readInput("loose", typed[name] ?? begun(name))] as const);
  const isReadable = readings.every(([, reading]) => "value" in reading);
  const test = () => {
    const values = new Map(
      readings.map(([name, reading]) => [name, "value" in reading ? (reading.value ?? null) : null]),
    );
    const item = values.get(ITEM);
    values.delete(ITEM);
    void testAlone(parts, node.id, { outputs: Object.fromEntries(values), item: item ?? null });
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
            value={typed[name] ?? begun(name)}
            onChange={(event) => setTyped({ ...typed, [name]: event.target.value })}
          />
          {"problem" in reading && <span className="field__problem">{reading.problem}</span>}
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
