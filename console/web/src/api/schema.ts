// Written by api_types.py from the API's description; `make types` writes it anew.

/** What the server is. `retentionDays` 0: ended runs are kept for ever. `replicas` and `tokens` null: not for you. */
export type AboutRecord = {
  readonly version: string;
  readonly caller: CallerRecord;
  readonly retentionDays: number;
  readonly activeRuns: number;
  readonly replicas: readonly (ReplicaRecord)[] | null;
  readonly tokens: readonly (TokenRecord)[] | null;
};

/** One attempt that is over. */
export type AttemptRecord = {
  readonly number: number;
  readonly startedAt: string;
  readonly endedAt: string;
  readonly error: ErrorRecord | null;
  readonly timing: Readonly<Record<string, unknown>> | null;
};

/** One change. `before` and `after` are small: versions, hashes, states. */
export type AuditRecord = {
  readonly id: string;
  readonly at: string;
  readonly namespace: string;
  readonly actor: string;
  readonly origin: string;
  readonly action: string;
  readonly target: string;
  readonly before: Readonly<Record<string, unknown>> | null;
  readonly after: Readonly<Record<string, unknown>> | null;
};

/** One result per run. `hasMore`: the filter may find further runs; `nextCursor` as `cursor` goes on with them. */
export type BulkAnswer = {
  readonly items: readonly (BulkResult)[];
  readonly hasMore: boolean;
  readonly nextCursor: string | null;
};

/** Which runs are meant: by `ids`, or those that `filter` finds; exactly one of the two. */
export type BulkBody = {
  readonly ids?: readonly (string)[] | null;
  readonly filter?: BulkFilter | null;
  readonly cursor?: string | null;
};

/** Why nothing was done to a run. `not-tried`: one before it was refused for now, in `retryAfter` seconds perhaps not. */
export type BulkError = {
  readonly code: string;
  readonly message: string;
  readonly retryAfter?: number | null;
};

/** Runs as the list's filter names them. */
export type BulkFilter = {
  readonly pipeline?: string | null;
  readonly status?: readonly (RunStatus)[];
  readonly trigger?: string | null;
  readonly since?: string | null;
  readonly until?: string | null;
};

/** What became of one run: its status now, or the new run's id, or why nothing was done. */
export type BulkResult = {
  readonly id: string;
  readonly ok: boolean;
  readonly status?: RunStatus | null;
  readonly run?: string | null;
  readonly error?: BulkError | null;
};

/** Who asks. `namespaces` null: all of them. `name` is empty where nobody needs a token. */
export type CallerRecord = {
  readonly name: string;
  readonly role: string;
  readonly namespaces: readonly (string)[] | null;
};

/** Why a run is cancelled. */
export type CancelBody = {
  readonly reason?: string;
};

/** One difference. `pointer` is into the later definition, and into the earlier one for what was removed. */
export type ChangeRecord = {
  readonly op: "add" | "remove" | "change" | "move";
  readonly pointer: string;
  readonly before: unknown;
  readonly after: unknown;
};

/** A node type that is an image. `hash` is another one as soon as it says something else. */
export type ClusterNodeTypeRecord = {
  readonly name: string;
  readonly hash: string;
};

/** Pipelines by namespace and name, and how many runs of all namespaces have not ended. */
export type ClusterPipelinePage = {
  readonly items: readonly (ClusterPipelineRecord)[];
  readonly nextCursor: string | null;
  readonly unfinishedRuns: number;
};

/** A pipeline as its objects on a cluster are made of it.
 * 
 * `definition` is the present version's, `version` 0 and `hash` empty without one. `nodeTypes` are those that it was
 * saved with, and their versions. `eventKey` lets senders that have no token reach the pipeline's event address: treat it as
 * a secret. */
export type ClusterPipelineRecord = {
  readonly namespace: string;
  readonly name: string;
  readonly status: PipelineStatus;
  readonly version: number;
  readonly hash: string;
  readonly managedBy: string;
  readonly disabledTriggers: readonly (string)[];
  readonly definition: Readonly<Record<string, unknown>>;
  readonly nodeTypes: Readonly<Record<string, number>>;
  readonly eventKey: string;
};

/** Runs of a pipeline that ended with one outcome. */
export type CountRecord = {
  readonly pipeline: string;
  readonly status: string;
  readonly count: number;
  readonly durationMs: DurationRecord | null;
};

