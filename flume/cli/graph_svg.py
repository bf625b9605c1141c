"""A graph as an SVG picture: layers from left to right, a loop as a box around its body."""

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from flume.cli.graph_levels import Level, Vertex
from flume.ids import NodeId

NODE_WIDTH, NODE_HEIGHT = 190.0, 52.0
GAP_X, GAP_Y = 70.0, 24.0
PADDING, TITLE = 18.0, 40.0

_STYLE = (
    "text{font:14px system-ui,sans-serif;fill:#1f2937}.type,.port{font-size:11px;fill:#6b7280}"
    ".node{fill:#fff;stroke:#9ca3af}.loop{fill:#f9fafb;stroke:#9ca3af;stroke-dasharray:5 3}.edge{fill:none;stroke:#6b7280}"
)


@dataclass(frozen=True, slots=True)
class _Size:
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class _Spot:
    x: float
    y: float
    size: _Size

    @property
    def middle(self) -> float:
        return self.y + self.size.height / 2


def graph_svg(level: Level) -> str:
    """The level and all levels below it, as a document of its own."""
    size = _size_of_level(level)
    width, height = size.width + 2 * PADDING, size.height + 2 * PADDING
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{height:g}" viewBox="0 0 {width:g} {height:g}">',
        f"<style>{_STYLE}</style>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        '<path d="M0 0 8 4 0 8z" fill="#6b7280"/></marker></defs>',
        *_draw(level, PADDING, PADDING),
        "</svg>",
    ]
    return "\n".join(parts)


def _draw(level: Level, left: float, top: float) -> Iterator[str]:
    spots = _spots(level, left, top)
    for edge in level.edges:
        yield from _draw_edge(spots[edge.start], spots[edge.end], edge.port)
    for vertex in level.vertices:
        yield from _draw_vertex(vertex, spots[vertex.id])


def _draw_vertex(vertex: Vertex, spot: _Spot) -> Iterator[str]:
    kind = "node" if vertex.body is None else "loop"
    yield (
        f'<rect class="{kind}" x="{spot.x:g}" y="{spot.y:g}" width="{spot.size.width:g}" height="{spot.size.height:g}" rx="8"/>'
    )
    yield f'<text x="{spot.x + 12:g}" y="{spot.y + 22:g}">{escape(_short(vertex.name or vertex.id))}</text>'
    yield f'<text class="type" x="{spot.x + 12:g}" y="{spot.y + 40:g}">{escape(_short(vertex.type))}</text>'
    if vertex.body is not None:
        yield from _draw(vertex.body, spot.x + PADDING, spot.y + TITLE + PADDING)


def _draw_edge(start: _Spot, end: _Spot, port: str) -> Iterator[str]:
    x1, y1, x2, y2 = start.x + start.size.width, start.middle, end.x, end.middle
    bend = max((x2 - x1) / 2, GAP_X / 2)
    yield (
        f'<path class="edge" d="M{x1:g} {y1:g}C{x1 + bend:g} {y1:g} {x2 - bend:g} {y2:g} {x2:g} {y2:g}" marker-end="url(#tip)"/>'
    )
    if port:
        yield f'<text class="port" x="{x1 + 6:g}" y="{y1 + (y2 - y1) * 0.15 - 5:g}">{escape(port)}</text>'


def _spots(level: Level, left: float, top: float) -> dict[NodeId, _Spot]:
    height = _size_of_level(level).height
    spots: dict[NodeId, _Spot] = {}
    x = left
    for layer in level.layers():
        sizes = [_size_of(vertex) for vertex in layer]
        taken = sum(size.height for size in sizes) + GAP_Y * (len(sizes) - 1)
        y = top + (height - taken) / 2
        for vertex, size in zip(layer, sizes, strict=True):
            spots[vertex.id] = _Spot(x, y, size)
            y += size.height + GAP_Y
        x += max(size.width for size in sizes) + GAP_X
    return spots


def _size_of_level(level: Level) -> _Size:
    layers = [[_size_of(vertex) for vertex in layer] for layer in level.layers()]
    if not layers:
        return _Size(0, 0)
    width = sum(max(size.width for size in layer) for layer in layers) + GAP_X * (len(layers) - 1)
    height = max(sum(size.height for size in layer) + GAP_Y * (len(layer) - 1) for layer in layers)
    return _Size(width, height)


def _size_of(vertex: Vertex) -> _Size:
    if vertex.body is None:
        return _Size(NODE_WIDTH, NODE_HEIGHT)
    inner = _size_of_level(vertex.body)
    return _Size(max(inner.width + 2 * PADDING, NODE_WIDTH), inner.height + TITLE + 2 * PADDING)


def _short(text: str) -> str:
    return text if len(text) <= 24 else text[:23] + "…"
