/** The kinds of triggers: what starts runs is no node, but is found and added like one. */

import { addTrigger } from "./document/triggers";
import type { Fields } from "./document/view";
import { change, type EditorParts } from "./store";

export interface TriggerKind {
  readonly name: string;
  readonly description: string;
  readonly icon: string;
  /** The part of the document's schema that describes it. */
  readonly schema: string;
  /** What a new one has, so that it is right from the beginning. */
  readonly begin: Fields;
}

export const TRIGGER_KINDS: readonly TriggerKind[] = [
  {
    name: "webhook",
    description: "An HTTP request starts a run",
    icon: "webhook",
    schema: "WebhookTrigger",
    begin: {},
  },
  {
    name: "cron",
    description: "Times of a calendar",
    icon: "clock",
    schema: "CronTrigger",
    begin: { schedule: "0 7 * * *" },
  },
  {
    name: "interval",
    description: "Again and again",
    icon: "repeat",
    schema: "IntervalTrigger",
    begin: { every: "1h" },
  },
  {
    name: "event",
    description: "A CloudEvent starts a run",
    icon: "zap",
    schema: "EventTrigger",
    begin: { attributes: { type: "com.example.made" } },
  },
];

const MANUAL = "ManualTrigger";

/** The part of the document's schema for a trigger of this type. */
export function triggerSchema(type: string): string {
  return TRIGGER_KINDS.find((kind) => kind.name === type)?.schema ?? MANUAL;
}

export function addTriggerOf({ store }: EditorParts, type: string): void {
  const begin = TRIGGER_KINDS.find((kind) => kind.name === type)?.begin ?? {};
  change(store, { label: `Add a ${type} trigger`, select: [] }, (pipeline) => addTrigger(pipeline, { type, ...begin }));
}
