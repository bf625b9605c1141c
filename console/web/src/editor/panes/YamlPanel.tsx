/** The YAML below the canvas, as high as its reader wants it. Its editor is loaded when it is shown. */

import { type CSSProperties, lazy, Suspense, useRef } from "react";
import { Border } from "../../run/Border";
import { useRemembered } from "../../run/useRemembered";

const YamlPane = lazy(() => import("../yaml/YamlPane"));

export function YamlPanel() {
  const [height, setHeight] = useRemembered("flume.editor.yaml");
  const panel = useRef<HTMLElement>(null);
  return (
    <section
      ref={panel}
      className="edit__yaml"
      style={height === null ? undefined : ({ "--panel-height": `${height}px` } as CSSProperties)}
      aria-label="YAML"
    >
      <Border panel={panel} above=".edit__canvas" label="Height of the YAML" height={height} onChange={setHeight} />
      <Suspense fallback={<p className="panel-note">Loading the editor …</p>}>
        <YamlPane />
      </Suspense>
    </section>
  );
}
