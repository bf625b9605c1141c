/**
 * Line numbers beside the plain text of a pipeline, with a mark where problems were found. Problems are links with
 * `data-line` and `data-column`; a click on one puts the cursor there.
 */

/** Number the lines of the text area with `data-numbered`. Nothing happens on a page without one. */
export function numberLines(): void {
  const field = document.querySelector<HTMLTextAreaElement>("textarea[data-numbered]");
  if (field === null) return;
  const links = [...document.querySelectorAll<HTMLElement>("a[data-line]")];
  // Nothing for screen readers: they have the list of problems, and say the line of the cursor themselves.
  const gutter = document.createElement("div");
  gutter.className = "numbered__lines";
  gutter.ariaHidden = "true";
  field.before(gutter);
  const numbers = new Numbers(gutter, problemsBy(links));
  const draw = () => {
    numbers.draw(countLines(field.value));
    gutter.scrollTop = field.scrollTop;
  };
  field.addEventListener("input", draw);
  field.addEventListener("scroll", () => {
    gutter.scrollTop = field.scrollTop;
  });
  draw();
  for (const link of links) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      putCursor(field, Number(link.dataset.line), Number(link.dataset.column ?? 1));
    });
  }
}

class Numbers {
  readonly #gutter: HTMLElement;
  readonly #problems: ReadonlyMap<number, string>;
  #drawn = 0;
  #marked = 0;

  constructor(gutter: HTMLElement, problems: ReadonlyMap<number, string>) {
    this.#gutter = gutter;
    this.#problems = problems;
  }

  draw(lines: number): void {
    if (lines === this.#drawn) return;
    this.#marked ||= lines;
    this.#drawn = lines;
    // Once lines came or went, nobody knows where the problems are until the text is checked again.
    const problems = lines === this.#marked ? this.#problems : new Map<number, string>();
    const pieces: (Node | string)[] = [];
    // Numbers that follow one another are one text: a long document would be thousands of nodes.
    let plain = "";
    for (let line = 1; line <= lines; line += 1) {
      const told = problems.get(line);
      if (told === undefined) {
        plain += `${line}\n`;
      } else {
        pieces.push(plain, mark(line, told));
        plain = "\n";
      }
    }
    this.#gutter.replaceChildren(...pieces, plain);
  }
}

function mark(line: number, told: string): HTMLElement {
  const element = document.createElement("span");
  element.className = "numbered__problem";
  element.title = told;
  element.textContent = `${line}`;
  return element;
}

function problemsBy(links: readonly HTMLElement[]): Map<number, string> {
  const found = new Map<number, string>();
  for (const link of links) {
    const line = Number(link.dataset.line);
    const told = link.closest("li")?.textContent.trim() ?? "";
    found.set(line, found.has(line) ? `${found.get(line)}\n${told}` : told);
  }
  return found;
}

function countLines(text: string): number {
  return text.split("\n").length;
}

/** Put the cursor at a line and a column, both counted from 1, and bring it into sight. */
function putCursor(field: HTMLTextAreaElement, line: number, column: number): void {
  const lines = field.value.split("\n");
  const before = lines.slice(0, line - 1).reduce((sum, each) => sum + each.length + 1, 0);
  const place = Math.min(before + Math.min(column - 1, lines[line - 1]?.length ?? 0), field.value.length);
  field.focus();
  field.setSelectionRange(place, place);
  const height = field.scrollHeight / lines.length;
  field.scrollTop = Math.max((line - 5) * height, 0);
}
