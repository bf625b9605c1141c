"""From "start this attempt" to something an executor can run: the condition, the rendering, the key and the token.

What a node gets follows from what the run recorded and from nothing else, so that an attempt that is repeated after a
crash carries the same key and the same bytes.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from eventing.invocations import Invocation
from eventing.tokens import AttemptTokens
from flume.errors import ExpressionError
from flume.expressions import SecretNames, is_true
from flume.ids import Instance, split_instance
from flume.nodes.types import OUT, NodeType
from flume.pipeline import Lane
from flume.plan import NodeWork, Plan, PlanNode
from flume.values import JsonValue
from orchestrator.names import Names, moment
from orchestrator.state import Failure, NodeState, Run, RunOrigin
from orchestrator.tracing import outgoing_traceparent
from orchestrator.values import Values


@dataclass(frozen=True, slots=True)
class Skip:
    """The node's condition is false."""


@dataclass(frozen=True, slots=True)
class Given:
    """The node's output was given with the run; nothing is run."""

    output: JsonValue
    port: str


Preparation: TypeAlias = Invocation | Skip | Given | Failure


class Preparer:
    """Prepares attempts. ``secret_names`` may be used in templates; ``new_nonce`` gives unguessable letters and digits.

    ``change_of`` says how a node type is not what it was when the plan was made, None if it is.
    """

    def __init__(
        self,
        tokens: AttemptTokens,
        secret_names: Collection[str],
        new_nonce: Callable[[], str],
        *,
        change_of: Callable[[NodeType], str | None],
        traces: bool = False,
    ) -> None:
        self._tokens = tokens
        self._secret_names = frozenset(secret_names)
        self._new_nonce = new_nonce
        self._change_of = change_of
        self._traces = traces

    def prepare(self, plan: Plan, run: Run, values: Values, instance: Instance) -> Preparation:
        """What is to be done about the present attempt of a running node. Raises `NotLoadedError` for a payload out of memory."""
        path, node_id = split_instance(instance)
        node, state = plan.nodes[node_id], run.scopes[path].nodes[node_id]
        if node_id in run.origin.pins:
            return _given(node, run.origin.pins[node_id])
        if change := plan.unusable.get(node_id) or self._change_since(node):
            return Failure("node-type-changed", change)
        if node.work is None:
            return Failure("internal", "the plan holds no work for this node")
        nonce = self._new_nonce() if "secrets" in node.work.roots else "none"
        names = Names(plan, run, values, SecretNames(self._secret_names, nonce))
        try:
            return self._render(run, names, node, node.work, state, instance, nonce)
        except ExpressionError as error:
            return Failure(error.code, str(error))

    def _change_since(self, node: PlanNode) -> str | None:
        """A class stays with the runs that began with it; an image that is gone, or another one, can't do their work."""
        is_here = node.lane is Lane.ENGINE or node.type.implementation is not None
        return None if is_here else self._change_of(node.type)

    def decide(self, plan: Plan, run: Run, values: Values, instance: Instance, index: int) -> bool | Failure:
        """Whether a ``while`` loop goes on with item ``index``. Raises `NotLoadedError`."""
        path, node_id = split_instance(instance)
        node, state = plan.nodes[node_id], run.scopes[path].nodes[node_id]
        if node.loop is None or node.loop.condition is None or node.work is None:
            return Failure("internal", "the plan holds no condition for this loop")
        names = Names(plan, run, values, SecretNames((), "none"))
        now = state.ready_at if state.ready_at is not None else run.origin.created_at
        try:
            scope = names.of_loop_step(node, instance, index, now, node.work.roots)
            return is_true(node.loop.condition.render(scope))
        except ExpressionError as error:
            return Failure(error.code, str(error))

    def _render(
        self,
        run: Run,
        names: Names,
        node: PlanNode,
        work: NodeWork,
        state: NodeState,
        instance: Instance,
        nonce: str,
    ) -> Invocation | Skip:
        now = state.ready_at if state.ready_at is not None else run.origin.created_at
        scope = names.of_node(node, instance, now, work.roots)
        if work.when is not None and not is_true(work.when.render(scope)):
            return Skip()
        config, inputs = render_values(work, scope)
        return Invocation(
            run_id=run.id,
            namespace=run.origin.namespace,
            pipeline=run.origin.pipeline,
            instance=instance,
            node_id=node.id,
            node_type=node.type,
            attempt=state.attempt,
            key=f"{run.id}/{instance}/{state.answered}",
            config=config,
            inputs=inputs,
            now=moment(now),
            timeout=node.timeout,
            nonce=nonce,
            token=self._tokens.make(run.id, instance, state.attempt) if node.lane is not Lane.ENGINE else "",
            hops=run.origin.hops,
            traceparent=self._traceparent(run.origin, instance, state.attempt),
            start_timeout=node.start_timeout,
            lane=node.lane,
            resources=node.resources or {},
        )

    def _traceparent(self, origin: RunOrigin, instance: Instance, attempt: int) -> str | None:
        """What the node tells those it calls: its own span if spans are made, else what the run was called with."""
        return outgoing_traceparent(origin, instance, attempt) if self._traces else origin.traceparent


def render_values(work: NodeWork, scope: Mapping[str, Any]) -> tuple[dict[str, JsonValue], dict[str, JsonValue]]:
    """A node's ``config`` and ``inputs`` in a scope. Raises `ExpressionError` that names the field."""
    rendered: dict[str, dict[str, JsonValue]] = {
        "config": dict(work.config.render(scope)),
        "inputs": dict(work.inputs.render(scope)),
    }
    for (part, key), value in work.verbatim.items():
        rendered[part][key] = value
    for (part, key), tree in work.fields.items():
        rendered[part][key] = tree.render(scope)
    if work.scoped:
        local = {**scope, **rendered["inputs"]}
        for (part, key), tree in work.scoped.items():
            rendered[part][key] = tree.render(local)
    return rendered["config"], rendered["inputs"]


def _given(node: PlanNode, output: JsonValue) -> Given:
    """A pinned output, leaving by the port it speaks of, for types that have several."""
    ports = node.type.ports_for({})
    if ports == (OUT,):
        return Given(output, OUT)
    named = str(output).lower() if isinstance(output, bool) else output
    wired = {edge.port for edge in node.outgoing}
    return Given(output, named if isinstance(named, str) and named in {*ports, *wired} else ports[-1])