/** How an instance died that nobody had told to end. `output` is what it wrote last; null for a token that is bound. */
export type CrashRecord = {
  readonly at: string;
  readonly reason: string;
  readonly output: string | null;
};

/** What changed from one version to another. */
export type DifferenceRecord = {
  readonly from: number;
  readonly to: number;
  readonly changes: readonly (ChangeRecord)[];
};

/** Percentiles in milliseconds, from start to end. */
export type DurationRecord = {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
};

/** How something failed. `node` is the instance to blame, such as `each[3].fetch`. */
export type ErrorRecord = {
  readonly code: string;
  readonly message: string;
  readonly node: string | null;
  readonly retryable: boolean;
};

/** A time at which a trigger was due, and the run that this started. */
export type FiringRecord = {
  readonly at: string;
  readonly run: string | null;
};

/** A line with its run. */
export type FoundLogRecord = {
  readonly at: string;
  readonly level: string;
  readonly node: string;
  readonly attempt: number;
  readonly sequence: number;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly run: string;
  readonly pipeline: string;
};

/** A function with the latest changes of its scale since the server was started, the oldest first. */
export type FunctionDetailRecord = {
  readonly name: string;
  readonly lane: Lane;
  readonly status: FunctionState;
  readonly revision: string | null;
  readonly instances: number;
  readonly starting: number;
  readonly ready: number;
  readonly maxInstances: number | null;
  readonly inFlight: number;
  readonly limit: number | null;
  readonly events: number;
  readonly coldStarts: number;
  readonly coldStartMs: number | null;
  readonly lastEventAt: string | null;
  readonly failure: string | null;
  readonly crash: CrashRecord | null;
  readonly links: Readonly<Record<string, string>>;
  readonly scale: readonly (ScaleRecord)[];
};

/** The function of a node type.
 * 
 * Of `instances`, those that are neither `starting` nor `ready` are ending. `maxInstances` is how many there may be
 * and `limit` how many events they take at a time; null as long as that is not known. `failure` says why the latest start
 * failed, null if it did not. */
export type FunctionRecord = {
  readonly name: string;
  readonly lane: Lane;
  readonly status: FunctionState;
  readonly revision: string | null;
  readonly instances: number;
  readonly starting: number;
  readonly ready: number;
  readonly maxInstances: number | null;
  readonly inFlight: number;
  readonly limit: number | null;
  readonly events: number;
  readonly coldStarts: number;
  readonly coldStartMs: number | null;
  readonly lastEventAt: string | null;
  readonly failure: string | null;
  readonly crash: CrashRecord | null;
  readonly links: Readonly<Record<string, string>>;
};

/** What a function can do for the next event. Being at zero is no fault: the event starts it. */
export type FunctionState = "at-zero" | "starting" | "ready" | "failing";

/** Attempts that nobody wants any more; everything else of the request was taken. */
export type GoneRecord = {
  readonly gone: readonly (string)[];
};

/** What a loop runs for each item. */
export type GraphBody = {
  readonly nodes: readonly (Readonly<Record<string, unknown>>)[];
  readonly edges: readonly (GraphEdge)[];
};

/** An edge; `taken` null as long as it is open. In a loop's body it is left out. */
export type GraphEdge = {
  readonly from: string;
  readonly to: string;
  readonly port: string;
  readonly taken?: boolean | null;
};

/** A node of the graph with its state. `icon` is the name of one of Lucide's, or empty; `maxAttempts` counts all tries. */
export type GraphNode = {
  readonly id: string;
  readonly type: string;
  readonly name: string;
  readonly category: string;
  readonly icon: string;
  readonly maxAttempts: number;
  readonly status: NodeStatus;
  readonly phase: Phase | null;
  readonly error: ErrorRecord | null;
  readonly port: string | null;
  readonly attempt: number;
  readonly startedAt: string | null;
  readonly completedAt: string | null;
  readonly dueAt: string | null;
  readonly loop?: LoopRecord | null;
  readonly body?: GraphBody | null;
};

/** The graph of a run with its states. */
export type GraphRecord = {
  readonly id: string;
  readonly status: RunStatus;
  readonly nodes: readonly (GraphNode)[];
  readonly edges: readonly (GraphEdge)[];
};

/** What ended in an interval that begins at `since`. */
export type IntervalRecord = {
  readonly since: string;
  readonly counts: readonly (CountRecord)[];
};

