/**
 * A button that is dead while what it does is under way, since a second click would do it a second time; and for readers who
 * may change nothing.
 */

import { type ReactNode, useEffect, useState } from "react";
import type { Outcome } from "./actions";

interface ActButtonProps {
  readonly className: string;
  readonly title?: string;
  /** Whether the reader's token may do it; the orchestrator has the last word. */
  readonly isAllowed?: boolean;
  /** After `leaving` the button stays dead: the browser is on its way to another page. */
  readonly act: () => Promise<Outcome>;
  readonly children: ReactNode;
}

const NOT_ALLOWED = "Your token has the role view: it may look at everything and change nothing.";

export function ActButton({ className, title, isAllowed = true, act, children }: ActButtonProps) {
  const [isPending, setPending] = useState(false);
  useEffect(() => {
    // Whoever comes back finds the page as it was left.
    const revive = () => setPending(false);
    window.addEventListener("pageshow", revive);
    return () => window.removeEventListener("pageshow", revive);
  }, []);
  const begin = async () => {
    setPending(true);
    if ((await act()) === "staying") setPending(false);
  };
  return (
    <button
      type="button"
      className={className}
      title={isAllowed ? title : NOT_ALLOWED}
      disabled={isPending || !isAllowed}
      onClick={() => void begin()}
    >
      {children}
    </button>
  );
}
