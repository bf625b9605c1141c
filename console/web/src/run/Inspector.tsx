/** Everything about one node of the run: why it failed, what it was given, what it gave, where its time went. */

import { useState } from "react";
import type { NodeDetailRecord, NodeRecord } from "../api/schema";
import { Details } from "../graph/Details";
import { focusCard } from "../graph/focusing";
import { isEnded, lookOf } from "../model/look";
import { own } from "../model/own";
import { itemAround, topLevelOf } from "../model/run";
import { ActButton } from "./ActButton";
import { rerunFrom } from "./actions";
import { ItemNodes, Items } from "./Items";
import { LogPane } from "./LogPane";
import { Overview } from "./Overview";
import { Pill } from "./RunBar";
import { select, show, useRun, useRunParts } from "./store";
import { type TabItem, Tabs } from "./Tabs";
import type { ItemFilter, ItemStatus } from "./useItems";
import { useNode } from "./useNode";
import { Text, Value } from "./Value";

type Tab = "overview" | "input" | "output" | "items" | "log";

export function Inspector({ instance }: { readonly instance: string }) {
  const { store } = useRunParts();
  const { detail, problem } = useNode(instance);
  const live = useRun((state) => own(state.nodes, instance));
  const node = live ?? detail;
  const [chosen, setChosen] = useState<Tab>("overview");
  const [items, setItems] = useState<ItemFilter>({ status: "", from: 0 });
  const isLoop = node?.loop != null;
  const tab = chosen === "items" && !isLoop ? "overview" : chosen;
  const showItems = (status: ItemStatus) => {
    setItems({ status, from: 0 });
    setChosen("items");
  };
  const close = () => {
    select(store, null);
    focusCard(topLevelOf(instance));
  };
  return (
    <Details node={instance} onClose={close}>
      <Head instance={instance} node={node} onClose={close} />
      {node === null ? (
        <p className="panel-note" role="status">
          {problem || "Reading the node …"}
        </p>
      ) : (
        <Tabs label="Parts of the node" items={tabsOf(node)} active={tab} onChange={setChosen}>
          {problem && <p className="panel-note">{problem}</p>}
          {tab === "items" && node.loop != null ? (
            <Items instance={instance} loop={node.loop} filter={items} onFilter={setItems} />
          ) : (
            <Panel tab={tab} instance={instance} node={node} detail={detail} onItems={showItems} />
          )}
        </Tabs>
      )}
    </Details>
  );
}

function tabsOf(node: NodeRecord): readonly TabItem<Tab>[] {
  const items: TabItem<Tab>[] = [
    { key: "overview", title: "Overview" },
    { key: "input", title: "Input" },
    { key: "output", title: "Output" },
    { key: "log", title: "Log" },
  ];
  if (node.loop != null) items.splice(1, 0, { key: "items", title: "Items", count: node.loop.started });
  return items;
}

interface PanelProps {
  readonly tab: Tab;
  readonly instance: string;
  readonly node: NodeRecord;
  readonly detail: NodeDetailRecord | null;
  readonly onItems: (status: ItemStatus) => void;
}

function Panel({ tab, instance, node, detail, onItems }: PanelProps) {
  switch (tab) {
    case "overview":
    case "items":
      return <Overview instance={instance} node={node} onItems={onItems} />;
    case "input":
      return <Input detail={detail} />;
    case "output":
      return <Output instance={instance} node={node} detail={detail} />;
    case "log":
      return <LogPane instance={instance} />;
  }
}

interface HeadProps {
  readonly instance: string;
  readonly node: NodeRecord | null;
  readonly onClose: () => void;
}

function Head({ instance, node, onClose }: HeadProps) {
  const parts = useRunParts();
  const isOver = useRun((state) => isEnded(state.run.status));
  const createdAt = useRun((state) => state.run.createdAt);
  const item = itemAround(instance);
  return (
    <header className="inspector__head">
      <div className="inspector__title">
        <h2 className="inspector__name">{node?.name || instance}</h2>
        <button type="button" className="button button--plain button--small" onClick={onClose}>
          Close
        </button>
      </div>
      <div className="inspector__facts">
        {node !== null && <Pill look={lookOf(node, createdAt)} />}
        <code className="soft clip">{node?.type}</code>
        {item === null && isOver && (
          <ActButton
            isAllowed={parts.mayChange}
            className="button button--small"
            title="Starts a new run that takes over the outputs before this node"
            act={() => rerunFrom(parts, instance)}
          >
            Rerun from here
          </ActButton>
        )}
      </div>
      {node?.name && <code className="inspector__id soft">{instance}</code>}
      {item !== null && (
        <nav className="inspector__item" aria-label="The item that this node is in">
          <button type="button" className="link" onClick={() => show(parts.store, item.loop)}>
            Item {item.index} of {item.loop}
          </button>
          <ItemNodes loop={item.loop} index={item.index} current={instance} />
        </nav>
      )}
    </header>
  );
}

function Input({ detail }: { readonly detail: NodeDetailRecord | null }) {
  if (detail === null) return <p className="panel-note">Reading …</p>;
  if (detail.inputError !== null) {
    return <p className="panel-note">What the node was given can't be shown: {detail.inputError}</p>;
  }
  if (detail.config === null && detail.inputs === null) return <p className="panel-note">The node has not begun.</p>;
  const hasInputs = Object.keys(detail.inputs ?? {}).length > 0;
  return (
    <>
      {hasInputs && <Value label="Inputs" value={detail.inputs} />}
      <Value label="Config" value={detail.config} />
    </>
  );
}

function Output({ instance, node, detail }: Pick<PanelProps, "instance" | "node" | "detail">) {
  const growing = useRun((state) => state.texts.get(instance));
  const isRunning = !isEnded(node.status);
  if (isRunning && growing !== undefined && growing.attempt === node.attempt) {
    return (
      <Text text={(growing.start > 0 ? "… " : "") + growing.text}>
        <span className="caret" />
      </Text>
    );
  }
  if (isRunning) return <p className="panel-note">There is no output yet.</p>;
  if (node.status !== "completed") return <p className="panel-note">The node gave no output.</p>;
  return <Value label="Output" value={detail?.output ?? node.output} />;
}
