"""A pipeline as a picture needs it: levels of nodes and edges, in order and by layers."""

from collections.abc import Sequence
from dataclasses import dataclass

from flume.graph import topological_order
from flume.ids import NodeId
from flume.nodes.types import OUT
from flume.pipeline import EdgeDefinition, NodeDefinition


@dataclass(frozen=True, slots=True)
class Edge:
    """An edge with its port's name, which is empty for the ordinary one."""

    start: NodeId
    end: NodeId
    port: str


@dataclass(frozen=True, slots=True)
class Vertex:
    """A node; ``body`` is what a loop holds."""

    id: NodeId
    type: str
    name: str
    body: "Level | None" = None


@dataclass(frozen=True, slots=True)
class Level:
    """The nodes of one level, each after all that it follows."""

    vertices: tuple[Vertex, ...]
    edges: tuple[Edge, ...]

    def leaving(self, node: NodeId) -> list[Edge]:
        """The edges that begin at a node."""
        return [edge for edge in self.edges if edge.start == node]

    def layers(self) -> list[list[Vertex]]:
        """Nodes by the length of the longest way to them; within a layer, near those that they follow."""
        depth = {vertex.id: 0 for vertex in self.vertices}
        for vertex in self.vertices:
            for edge in self.leaving(vertex.id):
                depth[edge.end] = max(depth[edge.end], depth[vertex.id] + 1)
        layers: list[list[Vertex]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
        for vertex in self.vertices:
            layers[depth[vertex.id]].append(vertex)
        place: dict[NodeId, float] = {}
        for layer in layers:
            layer.sort(key=lambda vertex: self._middle(vertex.id, place))
            for index, vertex in enumerate(layer):
                place[vertex.id] = index - (len(layer) - 1) / 2
        return layers

    def _middle(self, node: NodeId, place: dict[NodeId, float]) -> float:
        before = [place[edge.start] for edge in self.edges if edge.end == node and edge.start in place]
        return sum(before) / len(before) if before else 0.0


def level_of(nodes: Sequence[NodeDefinition], edges: Sequence[EdgeDefinition]) -> Level:
    """The level that these nodes and edges make, with all levels below it."""
    by_id = {node.id: node for node in nodes}
    order = topological_order(list(by_id), [(edge.from_node, edge.to_node) for edge in edges])
    return Level(
        tuple(_vertex(by_id[node_id]) for node_id in order),
        tuple(Edge(edge.from_node, edge.to_node, "" if edge.port in (None, OUT) else str(edge.port)) for edge in edges),
    )


def _vertex(node: NodeDefinition) -> Vertex:
    body = None if node.body is None else level_of(node.body.nodes, node.body.edges)
    return Vertex(node.id, node.type, node.name, body)
