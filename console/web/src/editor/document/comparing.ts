/** Two texts line by line: what both have, and what only one has. Pure. */

export interface ComparedLine {
  readonly kind: "same" | "added" | "removed";
  readonly text: string;
}

/** Lines compared with each other at most; beyond, everything between the first and last difference counts as changed. */
const MAX_CELLS = 4_000_000;
/** Lines that are shown around a difference. */
const CONTEXT = 3;

/** The differences with the lines around them; `…` stands for what is left out. */
export function compareLines(before: string, after: string): readonly ComparedLine[] {
  return shortened(differences(before.split("\n"), after.split("\n")));
}

function differences(before: readonly string[], after: readonly string[]): readonly ComparedLine[] {
  let head = 0;
  while (head < before.length && head < after.length && before[head] === after[head]) head += 1;
  let tail = 0;
  while (tail < before.length - head && tail < after.length - head && before.at(-1 - tail) === after.at(-1 - tail))
    tail += 1;
  const same = (lines: readonly string[]) => lines.map((text) => ({ kind: "same", text }) as const);
  const middle = between(before.slice(head, before.length - tail), after.slice(head, after.length - tail));
  return [...same(before.slice(0, head)), ...middle, ...same(before.slice(before.length - tail))];
}

/** By the longest common subsequence. */
function between(before: readonly string[], after: readonly string[]): readonly ComparedLine[] {
  const removed = before.map((text) => ({ kind: "removed", text }) as const);
  const added = after.map((text) => ({ kind: "added", text }) as const);
  if (before.length * after.length > MAX_CELLS) return [...removed, ...added];
  const width = after.length + 1;
  const lengths = new Uint32Array((before.length + 1) * width);
  const length = (row: number, column: number) => lengths[row * width + column] ?? 0;
  for (let row = before.length - 1; row >= 0; row -= 1) {
    for (let column = after.length - 1; column >= 0; column -= 1) {
      const isSame = before[row] === after[column];
      lengths[row * width + column] = isSame
        ? length(row + 1, column + 1) + 1
        : Math.max(length(row + 1, column), length(row, column + 1));
    }
  }
  const lines: ComparedLine[] = [];
  let [row, column] = [0, 0];
  while (row < before.length && column < after.length) {
    if (before[row] === after[column]) {
      lines.push({ kind: "same", text: before[row] ?? "" });
      row += 1;
      column += 1;
    } else if (length(row + 1, column) >= length(row, column + 1)) {
      lines.push({ kind: "removed", text: before[row] ?? "" });
      row += 1;
    } else {
      lines.push({ kind: "added", text: after[column] ?? "" });
      column += 1;
    }
  }
  return [...lines, ...removed.slice(row), ...added.slice(column)];
}

function shortened(lines: readonly ComparedLine[]): readonly ComparedLine[] {
  const isNear = lines.map((_, place) =>
    lines.slice(Math.max(0, place - CONTEXT), place + CONTEXT + 1).some((line) => line.kind !== "same"),
  );
  return lines.flatMap((line, place): readonly ComparedLine[] => {
    if (isNear[place]) return [line];
    return isNear[place - 1] === true || place === 0 ? [{ kind: "same", text: "…" }] : [];
  });
}