/** An item of a loop; `nodes` are the states of those that were reached. */
export type ItemRecord = {
  readonly index: number;
  readonly status: RunStatus;
  readonly output: unknown;
  readonly error: ErrorRecord | null;
  readonly startedAt: string | null;
  readonly completedAt: string | null;
  readonly nodes: Readonly<Record<string, NodeStatus>>;
};

/** Where a node runs (spec 2.1). */
export type Lane = "engine" | "cpu" | "gpu" | "job";

/** A node type or file that could not be loaded. `name` is empty for a file. */
export type LoadFailureRecord = {
  readonly name: string;
  readonly source: string;
  readonly reason: string;
};

/** Lines of a run. `after` is the place behind the last one, from which a later call goes on. */
export type LogPage = {
  readonly items: readonly (LogRecord)[];
  readonly nextCursor: string | null;
  readonly after: string;
};

/** A line of a run's log; `sequence` counts from 0 within the attempt, below 0 are lines about its process. */
export type LogRecord = {
  readonly at: string;
  readonly level: string;
  readonly node: string;
  readonly attempt: number;
  readonly sequence: number;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
};

/** How far a loop is. `total` null: its end shows as it goes. */
export type LoopRecord = {
  readonly total: number | null;
  readonly started: number;
  readonly active: number;
  readonly succeeded: number;
  readonly failed: number;
};

/** How often a node of the top level ran to its end, and how often that was a failure. */
export type NodeCountRecord = {
  readonly node: string;
  readonly count: number;
  readonly failures: number;
  readonly durationMs: DurationRecord | null;
};

/** A node with what it was given, rendered again from what was recorded; secrets are shown as `•••`.
 * 
 * `config` and `inputs` are null as long as the node has not begun, and where `inputError` says why not. */
export type NodeDetailRecord = {
  readonly type: string;
  readonly name: string;
  readonly status: NodeStatus;
  readonly phase: Phase | null;
  readonly output: unknown;
  readonly meta: Readonly<Record<string, unknown>> | null;
  readonly error: ErrorRecord | null;
  readonly port: string | null;
  readonly attempt: number;
  readonly attempts: readonly (AttemptRecord)[];
  readonly startedAt: string | null;
  readonly completedAt: string | null;
  readonly dueAt: string | null;
  readonly loop?: LoopRecord | null;
  readonly id: string;
  readonly instance: string;
  readonly config: unknown;
  readonly inputs: unknown;
  readonly inputError: string | null;
  readonly links: Readonly<Record<string, string>>;
};

/** The nodes of a pipeline over a part of the time, which begins at `since`. */
export type NodePartRecord = {
  readonly since: string;
  readonly nodes: readonly (NodeCountRecord)[];
};

/** A node of a run. A large `output` is `{"$payload": {id, size, url}}`. */
export type NodeRecord = {
  readonly type: string;
  readonly name: string;
  readonly status: NodeStatus;
  readonly phase: Phase | null;
  readonly output: unknown;
  readonly meta: Readonly<Record<string, unknown>> | null;
  readonly error: ErrorRecord | null;
  readonly port: string | null;
  readonly attempt: number;
  readonly attempts: readonly (AttemptRecord)[];
  readonly startedAt: string | null;
  readonly completedAt: string | null;
  readonly dueAt: string | null;
  readonly loop?: LoopRecord | null;
};

/** How far a node is. `waiting` sleeps in the store, `retrying` waits for its next attempt. */
export type NodeStatus = "pending" | "running" | "waiting" | "retrying" | "completed" | "failed" | "skipped" | "cancelled";

/** What the node is given. Templates are rendered as in a pipeline that has this node alone. */
export type NodeTestBody = {
  readonly config?: Readonly<Record<string, unknown>>;
  readonly inputs?: Readonly<Record<string, unknown>>;
};

/** How the node did: `error` inside `node` says why it failed. The run that this was stays to be looked at. */
export type NodeTestRecord = {
  readonly run: string;
  readonly node: NodeRecord;
  readonly logs: readonly (LogRecord)[];
  readonly links: Readonly<Record<string, string>>;
};

/** A node type as `flume nodes describe TYPE -o json` tells it; what is left out has the default of a class.
 * 
 * `configSchema` null: `config` and `inputs` are one, checked by `inputSchema`. */
