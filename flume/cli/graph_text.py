"""A graph as lines of text, drawn from the top down: a node a line, and lanes for the edges that pass by it."""

from flume.cli.graph_levels import Edge, Level, Vertex

Lanes = list[Edge | None]
"""The edges that are open at a line, by column; None is a free column."""


def graph_text(level: Level) -> str:
    """The level and all levels below it."""
    return "\n".join(_lines(level))


def _lines(level: Level) -> list[str]:
    lanes: Lanes = []
    drawn: list[tuple[str, str]] = []
    bodies: dict[int, list[str]] = {}
    for vertex in level.vertices:
        if drawn and drawn[-1][1]:
            drawn.append((_passing(lanes), ""))
        drawn.extend((line, "") for line in _joined(vertex, lanes))
        column = _column_of(vertex, lanes)
        drawn.append((_node_line(column, lanes), _label(vertex, level)))
        outgoing = level.leaving(vertex.id)
        lanes[column] = outgoing[0] if outgoing else None
        if vertex.body is not None:
            bodies[len(drawn)] = [f"{_passing(lanes)}  ┆ {line}" for line in _lines(vertex.body)]
        if len(outgoing) > 1:
            drawn.append((_fork(column, outgoing[1:], lanes), ""))
        while lanes and lanes[-1] is None:
            lanes.pop()
    width = max((len(line) for line, label in drawn if label), default=0)
    lines: list[str] = []
    for index, (line, label) in enumerate(drawn):
        lines.extend(bodies.get(index, ()))
        lines.append(f"{line.ljust(width)}  {label}".rstrip() if label else line.rstrip())
    return [*lines, *bodies.get(len(drawn), ())]


def _joined(vertex: Vertex, lanes: Lanes) -> list[str]:
    """The line on which all edges to a node come together, if there are several."""
    columns = [column for column, edge in enumerate(lanes) if edge is not None and edge.end == vertex.id]
    if len(columns) < 2:
        return []
    line = _bridge(columns[0], columns[1:], lanes, last="╯", between="┴")
    for column in columns[1:]:
        lanes[column] = None
    return [line]


def _fork(column: int, more: list[Edge], lanes: Lanes) -> str:
    """The line on which further edges leave a node, each into a lane of its own."""
    columns = []
    for edge in more:
        free = next((each for each in range(column + 1, len(lanes)) if lanes[each] is None), len(lanes))
        if free == len(lanes):
            lanes.append(None)
        lanes[free] = edge
        columns.append(free)
    new = set(columns)
    before: Lanes = [None if each in new else edge for each, edge in enumerate(lanes)]
    return _bridge(column, columns, before, last="╮", between="┬")


def _bridge(start: int, ends: list[int], lanes: Lanes, *, last: str, between: str) -> str:
    cells = []
    for column in range(max(len(lanes), ends[-1] + 1)):
        is_within = start <= column < ends[-1]
        if column == start:
            cell = "├"
        elif column == ends[-1]:
            cell = last
        elif column in ends:
            cell = between
        elif column < len(lanes) and lanes[column] is not None:
            cell = "┼" if is_within else "│"
        else:
            cell = "─" if is_within else " "
        cells.append(cell + ("─" if is_within else " "))
    return "".join(cells)


def _column_of(vertex: Vertex, lanes: Lanes) -> int:
    for column, edge in enumerate(lanes):
        if edge is not None and edge.end == vertex.id:
            return column
    for column, edge in enumerate(lanes):
        if edge is None:
            return column
    lanes.append(None)
    return len(lanes) - 1


def _node_line(column: int, lanes: Lanes) -> str:
    return "".join("● " if each == column else "│ " if edge else "  " for each, edge in enumerate(lanes))


def _passing(lanes: Lanes) -> str:
    return "".join("│ " if edge else "  " for edge in lanes)


def _label(vertex: Vertex, level: Level) -> str:
    ports = [f"{edge.port} → {edge.end}" for edge in level.leaving(vertex.id) if edge.port]
    name = f" “{vertex.name}”" if vertex.name else ""
    return f"{vertex.id}{name}  ({vertex.type})" + (f"  {', '.join(ports)}" if ports else "")
