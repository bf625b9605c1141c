// @vitest-environment happy-dom
import { act, type ReactNode } from "react";
import { expect, test, vi } from "vitest";
import { Boundary } from "../graph/Boundary";
import { Details } from "../graph/Details";
import { draw, onAPage } from "../testing/page";
import { ActButton } from "./ActButton";
import type { Outcome } from "./actions";

onAPage({ onCaughtError: () => {} });

function Broken(): ReactNode {
  throw new Error("no box");
}

test("what can't be drawn leaves a sentence, and what the server had drawn comes back", () => {
  const onFailure = vi.fn();
  draw(
    <Boundary what="The graph" advice="Read the YAML." onFailure={onFailure}>
      <Broken />
    </Boundary>,
  );
  expect(document.body.textContent).toBe("The graph can't be drawn (no box). Read the YAML.");
  expect(onFailure).toHaveBeenCalledOnce();
});

test.each<[Outcome, boolean]>([
  ["staying", false],
  ["leaving", true],
])("a double click does it once; after %s the button is dead: %s", async (outcome, isDead) => {
  let end: (outcome: Outcome) => void = () => {};
  const doIt = vi.fn(() => new Promise<Outcome>((resolve) => (end = resolve)));
  draw(
    <ActButton className="button" act={doIt}>
      Retry
    </ActButton>,
  );
  const button = document.querySelector("button");
  act(() => button?.click());
  act(() => button?.click());
  expect(doIt).toHaveBeenCalledOnce();
  await act(async () => end(outcome));
  expect(button?.disabled).toBe(isDead);
  act(() => void window.dispatchEvent(new Event("pageshow")));
  expect(button?.disabled).toBe(false);
});

test("Escape closes the details, unless it empties a field in them", () => {
  const onClose = vi.fn();
  draw(
    <Details node="fetch" onClose={onClose}>
      <input type="search" defaultValue="text" />
      <button type="button">Close</button>
    </Details>,
  );
  const press = (selector: string) =>
    document.querySelector(selector)?.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true }));
  press("input");
  expect(onClose).not.toHaveBeenCalled();
  press("button");
  expect(onClose).toHaveBeenCalledOnce();
});

test("a button that the reader may not use says why", () => {
  draw(
    <ActButton className="button" title="Go on" isAllowed={false} act={async () => "staying"}>
      Retry
    </ActButton>,
  );
  const button = document.querySelector("button");
  expect([button?.disabled, button?.title]).toEqual([true, expect.stringContaining("role view")]);
});