export type NodeTypeBody = {
  readonly name?: string;
  readonly version?: number;
  readonly category?: string;
  readonly description?: string;
  readonly icon?: string;
  readonly lanes?: readonly (Lane)[];
  readonly runOn?: Lane | null;
  readonly role?: "plain";
  readonly pure?: boolean;
  readonly retryable?: boolean;
  readonly timeoutSeconds?: number | null;
  readonly ports?: readonly (string)[];
  readonly configSchema?: Readonly<Record<string, unknown>> | null;
  readonly inputSchema?: Readonly<Record<string, unknown>>;
  readonly outputSchema?: Readonly<Record<string, unknown>>;
  readonly renderings?: Readonly<Record<string, Rendering>>;
  readonly concurrency?: number;
  readonly resources?: ResourcesModel;
  readonly scale?: NodeTypeScale;
  readonly image?: string;
  readonly secrets?: readonly (string)[];
};

/** All node types, and what could not be loaded. */
export type NodeTypePage = {
  readonly items: readonly (NodeTypeRecord)[];
  readonly nextCursor: string | null;
  readonly failures: readonly (LoadFailureRecord)[];
};

/** A node type.
 * 
 * `ports` null: they follow from a node's config; every type has `error` besides. `configSchema` null: `config`
 * and `inputs` are one, checked by `inputSchema`. `renderings` says which fields are not plain templates. `secrets`
 * are the names of those that the type's function gets; `*` is all. */
export type NodeTypeRecord = {
  readonly name: string;
  readonly version: number;
  readonly category: string;
  readonly description: string;
  readonly icon: string;
  readonly lanes: readonly (Lane)[];
  readonly runOn: Lane;
  readonly role: string;
  readonly pure: boolean;
  readonly retryable: boolean;
  readonly timeoutSeconds: number | null;
  readonly ports: readonly (string)[] | null;
  readonly configSchema: Readonly<Record<string, unknown>> | null;
  readonly inputSchema: Readonly<Record<string, unknown>>;
  readonly outputSchema: unknown;
  readonly renderings: Readonly<Record<string, string>>;
  readonly concurrency: number;
  readonly resources: Readonly<Record<string, unknown>>;
  readonly scale: Readonly<Record<string, unknown>>;
  readonly image: string;
  readonly secrets: readonly (string)[];
  readonly source: string;
  readonly links: Readonly<Record<string, string>>;
};

/** How many processes its function has. `max` 0: no limit. */
export type NodeTypeScale = {
  readonly min?: number;
  readonly max?: number;
  readonly target?: number | null;
};

/** All replicas that are alive, and those that died not long ago. */
export type OrchestratorList = {
  readonly items: readonly (OrchestratorRecord)[];
};

/** A replica of the orchestrator, as it told of itself when it last renewed its lease.
 * 
 * `alive` false: others take up its runs. `leaseLeftMs` is below 0 once the lease has ended. `runs` are those that it has
 * in memory; runs that sleep are nobody's. `answering`: it is the one that was asked. */
export type OrchestratorRecord = {
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  readonly version: string;
  readonly startedAt: string;
  readonly alive: boolean;
  readonly leaseLeftMs: number;
  readonly runs: number;
  readonly answering: boolean;
};

export type PageOfAuditRecord = {
  readonly items: readonly (AuditRecord)[];
  readonly nextCursor: string | null;
};

export type PageOfClusterNodeTypeRecord = {
  readonly items: readonly (ClusterNodeTypeRecord)[];
  readonly nextCursor: string | null;
};

export type PageOfFoundLogRecord = {
  readonly items: readonly (FoundLogRecord)[];
  readonly nextCursor: string | null;
};

export type PageOfFunctionRecord = {
  readonly items: readonly (FunctionRecord)[];
  readonly nextCursor: string | null;
};

export type PageOfItemRecord = {
  readonly items: readonly (ItemRecord)[];
  readonly nextCursor: string | null;
};

export type PageOfPipelineSummaryRecord = {
  readonly items: readonly (PipelineSummaryRecord)[];
  readonly nextCursor: string | null;
};

export type PageOfRunSummaryRecord = {
  readonly items: readonly (RunSummaryRecord)[];
  readonly nextCursor: string | null;
};

export type PageOfTriggerDetailRecord = {
  readonly items: readonly (TriggerDetailRecord)[];
  readonly nextCursor: string | null;
};

export type PageOfVersionSummaryRecord = {
  readonly items: readonly (VersionSummaryRecord)[];
  readonly nextCursor: string | null;
};

/** Where a running attempt outside the engine is, so that a cold start can be seen while it happens. */
export type Phase = "queued" | "starting" | "executing";

