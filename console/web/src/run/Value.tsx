/** A value for reading: text as text, everything else as a tree that opens where one looks. */

import { type ReactNode, useState } from "react";
import { formatSize } from "../model/duration";
import { payloadOf, preview, tooLargeOf } from "../model/value";
import { copy } from "../shell/copying";

/** Entries of a list or an object that are shown before one asks for more. */
const PAGE = 100;
const LONG_TEXT = 4000;
/** Levels that are open from the beginning, in small values. */
const OPEN_LEVELS = 2;
const SMALL = 30;

export function Value({ value, label }: { readonly value: unknown; readonly label: string }) {
  return (
    <section className="value" aria-label={label}>
      <header className="value__head">
        <h3>{label}</h3>
        <button
          type="button"
          className="button button--plain button--small"
          onClick={() => void copy(typeof value === "string" ? value : JSON.stringify(value, null, 2))}
        >
          Copy
        </button>
      </header>
      {typeof value === "string" ? (
        <Text text={value} />
      ) : (
        <div className="tree">{<Branch value={value} level={0} />}</div>
      )}
    </section>
  );
}

export function Text({ text, children }: { readonly text: string; readonly children?: ReactNode }) {
  const [isWhole, setWhole] = useState(false);
  const isCut = !isWhole && children === undefined && text.length > LONG_TEXT;
  return (
    <div className="text">
      {isCut ? text.slice(0, LONG_TEXT) : text}
      {children}
      {isCut && (
        <button type="button" className="button button--small text__more" onClick={() => setWhole(true)}>
          Show all {formatSize(text.length)}
        </button>
      )}
    </div>
  );
}

function Branch({ value, level, name }: { readonly value: unknown; readonly level: number; readonly name?: string }) {
  const payload = payloadOf(value);
  if (payload !== null) {
    return (
      <Leaf name={name}>
        <a href={payload.url} download={`${payload.id}.json`}>
          Large value, {formatSize(payload.size)}
        </a>
      </Leaf>
    );
  }
  const tooLarge = tooLargeOf(value);
  if (tooLarge !== null) return <Leaf name={name}>{`${formatSize(tooLarge)}, too large to be shown`}</Leaf>;
  if (typeof value === "object" && value !== null && Object.keys(value).length > 0) {
    return <Inner value={value} level={level} name={name} />;
  }
  return (
    <Leaf name={name}>
      <Scalar value={value} />
    </Leaf>
  );
}

interface InnerProps {
  readonly value: object;
  readonly level: number;
  readonly name: string | undefined;
}

function Inner({ value, level, name }: InnerProps) {
  const entries = Object.entries(value);
  const [isOpen, setOpen] = useState(level < OPEN_LEVELS && (level === 0 || entries.length <= SMALL));
  const [shown, setShown] = useState(PAGE);
  return (
    <div className="tree__inner">
      <button type="button" className="tree__toggle" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
        {name !== undefined && <span className="tree__name">{name}</span>}
        <span className="tree__preview">{isOpen ? count(value, entries.length) : preview(value)}</span>
      </button>
      {isOpen && (
        <div className="tree__children">
          {entries.slice(0, shown).map(([key, each]) => (
            <Branch key={key} name={key} value={each} level={level + 1} />
          ))}
          {entries.length > shown && (
            <button type="button" className="button button--small" onClick={() => setShown(shown + PAGE * 5)}>
              Show more of {entries.length}
            </button>
          )}
        </div>
      )}
    </div>
  );
}

function Leaf({ name, children }: { readonly name: string | undefined; readonly children: ReactNode }) {
  return (
    <div className="tree__leaf">
      {name !== undefined && <span className="tree__name">{name}</span>}
      {children}
    </div>
  );
}

function Scalar({ value }: { readonly value: unknown }) {
  if (typeof value !== "string") return <span className={`tree__${typeof value}`}>{JSON.stringify(value)}</span>;
  const isMany = value.includes("\n") || value.length > 120;
  return isMany ? <Text text={value} /> : <span className="tree__string">{JSON.stringify(value)}</span>;
}

function count(value: object, entries: number): string {
  if (Array.isArray(value)) return `${entries} ${entries === 1 ? "item" : "items"}`;
  return `${entries} ${entries === 1 ? "key" : "keys"}`;
}
