/** Lays out one graph and answers; the page stays usable meanwhile. */

import { layoutOf } from "../model/layout";
import type { LayoutRequest } from "../model/routes";

self.onmessage = (event: MessageEvent<LayoutRequest>) => {
  self.postMessage(layoutOf(event.data));
};
