/**
 * A field for text with templates, which offers what can stand there. What is typed stays as it is while the field has the
 * focus, and counts at once; while an input method composes a syllable, nothing is taken or offered.
 */

import { type KeyboardEvent, useId, useRef, useState } from "react";
import { useEditor, useEditorParts } from "../store";
import { type Completion, complete } from "./completion";
import { type Kind, readInput, writeInput } from "./schema";

export interface ExpressionInputProps {
  readonly id: string;
  readonly kind: Kind;
  readonly value: unknown;
  readonly onChange: (value: unknown) => void;
  readonly node: string | null;
  /** The whole text is an expression, with or without braces. */
  readonly isExpression?: boolean;
  readonly placeholder?: string;
  readonly describedBy?: string | undefined;
  readonly isInvalid?: boolean;
  readonly label?: string;
}

export function ExpressionInput(props: ExpressionInputProps) {
  const { id, kind, value, onChange, isExpression = false } = props;
  const scope = useScope(props.node);
  const list = useId();
  const field = useRef<HTMLTextAreaElement>(null);
  const [draft, setDraft] = useState<string | null>(null);
  const [problem, setProblem] = useState("");
  const [offer, setOffer] = useState<(Completion & { readonly active: number }) | null>(null);
  const text = draft ?? writeInput(kind, value);

  const take = (typed: string) => {
    const reading = readInput(kind, typed);
    setProblem("problem" in reading ? reading.problem : "");
    if ("value" in reading) onChange(reading.value);
  };
  const look = (typed: string, caret: number) => {
    const found = complete(typed, caret, scope, isExpression);
    setOffer(found === null ? null : { ...found, active: 0 });
  };
  const accept = (chosen: string) => {
    const element = field.current;
    if (offer === null || element === null) return;
    const after = text.slice(0, offer.from) + chosen + text.slice(element.selectionStart);
    const caret = offer.from + chosen.length;
    setDraft(after);
    take(after);
    setOffer(null);
    requestAnimationFrame(() => element.setSelectionRange(caret, caret));
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (offer === null || event.nativeEvent.isComposing || event.keyCode === 229) return;
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
        onFocus={() => setDraft(writeInput(kind, value))}
        onBlur={() => {
          setDraft(null);
          setProblem("");
          setOffer(null);
        }}
        onKeyDown={onKeyDown}
      />
      {problem && (
        <span className="field__problem" id={`${id}-draft`}>
          {problem}
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

function useScope(node: string | null) {
  const { types } = useEditorParts();
  const view = useEditor((state) => state.pipeline.view);
  const outputs = useEditor((state) => state.outputs);
  return { view, types, node, outputs };
}