/** A pipeline with its definition in the flat form (`flume/v1`). */
export type PipelineDetailRecord = {
  readonly namespace: string;
  readonly name: string;
  readonly description: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly status: PipelineStatus;
  readonly version: number;
  readonly triggers: readonly (TriggerSummaryRecord)[];
  readonly managedBy: string;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly links: Readonly<Record<string, string>>;
  readonly definition: Readonly<Record<string, unknown>>;
};

/** Whether triggers fire: only for `active` pipelines. */
export type PipelineStatus = "active" | "paused" | "draft";

/** A pipeline as lists show it. `version` 0: a draft that never was valid has no version. */
export type PipelineSummaryRecord = {
  readonly namespace: string;
  readonly name: string;
  readonly description: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly status: PipelineStatus;
  readonly version: number;
  readonly triggers: readonly (TriggerSummaryRecord)[];
  readonly managedBy: string;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly links: Readonly<Record<string, string>>;
};

/** What happened, to one `attempt` or to all that wait for a `function`; exactly one of the two. */
export type PlatformReportBody = {
  readonly attempt?: ReportedAttempt | null;
  readonly function?: string | null;
  readonly code: "oom-killed" | "image-pull" | "evicted" | "unschedulable" | "deadline-exceeded" | "crashed" | "start-failed";
  readonly message: string;
  readonly over?: boolean;
  readonly lines?: readonly (string)[];
};

/** One thing wrong with what was sent. `line` and `column` count from 1 and are null where no text is known. */
export type ProblemItem = {
  readonly pointer: string;
  readonly line?: number | null;
  readonly column?: number | null;
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
};

/** An error (RFC 9457). */
export type ProblemRecord = {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  readonly instance?: string | null;
  readonly hint?: string | null;
  readonly problems?: readonly (ProblemItem)[] | null;
} & Readonly<Record<string, unknown>>;

/** What becomes of the strings in one field of `config` or `inputs` before a node sees them (spec 1.3). */
export type Rendering = "value" | "expression" | "scoped" | "document" | "deferred" | "verbatim" | "constant";

/** A process of the orchestrator. `alive` false: its lease has ended, and others take up its runs. */
export type ReplicaRecord = {
  readonly id: string;
  readonly host: string;
  readonly startedAt: string;
  readonly alive: boolean;
};

/** An attempt, as the extensions `flumerun`, `flumenode` and `flumeattempt` of its order name it. */
export type ReportedAttempt = {
  readonly run: string;
  readonly node: string;
  readonly number: number;
};

/** From which node a run is run again, with which inputs (default: the old ones), and in which version. */
export type RerunBody = {
  readonly from?: string | null;
  readonly inputs?: Readonly<Record<string, unknown>> | null;
  readonly version?: "same" | "latest";
};

/** What a node needs in the function and job lanes; the type's own needs when left out. */
export type ResourcesModel = {
  readonly cpu?: unknown | null;
  readonly memory?: unknown | null;
  readonly gpu?: number | null;
};

/** A run. Large values are `{"$payload": {id, size, url}}` where they do not fit into the answer. */
export type RunRecord = {
  readonly id: string;
  readonly namespace: string;
  readonly pipeline: string;
  readonly pipelineVersion: number;
  readonly status: RunStatus;
  readonly trigger: TriggerRecord;
  readonly inputs: unknown;
  readonly output: unknown;
  readonly error: ErrorRecord | null;
  readonly createdAt: string;
  readonly startedAt: string | null;
  readonly completedAt: string | null;
  readonly attempt: number;
  readonly retryOf: string | null;
  readonly test: boolean;
  readonly rev: number;
  readonly links: Readonly<Record<string, string>>;
  readonly nodes: Readonly<Record<string, NodeRecord>>;
};

/** How far a run, or an item of a loop, is. */
export type RunStatus = "pending" | "running" | "completed" | "failed" | "cancelled";

/** A run as lists show it. */
export type RunSummaryRecord = {
  readonly id: string;
  readonly namespace: string;
  readonly pipeline: string;
  readonly pipelineVersion: number;
  readonly status: RunStatus;
  readonly trigger: TriggerSummary;
  readonly error: Readonly<Record<string, unknown>> | null;
  readonly createdAt: string;
  readonly startedAt: string | null;
  readonly completedAt: string | null;
  readonly attempt: number;
  readonly retryOf: string | null;
  readonly test: boolean;
  readonly links: Readonly<Record<string, string>>;
};

