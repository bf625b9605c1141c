/** Line breaks: inside of the editor a line ends with LF, and the text is saved with the line breaks that its file had. */

export type LineBreak = "\n" | "\r\n" | "\r";

export interface Lines {
  /** Without any line break but LF. */
  readonly text: string;
  /** The one that the text came with; of several, the one that most of its lines have. */
  readonly lineBreak: LineBreak;
}

const BREAKS = /\r\n?|\n/g;

/** A text as the editor has it, and the line break to write it with. */
export function readLines(text: string): Lines {
  if (!text.includes("\r")) return { text, lineBreak: "\n" };
  const counts = new Map<LineBreak, number>();
  for (const [found] of text.matchAll(BREAKS))
    counts.set(found as LineBreak, (counts.get(found as LineBreak) ?? 0) + 1);
  const [[lineBreak] = ["\n"] as const] = [...counts].sort(([, one], [, other]) => other - one);
  return { text: text.replace(BREAKS, "\n"), lineBreak };
}

/** The text as its file is to have it. */
export function writeLines({ text, lineBreak }: Lines): string {
  return lineBreak === "\n" ? text : text.replaceAll("\n", lineBreak);
}
