"""What a template's names stand for in a run: the scope in which a node's templates are evaluated (spec 1.3).

Only the names that a node's templates speak of are worked out. Values stored apart must be in memory: whoever asks
catches `NotLoadedError`, loads, and asks again.
"""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

from flume.expressions import SecretNames
from flume.ids import ROOT, Instance, Millis, NodeId, ScopePath, split_instance, split_scope
from flume.plan import Plan, PlanNode
from flume.values import JsonValue
from orchestrator.state import NodeState, NodeStatus, Run
from orchestrator.values import Values

Scope = dict[str, Any]


def moment(at: Millis) -> datetime:
    """A moment as a date in UTC."""
    return datetime.fromtimestamp(at / 1000, UTC)


class Names:
    """Resolves names for the nodes of one run, as it is now."""

    def __init__(self, plan: Plan, run: Run, values: Values, secrets: SecretNames) -> None:
        self._plan = plan
        self._run = run
        self._values = values
        self._secrets = secrets

    def of_node(self, node: PlanNode, instance: Instance, now: Millis, roots: Collection[str]) -> Scope:
        """The values of ``roots`` for an instance of ``node``. Names that mean nothing there are left out."""
        path, _ = split_instance(instance)
        scope: Scope = {}
        for root in roots:
            self._add(scope, root, node, path, now)
        return scope

    def of_loop_step(
        self, node: PlanNode, instance: Instance, index: int, now: Millis, roots: Collection[str]
    ) -> Scope:
        """The same for a ``while`` condition before item ``index``: ``item`` is the result of the item before."""
        path, _ = split_instance(instance)
        state = self._state(path, node.id)
        scope = self.of_node(node, instance, now, [root for root in roots if root not in ("item", "index", "outer")])
        last = state.loop.last if state is not None and state.loop is not None else None
        scope.update(item=self._values.of_output(last), index=index, outer=self._loop_names(path))
        return scope

    def _add(self, scope: Scope, root: str, node: PlanNode, path: ScopePath, now: Millis) -> None:
        match root:
            case "inputs":
                scope[root] = self._values.of(self._run.origin.inputs)
            case "variables":
                scope[root] = self._variables(node, path)
            case "trigger":
                trigger = self._run.origin.trigger
                data = self._values.of(trigger.data)
                scope[root] = {**trigger.detail, "type": trigger.type, "id": trigger.id, "data": data}
            case "secrets":
                scope[root] = self._secrets
            case "run":
                started = self._run.root.started_at
                scope[root] = {
                    "id": self._run.id,
                    "attempt": self._run.origin.attempt,
                    "startedAt": moment(started if started is not None else now),
                }
            case "pipeline":
                origin = self._run.origin
                scope[root] = {"name": origin.pipeline, "namespace": origin.namespace, "version": origin.version}
            case "$now":
                scope[root] = moment(now)
            case "item" | "index" | "outer":
                if path != ROOT:
                    scope[root] = self._loop_names(path).get(root)
            case _:
                if root in self._plan.nodes:
                    self._add_node(scope, NodeId(root), path)

    def _add_node(self, scope: Scope, node_id: NodeId, path: ScopePath) -> None:
        state = self._state(path, node_id)
        if state is not None:
            scope[node_id] = self._node_view(state)

    def _node_view(self, state: NodeState) -> Mapping[str, JsonValue]:
        view: dict[str, JsonValue] = {"status": state.status.value, "meta": state.meta or {}, "error": None}
        if state.error is not None and state.status is NodeStatus.FAILED:
            view["error"] = {"code": state.error.code, "message": state.error.message}
        if state.output is not None:
            view["output"] = self._values.of(state.output)
        return view

    def _state(self, path: ScopePath, node_id: NodeId) -> NodeState | None:
        """The state of a node in this scope or, if it lives further out, in the scope around it."""
        while node_id not in self._plan.scope(path).nodes:
            if path == ROOT:
                return None
            path, _ = split_instance(split_scope(path)[0])
        scope = self._run.scopes.get(path)
        return None if scope is None else scope.nodes.get(node_id)

    def _variables(self, node: PlanNode, path: ScopePath) -> Mapping[str, JsonValue]:
        variables = dict(self._plan.variables)
        for setter in node.setters:
            state = self._state(path, setter)
            if state is not None and state.status is NodeStatus.COMPLETED and state.output is not None:
                variables.update(self._values.of(state.output))
        return variables

    def _loop_names(self, path: ScopePath) -> Scope:
        """``item``, ``index`` and, from a loop within a loop, ``outer`` for what runs in the item at ``path``."""
        if path == ROOT:
            return {}
        loop, index = split_scope(path)
        around, loop_id = split_instance(loop)
        names: Scope = {"index": index, "item": index}
        state = self._state(around, loop_id)
        if state is not None and state.loop is not None:
            if state.loop.items is not None:
                names["item"] = self._values.of(state.loop.items)[index]
            elif state.loop.total is None:
                names["item"] = self._values.of_output(state.loop.last)
        if around != ROOT:
            names["outer"] = self._loop_names(around)
        return names
