/** The border between the graph and the panel below it: dragged, or moved by arrow keys; a double click puts it back. */

import { type KeyboardEvent, type PointerEvent, type RefObject, useEffect, useState } from "react";
import { type Bounds, bounded, boundsOf, heightByKey } from "../model/panel";

interface BorderProps {
  readonly panel: RefObject<HTMLElement | null>;
  /** The part of the page that gets what the panel loses, as a selector. */
  readonly above: string;
  readonly label?: string;
  /** The height that was chosen; null for the usual one. */
  readonly height: number | null;
  readonly onChange: (height: number | null) => void;
}

interface Measures extends Bounds {
  readonly height: number;
}

export function Border({ panel, above, label = "Height of the panel", height, onChange }: BorderProps) {
  const [measures, setMeasures] = useState<Measures>({ height: 0, least: 0, most: 0 });
  const measure = () => setMeasures(measuresOf(panel.current, above));
  // biome-ignore lint/correctness/useExhaustiveDependencies: a chosen height is the reason to measure again
  useEffect(measure, [height]);

  const drag = (event: PointerEvent<HTMLElement>) => {
    if (!event.currentTarget.hasPointerCapture(event.pointerId) || panel.current === null) return;
    const bottom = panel.current.getBoundingClientRect().bottom;
    onChange(bounded(bottom - event.clientY, measuresOf(panel.current, above)));
  };
  const moveByKey = (event: KeyboardEvent) => {
    const now = measuresOf(panel.current, above);
    const next = heightByKey(event.key, now.height, now);
    if (next === null) return;
    event.preventDefault();
    onChange(next);
  };
  return (
    // biome-ignore lint/a11y/useSemanticElements: a separator that moves is a widget, which <hr> is not
    <div
      className="border"
      role="separator"
      aria-orientation="horizontal"
      aria-label={label}
      aria-valuenow={measures.height}
      aria-valuemin={measures.least}
      aria-valuemax={measures.most}
      tabIndex={0}
      title="Drag, or use the arrow keys; a double click puts it back"
      onFocus={measure}
      onPointerDown={(event) => event.currentTarget.setPointerCapture(event.pointerId)}
      onPointerMove={drag}
      onKeyDown={moveByKey}
      onDoubleClick={() => onChange(null)}
    />
  );
}

function measuresOf(panel: HTMLElement | null, above: string): Measures {
  const height = Math.round(panel?.getBoundingClientRect().height ?? 0);
  const graph = panel?.parentElement?.querySelector(above)?.getBoundingClientRect().height ?? 0;
  return { height, ...boundsOf(height + graph) };
}
