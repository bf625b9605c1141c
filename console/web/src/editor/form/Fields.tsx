/** Fields of a form, made from a JSON Schema. Each sets its own path of the document, and nothing else. */

import { useId } from "react";
import { own } from "../../model/own";
import { objectOf } from "../document/values";
import { pointerOf } from "../document/view";
import type { Schema } from "../store";
import { Choice } from "./Choice";
import { Entries, Items } from "./Entries";
import { Expression } from "./Expression";
import { type Field, fieldsOf, variantsOf } from "./schema";
import { type ControlProps, type FieldRowProps, type Place, useProblem, useSet } from "./setting";
import { isTemplate } from "./typing";

export interface FieldsProps extends Place {
  readonly schema: Schema;
  readonly without?: ReadonlySet<string>;
}

export function Fields({ schema, without, ...place }: FieldsProps) {
  const values = objectOf(place.value);
  const fields = fieldsOf(schema, place.root, without ?? new Set());
  const rare = fields.filter((field) => !field.isRequired && own(values, field.key) === undefined);
  const shown = fields.length > 5 ? fields.filter((field) => !rare.includes(field)) : fields;
  const hidden = fields.length > 5 ? rare : [];
  const draw = (field: Field) => (
    <FieldRow
      key={field.key}
      field={field}
      {...place}
      path={[...place.path, field.key]}
      value={own(values, field.key)}
    />
  );
  return (
    <>
      {shown.map(draw)}
      {hidden.length > 0 && (
        <details className="more">
          <summary>
            {hidden.length} more:{" "}
            <span className="soft">{hidden.map((field) => field.label.toLowerCase()).join(", ")}</span>
          </summary>
          <div className="form__group">{hidden.map(draw)}</div>
        </details>
      )}
    </>
  );
}

function FieldRow(props: FieldRowProps) {
  const { field, path } = props;
  const id = useId();
  const problem = useProblem(path);
  const set = useSet(path);
  const hint = [field.description, field.fallback && `Without it: ${field.fallback}`].filter(Boolean).join(" ");
  const describedBy = [problem && `${id}-problem`, hint && `${id}-hint`].filter(Boolean).join(" ") || undefined;
  const isCompound =
    field.kind === "group" || field.kind === "map" || field.kind === "list" || field.kind === "variants";
  const Label = isCompound ? "span" : "label";
  return (
    <div className="field" data-field={pointerOf(path)}>
      <Label className="field__label" {...(isCompound ? { id: `${id}-label` } : { htmlFor: id })}>
        {field.label}
        {field.isRequired && (
          <span className="field__required" title="needed">
            *
          </span>
        )}
      </Label>
      <Control {...props} id={id} set={set} describedBy={describedBy} isInvalid={problem !== ""} />
      {problem && (
        <span className="field__problem" id={`${id}-problem`}>
          {problem}
        </span>
      )}
      {hint && (
        <span className="field__hint" id={`${id}-hint`}>
          {hint}
        </span>
      )}
    </div>
  );
}

function Control(props: ControlProps) {
  const { field, value } = props;
  const isText = typeof value === "string" && isTemplate(value);
  switch (field.kind) {
    case "choice":
    case "switch":
      return <Choice {...props} />;
    case "group":
      return isText ? <Expression {...props} /> : <Group {...props} />;
    case "map":
      return isText ? <Expression {...props} /> : <Entries {...props} />;
    case "list":
      return isText || !Array.isArray(value ?? []) ? <Expression {...props} /> : <Items {...props} />;
    case "variants":
      return <Variants {...props} />;
    default:
      return <Expression {...props} />;
  }
}

function Group({ field, path, value, node, root, id }: ControlProps) {
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset can't be laid out as a grid in all browsers
    <div className="form__group form__group--inner" role="group" aria-labelledby={`${id}-label`}>
      <Fields schema={field.schema} root={root} path={path} value={value} node={node} />
    </div>
  );
}

function Variants({ field, path, value, node, root, set, id }: ControlProps) {
  const variants = variantsOf(field.schema, root);
  const tag = variants[0]?.tag ?? "type";
  const chosen = String(own(objectOf(value), tag) ?? "");
  const variant = variants.find((each) => each.name === chosen);
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset can't be laid out as a grid in all browsers
    <div className="form__group" role="group" aria-labelledby={`${id}-label`}>
      <select
        aria-label={field.label}
        value={chosen}
        onChange={(event) => set(event.target.value === "" ? undefined : { [tag]: event.target.value })}
      >
        <option value="">none</option>
        {variants.map((each) => (
          <option key={each.name} value={each.name}>
            {each.name}
          </option>
        ))}
      </select>
      {variant !== undefined && (
        <div className="form__group form__group--inner">
          <Fields schema={variant.schema} root={root} path={path} value={value} node={node} without={new Set([tag])} />
        </div>
      )}
    </div>
  );
}
