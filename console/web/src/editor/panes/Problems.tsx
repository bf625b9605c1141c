/** All that is wrong, with the way to each: its node, and its line. */

import { focusDetails } from "../../graph/focusing";
import { problemsOf } from "../problems";
import { select, useEditor, useEditorParts } from "../store";

export function Problems() {
  const { store } = useEditorParts();
  const problems = useEditor(problemsOf);
  if (problems.length === 0) return null;
  const show = (node: string | null) => {
    select(store, node === null ? [] : [node]);
    if (node !== null) focusDetails();
  };
  return (
    <section className="problem-list" aria-label="Problems">
      <ul>
        {problems.map((problem) => (
          <li key={`${problem.pointer} ${problem.code} ${problem.from}`}>
            <button type="button" className="problem-list__line" onClick={() => show(problem.node)}>
              <span className="problem-list__place mono soft">{problem.node ?? "pipeline"}</span>
              <span>
                {problem.message}
                {problem.hint && <span className="soft">. To mend it: {problem.hint}</span>}
              </span>
              <span className="problem-list__line-number soft">line {problem.line}</span>
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}
