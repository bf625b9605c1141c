/** The control of most fields: text, a number or any other value, with templates. */

import { ExpressionInput } from "./ExpressionInput";
import type { ControlProps } from "./setting";

export function Expression({ field, id, path, value, set, node, describedBy, isInvalid, expressions }: ControlProps) {
  const isExpression = expressions?.has(field.key) ?? false;
  return (
    <ExpressionInput
      id={id}
      kind={isExpression && typeof value !== "object" ? "text" : field.kind}
      path={path}
      value={value}
      onChange={set}
      node={node}
      isExpression={isExpression}
      placeholder={field.fallback}
      describedBy={describedBy}
      isInvalid={isInvalid}
    />
  );
}
