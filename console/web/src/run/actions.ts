/** What can be done with a run from its page. Each asks or tells, and leads to the new run where one begins. */

import { explain } from "../api/client";
import { forgetKeyOf, keyOf } from "../api/once";
import type { StartedRun } from "../api/schema";
import { confirm } from "../shell/dialogs";
import { flash } from "../shell/flash";
import type { RunParts } from "./store";

/** What becomes of the page after something was done, or was refused. */
export type Outcome = "leaving" | "staying";

export async function cancelRun({ api, runId }: RunParts): Promise<Outcome> {
  const isWanted = await confirm({
    question: `Cancel run ${runId.slice(-8)}?`,
    detail: "Nodes at work are stopped, and nothing further begins. What has completed stays.",
    action: "Cancel run",
  });
  if (!isWanted) return "staying";
  return tell(async () => {
    await api.call(`/runs/${runId}/cancel`, { method: "POST" });
    return "staying";
  });
}

export function retryRun(parts: RunParts): Promise<Outcome> {
  return begin(parts, `/runs/${parts.runId}/retry`, {});
}

/** Run a node of the top level and all that follows it again, with the outputs before it as they are. */
export function rerunFrom(parts: RunParts, node: string): Promise<Outcome> {
  return begin(parts, `/runs/${parts.runId}/rerun`, { from: node });
}

/** Run everything again in the pipeline's present version, with the trigger and the inputs that this run was started with. */
export function runAgain(parts: RunParts): Promise<Outcome> {
  return begin(parts, `/runs/${parts.runId}/rerun`, { version: "latest" });
}

function begin({ api, namespace }: RunParts, path: string, body: unknown): Promise<Outcome> {
  const wish = `${namespace} ${path} ${JSON.stringify(body)}`;
  return tell(async () => {
    const started = await api.call<StartedRun>(path, { method: "POST", body, key: keyOf(wish) });
    forgetKeyOf(wish);
    const query = namespace === "default" ? "" : `?namespace=${encodeURIComponent(namespace)}`;
    location.assign(`/runs/${started.id}${query}`);
    return "leaving";
  });
}

async function tell(act: () => Promise<Outcome>): Promise<Outcome> {
  try {
    return await act();
  } catch (error) {
    flash(explain(error), "problem");
    return "staying";
  }
}
