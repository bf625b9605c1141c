/** The layout of a graph, null while it is worked out. */

import { useEffect, useState } from "react";
import type { Layout, LayoutRequest } from "../model/routes";

/** From here on a worker does it: more than a blink of the page's own time. */
const MANY_NODES = 300;

export function useLayout(request: LayoutRequest): Layout | null {
  const [layout, setLayout] = useState<Layout | null>(null);
  useEffect(() => {
    let isWanted = true;
    const take = (made: Layout) => isWanted && setLayout(made);
    const arrangeHere = () =>
      void import("../model/layout").then(({ layoutOf }) => isWanted && take(layoutOf(request)));
    if (request.sizes.length > MANY_NODES) {
      const worker = new Worker(new URL("./layout.worker.ts", import.meta.url), { type: "module" });
      worker.onmessage = (event: MessageEvent<Layout>) => take(event.data);
      // A worker whose script can't be loaded, such as after an update of the server, would never answer.
      worker.onerror = arrangeHere;
      worker.postMessage(request);
      return () => {
        isWanted = false;
        worker.terminate();
      };
    }
    arrangeHere();
    return () => {
      isWanted = false;
    };
  }, [request]);
  return layout;
}
