/** Tabs as screen readers know them: arrow keys move between them, Tab goes on into what they show. */

import { type KeyboardEvent, type ReactNode, useId } from "react";
import { formatCount } from "../model/duration";

export interface TabItem<K extends string> {
  readonly key: K;
  readonly title: string;
  readonly count?: number | undefined;
}

interface TabsProps<K extends string> {
  readonly label: string;
  readonly items: readonly TabItem<K>[];
  readonly active: K;
  readonly onChange: (key: K) => void;
  readonly aside?: ReactNode;
  readonly children: ReactNode;
}

export function Tabs<K extends string>({ label, items, active, onChange, aside, children }: TabsProps<K>) {
  const id = useId();
  const move = (event: KeyboardEvent<HTMLElement>) => {
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (step === 0) return;
    const place = items.findIndex((item) => item.key === active);
    const next = items[(place + step + items.length) % items.length];
    if (next === undefined) return;
    onChange(next.key);
    event.currentTarget.querySelector<HTMLElement>(`[data-tab="${next.key}"]`)?.focus();
  };
  return (
    <>
      <div className="tabs-line">
        <div className="tabs" role="tablist" aria-label={label} onKeyDown={move}>
          {items.map((item) => (
            <button
              key={item.key}
              type="button"
              role="tab"
              id={`${id}-${item.key}`}
              data-tab={item.key}
              aria-selected={item.key === active}
              aria-controls={`${id}-panel`}
              tabIndex={item.key === active ? 0 : -1}
              onClick={() => onChange(item.key)}
            >
              {item.title}
              {item.count !== undefined && <span className="count">{formatCount(item.count)}</span>}
            </button>
          ))}
        </div>
        {aside}
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a panel that scrolls must be reachable by keyboard */}
      <div className="tab-panel" role="tabpanel" id={`${id}-panel`} aria-labelledby={`${id}-${active}`} tabIndex={0}>
        {children}
      </div>
    </>
  );
}
