/** Keeps a mistake in drawing from leaving an empty page: a sentence stands there instead. */

import { Component, type ReactNode } from "react";

interface BoundaryProps {
  /** What was to be drawn, such as "The graph of this pipeline". */
  readonly what: string;
  /** What to do instead, as a sentence. */
  readonly advice: string;
  /** Called once the sentence stands there, to bring back what the server had put into the page. */
  readonly onFailure: () => void;
  /** Stands below the sentence: what must not be lost with the drawing. */
  readonly rest?: ReactNode;
  readonly children: ReactNode;
}

export class Boundary extends Component<BoundaryProps, { readonly problem: string | null }> {
  override state = { problem: null };

  static getDerivedStateFromError(error: unknown) {
    return { problem: error instanceof Error ? error.message : String(error) };
  }

  override componentDidCatch(): void {
    this.props.onFailure();
  }

  override render(): ReactNode {
    const { what, advice, rest, children } = this.props;
    if (this.state.problem === null) return children;
    return (
      <>
        <p className="panel-note" role="alert">
          {what} can't be drawn ({this.state.problem}). {advice}
        </p>
        {rest}
      </>
    );
  }
}
