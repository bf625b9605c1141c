"""The nodes and edges of a document, level by level: a loop's body is a level of its own, whose edges stay inside it."""

from collections.abc import Mapping, Sequence

from flume.document_models import BodyModel, EdgeModel, NodeModel, ResourcesModel, RetryModel, keys_of
from flume.findings import Findings
from flume.graph import find_cycles
from flume.ids import NodeId
from flume.pipeline import Backoff, Body, EdgeDefinition, Lane, NodeDefinition, OnError, RetryPolicy
from flume.problems import join_pointer
from flume.reading import shorten
from flume.values import JsonObject, JsonValue

MAX_NODES = 2_000
"""Nodes of one pipeline, those in loop bodies included."""

LOOP = "loop"
"""The node type whose ``config.body`` holds nodes and edges."""

_OUT, _ERROR = "out", "error"

_STAND_INS = {"id": "stand-in", "type": "stand-in"}
"""For a node whose id or type is wrong or missing, so that what else is wrong with it and behind it is found all the same."""


class NodeReader:
    """Reads the levels of one document. What is wrong is noted; nodes and edges that can't be understood are left out."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._places: dict[str, str] = {}
        self._loops: dict[str, str] = {}
        self._count = 0

    def read(self, nodes: JsonValue, edges: JsonValue, pointer: str) -> Body:
        """The level whose ``nodes`` and ``edges`` are keys of the object at ``pointer``, with all levels below it."""
        items = self._findings.expect_list(nodes, join_pointer(pointer, "nodes"))
        self._note_ids(items, join_pointer(pointer, "nodes"), "")
        if self._count > MAX_NODES:
            message = f"{self._count:,} nodes; the limit is {MAX_NODES:,}, loop bodies included"
            hint = "divide the pipeline; one can start another by an event"
            self._findings.add("too-many-nodes", join_pointer(pointer, "nodes"), message, hint, at_key=True)
            return Body()
        return self._read_level(items, edges, pointer, "")

    def _note_ids(self, items: Sequence[JsonValue], pointer: str, loop: str) -> None:
        """Learns all ids before any edge is read, so that an edge into another level can be told from one into nowhere."""
        for index, item in enumerate(items):
            self._count += 1
            if not isinstance(item, Mapping):
                continue
            place = join_pointer(pointer, index)
            identity = item.get("id")
            if isinstance(identity, str):
                self._note_id(identity, join_pointer(place, "id"), loop)
            body = _raw_body(item)
            if isinstance(body, Mapping) and isinstance(body.get("nodes"), list):
                inner = join_pointer(place, "config", "body", "nodes")
                self._note_ids(body["nodes"], inner, identity if isinstance(identity, str) else "?")

    def _note_id(self, identity: str, pointer: str, loop: str) -> None:
        if identity not in self._places:
            self._places[identity], self._loops[identity] = pointer, loop
            return
        other = self._loops[identity]
        where = "" if other == loop else f" in the loop '{other}'" if other else " outside the loop"
        message = f"the id '{shorten(identity)}' is taken by another node{where}"
        self._findings.add("duplicate-id", pointer, message, "ids are unique in the whole pipeline; choose another")

    def _read_level(self, items: Sequence[JsonValue], edges: JsonValue, pointer: str, loop: str) -> Body:
        nodes_at, edges_at = join_pointer(pointer, "nodes"), join_pointer(pointer, "edges")
        nodes = [self._read_node(item, join_pointer(nodes_at, index)) for index, item in enumerate(items)]
        ids = [identity for item in items if (identity := _raw_id(item))]
        level = _Edges(self._findings, ids, self._loops, loop)
        read = level.read(self._findings.expect_list(edges, edges_at), edges_at)
        found = tuple(node for node in nodes if node)
        level.check_error_edges(found)
        level.check_cycles()
        return Body(found, read)

    def _read_node(self, value: JsonValue, pointer: str) -> NodeDefinition | None:
        model = self._findings.read(NodeModel, value, pointer, stand_ins=_STAND_INS)
        # The body is read even when its loop is broken, so that its own problems are found in the same pass.
        body = self._read_body(value, pointer) if isinstance(value, Mapping) else None
        if model is None or not isinstance(value, Mapping):
            return None
        if model.retry.max_delay is not None and model.retry.max_delay < model.retry.delay:
            place = join_pointer(pointer, "retry", "maxDelay")
            self._findings.add("bad-value", place, "maxDelay is shorter than delay", "raise maxDelay or lower delay")
        return NodeDefinition(
            NodeId(_raw_id(value) or pointer),
            _raw_text(value, "type") or "",
            pointer,
            model.name,
            Lane(model.run_on) if model.run_on else None,
            model.config,
            model.inputs,
            model.when,
            _retry_policy(model.retry),
            model.timeout,
            model.start_timeout,
            _resources(model.resources),
            model.durable,
            OnError(model.on_error),
            body,
        )

    def _read_body(self, node: JsonObject, pointer: str) -> Body | None:
        body = _raw_body(node)
        if body is None:
            return None
        place = join_pointer(pointer, "config", "body")
        document = self._findings.expect_object(body, place)
        self._findings.check_keys(document, place, keys_of(BodyModel))
        items = self._findings.expect_list(document.get("nodes"), join_pointer(place, "nodes"))
        if not items and isinstance(body, Mapping):
            hint = "add at least one node under the body's `nodes`"
            self._findings.add("empty-body", place, "the loop's body has no nodes", hint)
        return self._read_level(items, document.get("edges"), place, _raw_id(node) or "?")


class _Edges:
    """The edges of one level. ``loops`` tells for every node of the document in which loop's body it is (`""`: in none)."""

    def __init__(self, findings: Findings, ids: Sequence[str], loops: Mapping[str, str], loop: str) -> None:
        self._findings = findings
        self._ids = dict.fromkeys(ids)
        self._loops = loops
        self._loop = loop
        self._edges: list[EdgeDefinition] = []

    def read(self, items: Sequence[JsonValue], pointer: str) -> tuple[EdgeDefinition, ...]:
        """The edges that lead from a node of this level to another."""
        seen: set[tuple[str, str, str]] = set()
        for index, item in enumerate(items):
            place = join_pointer(pointer, index)
            model = self._findings.read(EdgeModel, item, place)
            if model and self._is_sound(model, place, seen):
                edge = EdgeDefinition(NodeId(model.from_node), NodeId(model.to_node), model.port, place)
                self._edges.append(edge)
        return tuple(self._edges)

    def _is_sound(self, edge: EdgeModel, pointer: str, seen: set[tuple[str, str, str]]) -> bool:
        ends = (("from", edge.from_node), ("to", edge.to_node))
        dangling = [(key, identity) for key, identity in ends if identity not in self._ids]
        for key, identity in dangling:
            self._note_dangling(identity, join_pointer(pointer, key))
        if dangling:
            return False
        if edge.from_node == edge.to_node:
            hint = "remove the edge; to repeat work use a `loop` node, to try again `retry`"
            self._findings.add("self-edge", pointer, f"the edge leads from '{edge.from_node}' to itself", hint)
            return False
        path = (edge.from_node, edge.to_node, edge.port or _OUT)
        if path in seen:
            message = f"a second edge from '{edge.from_node}' to '{edge.to_node}' by the port '{shorten(path[2])}'"
            self._findings.add("duplicate-edge", pointer, message, "remove one of the two")
            return False
        seen.add(path)
        return True

    def _note_dangling(self, identity: str, pointer: str) -> None:
        shown = shorten(identity, 64)
        if identity not in self._loops:
            hint = self._findings.propose(identity, self._ids) or "add the node, or remove the edge"
            self._findings.add("dangling-edge", pointer, f"there is no node '{shown}'", hint)
            return
        loop = self._loops[identity]
        where = f"in the body of the loop '{loop}'" if loop else "outside this loop's body"
        hint = "edges join nodes of one level"
        if loop and not self._loop:
            hint += f"; lead the edge to or from '{loop}' itself"
        else:
            hint += f"; move the edge out and lead it to or from '{self._loop}'"
        self._findings.add("dangling-edge", pointer, f"the node '{shown}' is {where}", hint)

    def check_error_edges(self, nodes: Sequence[NodeDefinition]) -> None:
        """A failure either goes on as null or takes the error edge: a node can't ask for both."""
        takes_errors = {edge.from_node for edge in self._edges if edge.port == _ERROR}
        for node in nodes:
            if node.on_error is OnError.CONTINUE and node.id in takes_errors:
                message = f"'{node.id}' has onError: continue and an edge from its error port"
                hint = "keep one: remove onError, or the edge with port: error"
                self._findings.add("on-error-conflict", join_pointer(node.pointer, "onError"), message, hint)

    def check_cycles(self) -> None:
        """Notes each circle of edges, at the edge that closes it."""
        by_ends = {(edge.from_node, edge.to_node): edge for edge in reversed(self._edges)}
        for cycle in find_cycles([NodeId(identity) for identity in self._ids], by_ends):
            shown = cycle if len(cycle) <= 20 else (*cycle[:10], "…", *cycle[-9:])
            message = f"the edges go round in a circle: {' → '.join((*shown, cycle[0]))}"
            hint = "remove one of these edges; to repeat work use a `loop` node"
            self._findings.add("cycle", by_ends[cycle[-1], cycle[0]].pointer, message, hint)


def _raw_id(value: JsonValue) -> str | None:
    return _raw_text(value, "id")


def _raw_text(value: JsonValue, key: str) -> str | None:
    found = value.get(key) if isinstance(value, Mapping) else None
    return found if isinstance(found, str) else None


def _raw_body(node: JsonObject) -> JsonValue:
    config = node.get("config")
    return config.get("body") if node.get("type") == LOOP and isinstance(config, Mapping) else None


def _retry_policy(model: RetryModel) -> RetryPolicy:
    return RetryPolicy(model.attempts, model.delay, Backoff(model.backoff), model.max_delay, model.jitter)


def _resources(model: ResourcesModel) -> JsonObject:
    return model.model_dump(exclude_none=True)
