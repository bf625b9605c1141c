/** How high the panel below the graph is: as its reader wants it, as long as both can be used. Pure. */

/** Pixels of which neither the panel nor the graph above it has less. */
export const LEAST_PANEL = 96;
const LEAST_GRAPH = 160;

/** Pixels that an arrow key moves the border. */
const STEP = 32;

export interface Bounds {
  readonly least: number;
  readonly most: number;
}

/** The heights that are possible where the graph and the panel have so much together. */
export function boundsOf(together: number): Bounds {
  return { least: LEAST_PANEL, most: Math.max(together - LEAST_GRAPH, LEAST_PANEL) };
}

export function bounded(height: number, { least, most }: Bounds): number {
  return Math.round(Math.min(Math.max(height, least), most));
}

/** The height after a key was pressed on the border; null for a key that does not move it. */
export function heightByKey(key: string, height: number, bounds: Bounds): number | null {
  switch (key) {
    case "ArrowUp":
      return bounded(height + STEP, bounds);
    case "ArrowDown":
      return bounded(height - STEP, bounds);
    case "Home":
      return bounds.least;
    case "End":
      return bounds.most;
    default:
      return null;
  }
}
