/** Maps with free names, and lists: a line for each, with a button that adds one and one that removes it. */

import { Plus, X } from "lucide-react";
import { useId, useState } from "react";
import type { Path } from "../document/source";
import { objectOf } from "../document/values";
import { ExpressionInput } from "./ExpressionInput";
import { NameInput } from "./NameInput";
import { type Field, innerField } from "./schema";
import { type ControlProps, useSet, useTarget } from "./setting";

/** A map whose names are free: a line each. */
export function Entries({ field, path, value, node, root, id }: ControlProps) {
  const target = useTarget();
  const entries = Object.entries(objectOf(value));
  const [added, setAdded] = useState(-1);
  const add = () => {
    const names = new Set(entries.map(([name]) => name));
    let name = "name";
    for (let number = 2; names.has(name); number += 1) name = `name-${number}`;
    target.set([...path, name], "");
    setAdded(entries.length);
  };
  const rename = (name: string, wanted: string) => {
    if (wanted !== "" && wanted !== name) target.rename([...path, name], wanted);
  };
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset can't be laid out as a grid in all browsers
    <div className="entries" role="group" aria-labelledby={`${id}-label`}>
      {entries.map(([name, inner], place) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a line stays the same while its name is typed
        <div className="entries__line" key={place}>
          <NameInput
            name={name}
            label={`Name ${place + 1} of ${field.label}`}
            isBegun={place === added}
            onChange={(wanted) => rename(name, wanted)}
          />
          <Entry field={innerField(field, name, root)} path={[...path, name]} value={inner} node={node} />
          <Remove path={[...path, name]} name={name} />
        </div>
      ))}
      <button type="button" className="button button--small" onClick={add}>
        <Plus size={13} aria-hidden /> Add to {field.label.toLowerCase()}
      </button>
    </div>
  );
}

export function Items({ field, path, value, node, root, id }: ControlProps) {
  const target = useTarget();
  const items = Array.isArray(value) ? (value as unknown[]) : [];
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset can't be laid out as a grid in all browsers
    <div className="entries" role="group" aria-labelledby={`${id}-label`}>
      {items.map((item, place) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: items have no name but their place
        <div className="entries__line entries__line--item" key={place}>
          <Entry field={innerField(field, String(place + 1), root)} path={[...path, place]} value={item} node={node} />
          <Remove path={[...path, place]} name={`item ${place + 1}`} />
        </div>
      ))}
      <button type="button" className="button button--small" onClick={() => target.addItem(path, "")}>
        <Plus size={13} aria-hidden /> Add to {field.label.toLowerCase()}
      </button>
    </div>
  );
}

function Entry({
  field,
  path,
  value,
  node,
}: {
  readonly field: Field;
  readonly path: Path;
  readonly value: unknown;
  readonly node: string | null;
}) {
  const id = useId();
  const set = useSet(path);
  // Emptied by its reader it stays, as an empty text: only the button beside it removes it.
  const keep = (inner: unknown) => set(inner === undefined ? "" : inner);
  const kind = field.kind === "text" || field.kind === "number" || field.kind === "yaml" ? field.kind : "loose";
  return (
    <ExpressionInput
      id={id}
      kind={kind}
      path={path}
      value={value}
      onChange={keep}
      node={node}
      label={`Value of ${field.key}`}
    />
  );
}

function Remove({ path, name }: { readonly path: Path; readonly name: string }) {
  const target = useTarget();
  return (
    <button
      type="button"
      className="button button--plain button--icon button--small"
      aria-label={`Remove ${name}`}
      onClick={() => target.remove(path)}
    >
      <X size={14} aria-hidden />
    </button>
  );
}
