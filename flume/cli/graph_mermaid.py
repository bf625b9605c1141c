"""A graph as a Mermaid flowchart; loops are subgraphs."""

from collections.abc import Iterator

from flume.cli.graph_levels import Level


def graph_mermaid(level: Level) -> str:
    """The level and all levels below it."""
    return "\n".join(["flowchart LR", *_lines(level, "  ")])


def _lines(level: Level, indent: str) -> Iterator[str]:
    for vertex in level.vertices:
        label = f"{_escaped(vertex.name or vertex.id)}<br/><small>{_escaped(vertex.type)}</small>"
        if vertex.body is None:
            yield f'{indent}{_key(vertex.id)}["{label}"]'
            continue
        yield f'{indent}subgraph {_key(vertex.id)}["{label}"]'
        yield from _lines(vertex.body, indent + "  ")
        yield f"{indent}end"
    for edge in level.edges:
        port = f'|"{_escaped(edge.port)}"|' if edge.port else ""
        yield f"{indent}{_key(edge.start)} -->{port} {_key(edge.end)}"


def _key(node_id: str) -> str:
    # Plain ids could be words of Mermaid's own, such as "end" or "style".
    return "n_" + node_id.replace("-", "_")


def _escaped(text: str) -> str:
    return "".join(f"#{ord(each)};" if each in '"<>&#|[]' else each for each in text)
