/** Trying one node: up to it, or by itself with what it reads; what it gave, and keeping that for later test runs. */

import { Pin, PinOff, Play } from "lucide-react";
import { useStore } from "zustand";
import { lookOf, WORDS } from "../../model/look";
import { own } from "../../model/own";
import type { RunParts } from "../../run/store";
import { Value } from "../../run/Value";
import type { NodeView } from "../document/view";
import { useEditor, useEditorParts } from "../store";
import { knownOutputs, pin, startTest, unpin } from "../trying";
import { LoneTest } from "./LoneTest";
import { useBodyResult } from "./useBodyResult";

export function NodeTrial({ node }: { readonly node: NodeView }) {
  const run = useEditor((state) => state.run);
  const isInLoop = node.parent !== null;
  return (
    <section className="form__section" aria-label="Try it">
      <h3>Try it</h3>
      {!isInLoop && <UpToHere node={node} />}
      <LoneTest node={node} key={node.id} />
      {run !== null && (isInLoop ? <LatestOfBody run={run} id={node.id} /> : <Latest run={run} id={node.id} />)}
      {!isInLoop && <KnownOutput id={node.id} />}
    </section>
  );
}

function UpToHere({ node }: { readonly node: NodeView }) {
  const parts = useEditorParts();
  const isPinned = useEditor((state) => state.pins.has(node.id));
  const output = useEditor((state) => knownOutputs(state).get(node.id));
  return (
    <div className="actions">
      <button type="button" className="button button--small" onClick={() => void startTest(parts, { until: node.id })}>
        <Play size={13} aria-hidden /> Run up to here
      </button>
      {isPinned ? (
        <button
          type="button"
          className="button button--small"
          aria-pressed="true"
          onClick={() => unpin(parts.store, node.id)}
        >
          <PinOff size={13} aria-hidden /> Unpin
        </button>
      ) : (
        output !== undefined && (
          <button
            type="button"
            className="button button--small"
            title="Test runs take it from now on, instead of running this node"
            onClick={() => pin(parts.store, node.id, output)}
          >
            <Pin size={13} aria-hidden /> Pin this output
          </button>
        )
      )}
    </div>
  );
}

function Latest({ run, id }: { readonly run: RunParts; readonly id: string }) {
  const record = useStore(run.store, (state) => own(state.nodes, id));
  const text = useStore(run.store, (state) => state.texts.get(id)?.text);
  if (record === undefined) return null;
  return (
    <>
      <Ended word={WORDS[lookOf(record)]} error={record.error?.message} />
      {text !== undefined && record.status === "running" && <pre className="code code--wrap">{text}</pre>}
    </>
  );
}

/** Of a node in a loop: how it did in the item whose states the canvas shows. */
function LatestOfBody({ run, id }: { readonly run: RunParts; readonly id: string }) {
  const state = useEditor((editor) => editor.bodies.get(id));
  const detail = useBodyResult(run, state);
  if (state === undefined) return null;
  return (
    <>
      <Ended word={`Item ${state.index}: ${WORDS[lookOf(state)]}`} error={detail?.error?.message} />
      {detail?.status === "completed" && <Value label="Output" value={detail.output} />}
    </>
  );
}

function Ended({ word, error }: { readonly word: string; readonly error: string | undefined }) {
  return (
    <p className="soft" role="status">
      {word}
      {error !== undefined && <strong className="field__problem">: {error}</strong>}
    </p>
  );
}

function KnownOutput({ id }: { readonly id: string }) {
  const isPinned = useEditor((state) => state.pins.has(id));
  const output = useEditor((state) => knownOutputs(state).get(id));
  return output === undefined ? null : <Value label={isPinned ? "Pinned output" : "Output"} value={output} />;
}
