// @vitest-environment happy-dom
import { act, type ReactNode } from "react";
import { expect, test, vi } from "vitest";
import type { Api } from "../api/client";
import type { NodeRecord } from "../api/schema";
import { aNode, aRun, at } from "../model/building";
import { drawAndWait, onAPage } from "../testing/page";
import { Overview } from "./Overview";
import { createRunStore, RunContext, type RunParts } from "./store";

onAPage();

function partsOf(nodes: Record<string, NodeRecord> = {}): RunParts {
  const call = () => Promise.resolve({ items: [], nextCursor: null });
  const store = createRunStore({ run: aRun({ nodes }) }, null);
  return { store, api: { call } as unknown as Api, runId: "run-1", namespace: "default", mayChange: true };
}

/** Draw it, and wait for what it asks the API. */
async function draw(parts: RunParts, content: ReactNode): Promise<void> {
  await drawAndWait(<RunContext value={parts}>{content}</RunContext>);
}

const error = { code: "refused", message: "no", node: null, retryable: true };

test("of a node that was tried again the whole time is shown, and each attempt's", async () => {
  const node = aNode({
    status: "completed",
    attempt: 2,
    attempts: [
      { number: 1, startedAt: at(0), endedAt: at(1000), error, timing: { queuedMs: 100, coldStartMs: 400 } },
      { number: 2, startedAt: at(3000), endedAt: at(3500), error: null, timing: null },
    ],
    startedAt: at(3000),
    completedAt: at(3500),
  });
  await draw(partsOf(), <Overview instance="fetch" node={node} onItems={() => {}} />);
  const section = (name: string) => document.querySelector(`section[aria-label='${name}']`)?.textContent;
  expect(section("Where the time went")).toContain("Where 3.5 s went, in 2 attempts");
  expect(section("Where the time went")).toContain("Waiting2.0 s57 %");
  expect(section("Attempts")).toContain("Queued 100 ms, cold start 400 ms, failed 500 ms1.0 s");
  expect(section("Attempts")).toMatch(/2Completed at .*500 ms$/);
});

test("the details of a loop lead to the items that failed", async () => {
  const onItems = vi.fn();
  const loop = { total: 1000, started: 1000, active: 0, succeeded: 990, failed: 10 };
  const node = aNode({ status: "completed", loop, startedAt: at(0), completedAt: at(9) });
  await draw(partsOf(), <Overview instance="each" node={node} onItems={onItems} />);
  expect(document.body.textContent).toContain("1,000 of 1,000 items");
  const buttons = [...document.querySelectorAll("button")];
  act(() => buttons.find((button) => button.textContent === "Show the 10 that failed")?.click());
  expect(onItems).toHaveBeenCalledWith("failed");
});
