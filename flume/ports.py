"""Checks of edges against the ports that node types have."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from difflib import get_close_matches

from flume.ids import NodeId
from flume.nodes.types import ERROR, OUT, NodeType
from flume.pipeline import EdgeDefinition, NodeDefinition, OnError
from flume.problems import Problem, join_pointer


def check_ports(
    nodes: Sequence[NodeDefinition], edges: Sequence[EdgeDefinition], types: Mapping[NodeId, NodeType]
) -> Iterator[Problem]:
    """Problems of the edges of one level, and of nodes whose ``onError`` does not fit their ports."""
    ports = {node.id: types[node.id].ports_for(node.config) for node in nodes if node.id in types}
    for edge in edges:
        known = ports.get(edge.from_node)
        if known is not None:
            yield from _check_edge(edge, known)
    for node in nodes:
        if node.on_error is OnError.CONTINUE and ports.get(node.id, (OUT,)) != (OUT,):
            yield Problem(
                "continue-with-ports",
                join_pointer(node.pointer, "onError"),
                f"'{node.id}' leaves by one of its own ports, so that it can't go on after an error",
                "wire its port 'error' instead",
            )


def port_of(edge: EdgeDefinition) -> str:
    """The port that an edge follows."""
    return edge.port if edge.port is not None else OUT


def _check_edge(edge: EdgeDefinition, known: Collection[str]) -> Iterator[Problem]:
    listed = ", ".join((*known, ERROR))
    if edge.port is None:
        if OUT not in known:
            yield Problem(
                "missing-port",
                edge.pointer,
                f"the edge from '{edge.from_node}' must say which port it follows",
                f"add port: one of {listed}",
            )
    elif edge.port not in known and edge.port != ERROR:
        near = get_close_matches(edge.port, [*known, ERROR], n=1, cutoff=0.6)
        yield Problem(
            "unknown-port",
            join_pointer(edge.pointer, "port"),
            f"'{edge.from_node}' has no port '{edge.port}'",
            f"did you mean '{near[0]}'?" if near else f"its ports: {listed}",
        )
