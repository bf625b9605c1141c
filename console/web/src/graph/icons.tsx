/** Icons of node types and of states. A node type names one of Lucide's; those that are here are drawn, others are a box. */

import {
  Ban,
  Bell,
  Binary,
  Bot,
  Box,
  Braces,
  Check,
  CheckCheck,
  CircleX,
  Clock,
  Cloud,
  Code,
  Cpu,
  Database,
  FileCode,
  FileTerminal,
  FileText,
  Filter,
  GitBranch,
  Globe,
  Hand,
  Hourglass,
  Image,
  Key,
  Layers,
  LoaderCircle,
  type LucideIcon,
  Mail,
  MessageSquare,
  Repeat,
  Reply,
  RotateCw,
  SkipForward,
  Sparkles,
  Split,
  Table,
  Timer,
  Variable,
  Webhook,
  X,
  Zap,
} from "lucide-react";
import type { Look } from "../model/look";
import { own } from "../model/own";

const BY_NAME: Readonly<Record<string, LucideIcon>> = {
  bell: Bell,
  binary: Binary,
  bot: Bot,
  braces: Braces,
  "circle-x": CircleX,
  clock: Clock,
  cloud: Cloud,
  code: Code,
  cpu: Cpu,
  database: Database,
  "file-code": FileCode,
  "file-terminal": FileTerminal,
  "file-text": FileText,
  filter: Filter,
  "git-branch": GitBranch,
  globe: Globe,
  hand: Hand,
  image: Image,
  key: Key,
  layers: Layers,
  mail: Mail,
  "message-square": MessageSquare,
  repeat: Repeat,
  reply: Reply,
  sparkles: Sparkles,
  split: Split,
  table: Table,
  timer: Timer,
  variable: Variable,
  webhook: Webhook,
  zap: Zap,
};

const BY_LOOK: Readonly<Record<Look, LucideIcon>> = {
  pending: Clock,
  queued: Clock,
  starting: Hourglass,
  running: LoaderCircle,
  waiting: Hand,
  retrying: RotateCw,
  completed: Check,
  reused: CheckCheck,
  skipped: SkipForward,
  failed: X,
  cancelled: Ban,
};

const KINDS = new Set(["http", "ai", "logic", "transform", "database"]);

/** The class that tints a node type's icon. */
export function kindOf(category: string | undefined): string {
  const kind = category?.toLowerCase() ?? "";
  return `kind kind--${KINDS.has(kind) ? kind : "other"}`;
}

export function TypeIcon({ name, size = 15 }: { readonly name: string | undefined; readonly size?: number }) {
  const Icon = own(BY_NAME, name ?? "") ?? Box;
  return <Icon size={size} aria-hidden />;
}

export function LookIcon({ look, size = 13 }: { readonly look: Look; readonly size?: number }) {
  const Icon = BY_LOOK[look];
  return <Icon size={size} aria-hidden className={look === "running" ? "spins" : ""} />;
}
