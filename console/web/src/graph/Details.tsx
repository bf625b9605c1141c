/** What is beside the canvas while a node is selected. Escape closes it, unless that key empties a search first. */

import type { KeyboardEvent, ReactNode } from "react";

interface DetailsProps {
  readonly node: string;
  readonly onClose: () => void;
  readonly children: ReactNode;
}

export function Details({ node, onClose, children }: DetailsProps) {
  const closeByKey = (event: KeyboardEvent) => {
    if (event.key !== "Escape" || isFilled(event.target)) return;
    onClose();
  };
  return (
    <aside className="inspector" aria-label={`Node ${node}`} tabIndex={-1} onKeyDown={closeByKey}>
      {children}
    </aside>
  );
}

function isFilled(target: EventTarget): boolean {
  return target instanceof HTMLInputElement && target.type === "search" && target.value !== "";
}
