/** A choice among values that the schema names; or an expression, which only a run can turn into one of them. */

import { Expression } from "./Expression";
import { type ControlProps, useIsOfDocument } from "./setting";
import { isTemplate } from "./typing";

const TEMPLATE = "{{ }}";

export function Choice(props: ControlProps) {
  const { field, id, value, set, describedBy, isInvalid } = props;
  const mayBeExpression = useIsOfDocument();
  const options = field.kind === "switch" ? [true, false] : (field.schema.enum as readonly unknown[]);
  // What is typed over an expression of a switch is `true` or `false` again, not a text.
  if (typeof value === "string" && isTemplate(value))
    return <Expression {...props} field={{ ...field, kind: field.kind === "switch" ? "loose" : "text" }} />;
  const choose = (chosen: string) => {
    if (chosen === "") set(undefined);
    else if (chosen === TEMPLATE) set(TEMPLATE);
    else set(options.find((option) => String(option) === chosen));
  };
  return (
    <select
      id={id}
      value={value === undefined ? "" : String(value)}
      aria-describedby={describedBy}
      aria-invalid={isInvalid}
      onChange={(event) => choose(event.target.value)}
    >
      <option value="">{field.fallback ? `${field.fallback} (default)` : "–"}</option>
      {options.map((option) => (
        <option key={String(option)} value={String(option)}>
          {String(option)}
        </option>
      ))}
      {mayBeExpression && <option value={TEMPLATE}>An expression …</option>}
    </select>
  );
}
