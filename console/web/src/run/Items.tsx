/** The items of a loop, page by page: a loop of 100,000 is one node and this table. */

import type { ItemRecord, LoopRecord } from "../api/schema";
import { LookIcon } from "../graph/icons";
import { elapsed, formatCount, formatDuration } from "../model/duration";
import { lookOf } from "../model/look";
import { instanceIn } from "../model/run";
import { Pill } from "./RunBar";
import { show, useNow, useRunParts } from "./store";
import { type ItemFilter, type ItemStatus, useItem, useItems } from "./useItems";

interface ItemsProps {
  readonly instance: string;
  readonly loop: LoopRecord;
  readonly filter: ItemFilter;
  readonly onFilter: (filter: ItemFilter) => void;
}

export function Items({ instance, loop, filter, onFilter }: ItemsProps) {
  const { items, hasMore, isLoading, problem, loadMore } = useItems(instance, loop, filter);
  const now = useNow(loop.active > 0, 1000);
  return (
    <div className="items">
      <Filters loop={loop} filter={filter} onFilter={onFilter} />
      {problem && <p className="panel-note">{problem}</p>}
      {items.length > 0 && (
        <table className="table table--tight">
          <thead>
            <tr>
              <th scope="col" className="number">
                Item
              </th>
              <th scope="col">Status</th>
              <th scope="col">Nodes</th>
              <th scope="col" className="number">
                Duration
              </th>
            </tr>
          </thead>
          <tbody>
            {items.map((item) => (
              <Item key={item.index} item={item} loop={instance} now={now} />
            ))}
          </tbody>
        </table>
      )}
      {items.length === 0 && !problem && (
        <p className="panel-note">{isLoading ? "Reading the items …" : "There is no such item."}</p>
      )}
      {hasMore && (
        <button type="button" className="button button--small" disabled={isLoading} onClick={loadMore}>
          {isLoading ? "Loading …" : "More items"}
        </button>
      )}
    </div>
  );
}

function Filters({ loop, filter, onFilter }: Omit<ItemsProps, "instance">) {
  const choices: readonly (readonly [ItemStatus, string, number | null])[] = [
    ["", "All items", loop.started],
    ["failed", "Failed", loop.failed],
    ["running", "At work", loop.active],
    ["completed", "Completed", loop.succeeded],
    ["cancelled", "Cancelled", null],
  ];
  return (
    <div className="toolbar">
      <select
        aria-label="Status of items"
        value={filter.status}
        onChange={(event) => onFilter({ ...filter, status: event.target.value as ItemStatus })}
      >
        {choices.map(([status, word, count]) => (
          <option key={status} value={status}>
            {count === null ? word : `${word}: ${formatCount(count)}`}
          </option>
        ))}
      </select>
      <input
        type="number"
        className="input items__from"
        aria-label="From item"
        placeholder="From item"
        min={0}
        value={filter.from || ""}
        onChange={(event) => onFilter({ ...filter, from: Math.max(event.target.valueAsNumber || 0, 0) })}
      />
      {loop.total !== null && <span className="soft">of {formatCount(loop.total)}</span>}
    </div>
  );
}

function Item({ item, loop, now }: { readonly item: ItemRecord; readonly loop: string; readonly now: number }) {
  const took = elapsed(item, now);
  return (
    <tr>
      <td className="number">{item.index}</td>
      <td>
        <Pill look={lookOf({ status: item.status })} />
      </td>
      <td>
        <Nodes item={item} loop={loop} current={null} />
        {item.error !== null && <p className="items__error">{item.error.message}</p>}
      </td>
      <td className="number">{took === null ? "" : formatDuration(took)}</td>
    </tr>
  );
}

/** The nodes of one item beside each other, for whoever looks at one of them. */
export function ItemNodes({
  loop,
  index,
  current,
}: {
  readonly loop: string;
  readonly index: number;
  readonly current: string;
}) {
  const item = useItem(loop, index);
  if (item === null) return null;
  return <Nodes item={item} loop={loop} current={current} />;
}

interface NodesProps {
  readonly item: ItemRecord;
  readonly loop: string;
  /** The instance that is being looked at, if it is one of these. */
  readonly current: string | null;
}

function Nodes({ item, loop, current }: NodesProps) {
  const { store } = useRunParts();
  return (
    <ul className="items__nodes">
      {Object.entries(item.nodes).map(([id, status]) => {
        const instance = instanceIn(loop, item.index, id);
        return (
          <li key={id}>
            <button
              type="button"
              className={`link items__node tone--${status}`}
              aria-current={instance === current || undefined}
              onClick={() => show(store, instance)}
            >
              <LookIcon look={status} size={11} />
              {id}
              <span className="hidden-text">, {status}</span>
            </button>
          </li>
        );
      })}
    </ul>
  );
}
