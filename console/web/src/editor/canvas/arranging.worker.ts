/** Arranges one large graph and answers; the page stays usable meanwhile. */

import { type ArrangeRequest, arrange } from "./arranging";

self.onmessage = (event: MessageEvent<ArrangeRequest>) => {
  self.postMessage(arrange(event.data));
};