/** A node type that was saved. `hash` is another one as soon as it says something else. */
export type SavedTypeRecord = {
  readonly name: string;
  readonly hash: string;
  readonly links: Readonly<Record<string, string>>;
};

/** From `at` on there were so many instances. */
export type ScaleRecord = {
  readonly at: string;
  readonly instances: number;
  readonly ready: number;
};

/** A secret, by name alone. `usedBy` are pipelines of the namespace whose text names it, which may be a draft's. */
export type SecretRecord = {
  readonly name: string;
  readonly isSet: boolean;
  readonly usedBy: readonly (string)[];
};

/** Secrets by name. `hasMore`: there are pipelines that were not looked through. */
export type SecretsRecord = {
  readonly items: readonly (SecretRecord)[];
  readonly hasMore: boolean;
};

/** A run that was just started, or was started before with the same key. */
export type StartedRun = {
  readonly id: string;
  readonly status: RunStatus;
  readonly links: Readonly<Record<string, string>>;
};

/** Ended runs of a namespace. `intervals` holds those in which any ended; `totals` the whole time.
 * 
 * `nodes` is null unless one pipeline was asked for, and `nodeParts` unless parts were. */
export type StatisticsRecord = {
  readonly since: string;
  readonly until: string;
  readonly intervalMs: number;
  readonly intervals: readonly (IntervalRecord)[];
  readonly totals: readonly (CountRecord)[];
  readonly nodes: readonly (NodeCountRecord)[] | null;
  readonly nodeParts: readonly (NodePartRecord)[] | null;
};

/** A run of an unsaved document. `pins` gives outputs for nodes, `until` is the last node to run. */
export type TestRunBody = {
  readonly definition: string | Readonly<Record<string, unknown>>;
  readonly data?: unknown;
  readonly pins?: Readonly<Record<string, unknown>>;
  readonly until?: string | null;
};

/** A token of the server, by its place in the setting. `namespaces` null: all of them. */
export type TokenRecord = {
  readonly name: string;
  readonly role: string;
  readonly namespaces: readonly (string)[] | null;
};

/** A trigger with its pipeline, what it goes by, and its last and next firing.
 * 
 * `settings` are those of its type, such as `schedule` and `timezone`. `nextFiring` is null for what does not
 * follow time, or does not fire as things are. `key` is the pipeline's, with which events may be sent to it without a
 * token; null for triggers that no event stands for, and for callers who may not change anything. */
export type TriggerDetailRecord = {
  readonly id: string;
  readonly type: string;
  readonly enabled: boolean;
  readonly path?: string | null;
  readonly url?: string | null;
  readonly pipeline: string;
  readonly pipelineStatus: PipelineStatus;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly lastFiring: FiringRecord | null;
  readonly nextFiring: string | null;
  readonly key?: string | null;
  readonly links: Readonly<Record<string, string>>;
};

/** Switches a trigger on or off. */
export type TriggerPatchBody = {
  readonly enabled: boolean;
};

/** What started a run; further keys depend on the type. */
export type TriggerRecord = {
  readonly type: string;
  readonly id: string;
  readonly data: unknown;
} & Readonly<Record<string, unknown>>;

/** What started a run, in short. */
export type TriggerSummary = {
  readonly type: string;
  readonly id: string;
};

/** A trigger of a pipeline. `url` is where a webhook is called, or where events for the pipeline are sent.
 * 
 * `enabled` false: the definition or a person switched it off. */
export type TriggerSummaryRecord = {
  readonly id: string;
  readonly type: string;
  readonly enabled: boolean;
  readonly path?: string | null;
  readonly url?: string | null;
};

/** All that is wrong with a document, in the order of its text. */
export type ValidationRecord = {
  readonly valid: boolean;
  readonly problems: readonly (ProblemItem)[];
};

/** A version with its definition, and the text as it was written; empty if it came without text. */
export type VersionDetailRecord = {
  readonly version: number;
  readonly hash: string;
  readonly format: "yaml" | "json";
  readonly createdAt: string;
  readonly createdBy: string;
  readonly links: Readonly<Record<string, string>>;
  readonly definition: Readonly<Record<string, unknown>>;
  readonly source: string;
};

/** One immutable version. `format` is that of its source text. */
export type VersionSummaryRecord = {
  readonly version: number;
  readonly hash: string;
  readonly format: "yaml" | "json";
  readonly createdAt: string;
  readonly createdBy: string;
  readonly links: Readonly<Record<string, string>>;
};
