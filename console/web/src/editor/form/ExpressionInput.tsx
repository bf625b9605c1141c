/**
 * A field for text with templates, which offers what can stand there. What is typed stays as it is while the field has the
 * focus, and counts at once; what can't be taken stays until it is mended or taken back. While an input method composes a
 * syllable, nothing is taken or offered.
 */

import { type KeyboardEvent, useId, useLayoutEffect, useRef, useState } from "react";
import type { Path } from "../document/source";
import { pointerOf } from "../document/view";
import { useEditor, useEditorParts } from "../store";
import { type Completion, complete } from "./completion";
import type { Kind } from "./schema";
import { useDraft, useIsOfDocument } from "./setting";
import { type Reading, readInput, writeInput } from "./typing";

export interface ExpressionInputProps {
  readonly id: string;
  readonly kind: Kind;
  readonly path: Path;
  readonly value: unknown;
  /** Returns whether it was taken. */
  readonly onChange: (value: unknown) => boolean;
  readonly node: string | null;
  /** The whole text is an expression, with or without braces. */
  readonly isExpression?: boolean;
  readonly placeholder?: string;
  readonly describedBy?: string | undefined;
  readonly isInvalid?: boolean;
  readonly label?: string;
}

export function ExpressionInput(props: ExpressionInputProps) {
  const { id, kind, path, value, onChange, isExpression = false } = props;
  const scope = useScope(props.node);
  const mayBeExpression = useIsOfDocument();
  const list = useId();
  const field = useRef<HTMLTextAreaElement>(null);
  const caretAfter = useRef<number | null>(null);
  const [kept, keep] = useDraft(props.node, path);
  const [draft, setDraft] = useState<string | null>(null);
  const [offer, setOffer] = useState<(Completion & { readonly active: number }) | null>(null);
  const written = writeInput(kind, value);
  const text = draft ?? kept ?? written;
  const problem = kept === undefined ? "" : problemOf(readInput(kind, kept), kind === "number" && mayBeExpression);
  const note = draft === null ? "" : noteOf(readInput(kind, draft));

  const take = (typed: string) => {
    const reading = readInput(kind, typed);
    const isTaken = "value" in reading && onChange(reading.value);
    keep(isTaken ? null : typed);
    // The server says what is wrong with data; left out, a test run would go without it and nobody would know.
    if (!("value" in reading) && !mayBeExpression) onChange(typed);
  };
  const takeBack = () => {
    keep(null);
    setDraft(null);
    field.current?.focus();
  };
  const look = (typed: string, caret: number) => {
    const found = mayBeExpression ? complete(typed, caret, scope, isExpression) : null;
    setOffer(found === null ? null : { ...found, active: 0 });
  };
  const accept = (chosen: string) => {
    const element = field.current;
    if (offer === null || element === null) return;
    const after = text.slice(0, offer.from) + chosen + text.slice(element.selectionStart);
    caretAfter.current = offer.from + chosen.length;
    setDraft(after);
    take(after);
    setOffer(null);
  };
  // Before the next key is taken: a frame later, it would go behind what has been typed meanwhile.
  useLayoutEffect(() => {
    if (caretAfter.current === null) return;
    field.current?.setSelectionRange(caretAfter.current, caretAfter.current);
    caretAfter.current = null;
  });
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.nativeEvent.isComposing || event.keyCode === 229) return;
    if (kept !== undefined && offer === null && event.key === "Escape") {
      takeBack();
      event.stopPropagation();
    }
    if (offer === null) return;
    const count = offer.suggestions.length;
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (step !== 0) setOffer({ ...offer, active: (offer.active + step + count) % count });
    else if (event.key === "Enter" || event.key === "Tab") accept(offer.suggestions[offer.active]?.text ?? "");
    else if (event.key === "Escape") setOffer(null);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div className="expression">
      <textarea
        ref={field}
        id={id}
        data-place={pointerOf(path)}
        rows={1}
        className="expression__field"
        value={text}
        placeholder={props.placeholder}
        spellCheck={false}
        autoComplete="off"
        role="combobox"
        aria-expanded={offer !== null}
        aria-controls={list}
        aria-autocomplete="list"
        aria-activedescendant={offer === null ? undefined : `${list}-${offer.active}`}
        aria-describedby={problem ? `${id}-draft` : props.describedBy}
        aria-invalid={problem !== "" || props.isInvalid}
        aria-label={props.label}
        onChange={(event) => {
          setDraft(event.target.value);
          if ((event.nativeEvent as InputEvent).isComposing) return;
          take(event.target.value);
          look(event.target.value, event.target.selectionStart);
        }}
        onCompositionEnd={(event) => take(event.currentTarget.value)}
        onClick={(event) => isExpression && look(text, event.currentTarget.selectionStart)}
        onBlur={() => {
          setDraft(null);
          setOffer(null);
        }}
        onKeyDown={onKeyDown}
      />
      {problem && (
        <span className="field__problem" id={`${id}-draft`}>
          {problem}.{" "}
          <button type="button" className="button button--small" onClick={takeBack}>
            Take it back
          </button>
        </span>
      )}
      {note && (
        <span className="field__hint" role="status">
          {note}
        </span>
      )}
      <div className="offers" id={list} role="listbox" aria-label="What can stand here" hidden={offer === null}>
        {offer?.suggestions.map((each, place) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the keys are those of the field
          // biome-ignore lint/a11y/useFocusableInteractive: the focus stays in the field, as in every combobox
          <div
            key={each.text}
            id={`${list}-${place}`}
            role="option"
            aria-selected={place === offer.active}
            onMouseDown={(event) => event.preventDefault()}
            onClick={() => accept(each.text)}
          >
            <span className="mono">{each.text}</span>
            <span className="offers__detail">{each.detail}</span>
          </div>
        ))}
      </div>
    </div>
  );
}

function problemOf(reading: Reading, mayBeTemplate: boolean): string {
  if (!("problem" in reading)) return "The YAML could not be changed, so this is not in it; type on to try again";
  return mayBeTemplate ? `${reading.problem}, or a template in {{ }}` : reading.problem;
}

function noteOf(reading: Reading): string {
  return "value" in reading ? (reading.note ?? "") : "";
}

function useScope(node: string | null) {
  const { types } = useEditorParts();
  const view = useEditor((state) => state.pipeline.view);
  const outputs = useEditor((state) => state.outputs);
  return { view, types, node, outputs };
}
