/** The text itself, beside the canvas: every change here is a change there, and the other way around. */

import { autocompletion, type CompletionContext, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, indentWithTab } from "@codemirror/commands";
import { yaml } from "@codemirror/lang-yaml";
import { bracketMatching, foldGutter, HighlightStyle, indentOnInput, syntaxHighlighting } from "@codemirror/language";
import { type Diagnostic, lintGutter, setDiagnostics } from "@codemirror/lint";
import { search, searchKeymap } from "@codemirror/search";
import { Annotation, Compartment, EditorState, RangeSet, StateEffect, StateField } from "@codemirror/state";
import {
  Decoration,
  type DecorationSet,
  drawSelection,
  EditorView,
  highlightActiveLine,
  keymap,
  lineNumbers,
} from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { useEffect, useRef } from "react";
import { spliceBetween } from "../document/splices";
import { nodeAround } from "../document/view";
import { complete } from "../form/completion";
import { problemsOf } from "../problems";
import { type EditorParts, onlySelected, redo, select, setText, undo, useEditorParts } from "../store";

const FromOutside = Annotation.define<boolean>();
const setMarked = StateEffect.define<readonly [from: number, to: number] | null>();
const LINE = Decoration.line({ class: "cm-marked" });

/** The lines of the node that is selected. */
const marked = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update(before, transaction) {
    let lines = before.map(transaction.changes);
    for (const effect of transaction.effects) {
      if (!effect.is(setMarked)) continue;
      lines = Decoration.none;
      if (effect.value === null) continue;
      const { doc } = transaction.state;
      const [first, last] = effect.value.map((at) => doc.lineAt(Math.min(at, doc.length)).number);
      const numbers = Array.from({ length: (last ?? 0) - (first ?? 0) + 1 }, (_, place) => (first ?? 1) + place);
      lines = RangeSet.of(numbers.map((number) => LINE.range(doc.line(number).from)));
    }
    return lines;
  },
  provide: (field) => EditorView.decorations.from(field),
});

const HIGHLIGHT = HighlightStyle.define([
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], class: "token--key" },
  { tag: [tags.string, tags.special(tags.string), tags.content], class: "token--text" },
  { tag: [tags.number, tags.bool, tags.null, tags.keyword], class: "token--number" },
  { tag: [tags.comment, tags.lineComment], class: "token--comment" },
]);

export default function YamlPane() {
  const parts = useEditorParts();
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (place.current === null) return;
    return follow(parts, place.current);
  }, [parts]);
  return <div className="yaml" ref={place} />;
}

/** Makes the view and keeps it and the store alike. Returns how to end that. */
function follow(parts: EditorParts, parent: HTMLElement): () => void {
  const { store } = parts;
  const nonce = document.querySelector<HTMLScriptElement>("script[nonce]")?.nonce ?? "";
  const editable = new Compartment();
  const view = new EditorView({
    parent,
    state: EditorState.create({
      doc: store.getState().text,
      extensions: [
        EditorView.cspNonce.of(nonce),
        EditorView.contentAttributes.of({ "aria-label": "The pipeline as YAML", spellcheck: "false", tabindex: "0" }),
        EditorState.tabSize.of(2),
        editable.of([]),
        lineNumbers(),
        foldGutter(),
        drawSelection(),
        highlightActiveLine(),
        indentOnInput(),
        bracketMatching(),
        yaml(),
        syntaxHighlighting(HIGHLIGHT),
        lintGutter(),
        search({ top: true }),
        marked,
        autocompletion({ override: [(context) => suggest(parts, context)], icons: false }),
        keymap.of([
          { key: "Mod-z", run: () => did(() => undo(store)), preventDefault: true },
          { key: "Mod-y", run: () => did(() => redo(store)), preventDefault: true },
          { key: "Mod-Shift-z", run: () => did(() => redo(store)), preventDefault: true },
          ...completionKeymap,
          ...searchKeymap,
          ...defaultKeymap,
          indentWithTab,
        ]),
        EditorView.updateListener.of((update) => {
          const isOurs = update.transactions.some((transaction) => transaction.annotation(FromOutside));
          if (update.docChanged && !isOurs)
            setText(store, update.state.doc.toString(), { label: "Type YAML", of: "yaml" });
          if (update.selectionSet && !isOurs && view.hasFocus) selectAround(parts, update.state.selection.main.head);
        }),
      ],
    }),
  });
  const stop = store.subscribe((state, before) => {
    if (state.text !== before.text) takeText(view, state.text);
    if (state.selected !== before.selected || state.pipeline !== before.pipeline)
      markSelected(view, parts, state.selected !== before.selected);
    if (state.problems !== before.problems || state.faults !== before.faults) mark(view, parts);
  });
  markSelected(view, parts, true);
  mark(view, parts);
  return () => {
    stop();
    view.destroy();
  };
}

function did(act: () => void): true {
  act();
  return true;
}

function takeText(view: EditorView, text: string): void {
  const splice = spliceBetween(view.state.doc.toString(), text);
  if (splice === null) return;
  view.dispatch({
    changes: { from: splice.from, to: splice.to, insert: splice.text },
    annotations: FromOutside.of(true),
  });
}

function markSelected(view: EditorView, { store }: EditorParts, isShown: boolean): void {
  const state = store.getState();
  const id = onlySelected(state);
  const span = id === null || state.faults.length > 0 ? null : (state.pipeline.view.byId.get(id)?.span ?? null);
  const scroll =
    span !== null && isShown && !view.hasFocus
      ? [EditorView.scrollIntoView(Math.min(span[0], view.state.doc.length), { y: "start", yMargin: 40 })]
      : [];
  view.dispatch({ effects: [setMarked.of(span), ...scroll], annotations: FromOutside.of(true) });
}

/** The node around the cursor is the one that is shown. */
function selectAround({ store }: EditorParts, at: number): void {
  const state = store.getState();
  if (state.faults.length > 0) return;
  const id = nodeAround(state.pipeline.view, at);
  if (id !== null && onlySelected(state) !== id) select(store, [id]);
}

function mark(view: EditorView, { store }: EditorParts): void {
  const state = store.getState();
  const length = view.state.doc.length;
  const diagnostics = problemsOf(state).map((problem): Diagnostic => {
    const from = Math.min(problem.from, length);
    const message = problem.hint ? `${problem.message}\n${problem.hint}` : problem.message;
    return { from, to: Math.max(from, Math.min(problem.to, length)), severity: "error", message, source: problem.code };
  });
  view.dispatch(setDiagnostics(view.state, diagnostics));
}

function suggest({ store, types }: EditorParts, context: CompletionContext) {
  const { pipeline, outputs } = store.getState();
  const line = context.state.doc.lineAt(context.pos);
  const scope = { view: pipeline.view, types, node: nodeAround(pipeline.view, context.pos), outputs };
  const found = complete(line.text, context.pos - line.from, scope);
  if (found === null) return null;
  return {
    from: line.from + found.from,
    options: found.suggestions.map(({ text, detail }) => ({ label: text, detail })),
  };
}
