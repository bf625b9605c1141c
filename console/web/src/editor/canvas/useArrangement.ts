/** The arrangement of a graph, worked out anew when its shape changes. */

import { useEffect, useState } from "react";
import type { Arrangement } from "./arranging";
import type { Shape } from "./shape";

/** From here on a worker does it: more than a blink of the page's own time. */
const MANY_NODES = 250;

/** Null until the first one is there; then the one before, until the next is. */
export function useArrangement(shape: Shape): Arrangement | null {
  const [arrangement, setArrangement] = useState<Arrangement | null>(null);
  useEffect(() => {
    let isWanted = true;
    const take = (made: Arrangement) => isWanted && setArrangement(made);
    if (shape.nodes.length > MANY_NODES) {
      const worker = new Worker(new URL("./arranging.worker.ts", import.meta.url), { type: "module" });
      worker.onmessage = (event: MessageEvent<Arrangement>) => take(event.data);
      worker.postMessage(shape);
      return () => {
        isWanted = false;
        worker.terminate();
      };
    }
    void import("./arranging").then(({ arrange }) => take(arrange(shape)));
    return () => {
      isWanted = false;
    };
  }, [shape]);
  return arrangement;
}
