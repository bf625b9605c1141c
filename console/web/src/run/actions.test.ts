import { afterEach, describe, expect, it, vi } from "vitest";
import { Api } from "../api/client";
import { rerunFrom, retryRun } from "./actions";
import type { RunParts } from "./store";

vi.mock("../shell/flash", () => ({ flash: vi.fn() }));

/** A server of which each answer is lost that is not in `answers`, and the keys that it was sent. */
function serve(...answers: (Response | Error)[]): string[] {
  const keys: string[] = [];
  vi.stubGlobal("location", { assign: vi.fn() });
  vi.stubGlobal("fetch", (_address: string, init: RequestInit) => {
    keys.push(new Headers(init.headers).get("Idempotency-Key") ?? "");
    const answer = answers.shift() ?? new Error("lost");
    return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
  });
  return keys;
}

function started(): Response {
  return new Response(JSON.stringify({ id: "b" }), { status: 202 });
}

function parts(runId: string): RunParts {
  return { api: new Api("/api/v1", "default"), runId, namespace: "default", mayChange: true } as unknown as RunParts;
}

afterEach(() => vi.unstubAllGlobals());

describe("starting a run again", () => {
  it("sends the same key until an answer has come, and then another one", async () => {
    const keys = serve(new Error("lost"), new Response("{}", { status: 503 }), started(), started());
    const outcomes = [];
    for (let i = 0; i < 4; i++) outcomes.push(await retryRun(parts("a")));

    expect(outcomes).toEqual(["staying", "staying", "leaving", "leaving"]);
    expect(keys[0]).toMatch(/^[0-9a-f]{32}$/);
    expect([keys[1], keys[2]]).toEqual([keys[0], keys[0]]);
    expect(keys[3]).not.toBe(keys[0]);
  });

  it("has a key for each run and for each node", async () => {
    const keys = serve();
    await retryRun(parts("c"));
    await retryRun(parts("d"));
    await rerunFrom(parts("c"), "one");
    await rerunFrom(parts("c"), "two");

    expect(new Set(keys).size).toBe(4);
  });
});
