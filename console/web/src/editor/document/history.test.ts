import { expect, it } from "vitest";
import { NO_HISTORY, recorded, redone, undone } from "./history";

const step = (text: string) => ({ text, label: `after ${text}` });

it("takes changes back one by one and makes them again", () => {
  const history = recorded(recorded(NO_HISTORY, step("a"), "", 0), step("b"), "", 10);
  const back = undone(history, "c");
  expect(back?.text).toBe("b");
  const start = back && undone(back.history, "b");
  expect(start?.text).toBe("a");
  expect(start && undone(start.history, "a")).toBeNull();
  const on = start && redone(start.history, "a");
  expect(on?.text).toBe("b");
  expect(on && redone(on.history, "b")?.text).toBe("c");
});

it("puts changes of one field within a second together", () => {
  const typed = recorded(
    recorded(recorded(NO_HISTORY, step("a"), "url", 0), step("ab"), "url", 900),
    step("abc"),
    "url",
    1800,
  );
  expect(undone(typed, "abcd")?.text).toBe("a");
  const paused = recorded(typed, step("abcd"), "url", 2900);
  expect(undone(paused, "abcde")?.text).toBe("abcd");
  const other = recorded(typed, step("abcd"), "name", 1900);
  expect(undone(other, "x")?.text).toBe("abcd");
});

it("forgets what was taken back once something else is changed", () => {
  const back = undone(recorded(NO_HISTORY, step("a"), "", 0), "b");
  const changed = back && recorded(back.history, step("a"), "", 5);
  expect(changed && redone(changed, "c")).toBeNull();
});
