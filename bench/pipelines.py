"""The pipelines that are measured, as texts."""


def chain(length: int, *, durable: bool = False, type: str = "template") -> str:
    """``length`` trivial nodes one after another; with ``durable`` each is committed by itself.

    A ``type`` other than ``template`` gives the input ``text``.
    """
    extra = ", durable: true" if durable else ""
    nodes = [_node("n0", type, "{{ trigger.data }}", extra)]
    nodes += [_node(f"n{number}", type, f"{{{{ n{number - 1}.output }}}}.", extra) for number in range(1, length)]
    edges = [f"  - {{from: n{number - 1}, to: n{number}}}" for number in range(1, length)]
    return _document(_named(f"chain-{length}{'-durable' if durable else ''}", type), nodes, edges)


def fan_out(width: int, *, type: str = "template") -> str:
    """One node, ``width`` nodes of ``type`` behind it, and one that waits for all of them."""
    nodes = ['  - {id: source, type: template, config: {template: "x"}}']
    nodes += [_node(f"b{number}", type, f"{{{{ source.output }}}}{number}") for number in range(width)]
    nodes.append('  - {id: join, type: template, config: {template: "done"}}')
    edges = [f"  - {{from: source, to: b{number}}}" for number in range(width)]
    edges += [f"  - {{from: b{number}, to: join}}" for number in range(width)]
    return _document(_named(f"fan-out-{width}", type), nodes, edges)


def loop(items: int) -> str:
    """A loop over ``items`` numbers with one trivial node for each."""
    node = (
        f"  - {{id: each, type: loop, config: {{times: {items}, body: {{nodes: "
        '[{id: double, type: json-transform, config: {mapping: {value: "{{ item * 2 }}"}}}]}}}'
    )
    return _document(f"loop-{items}", [node], [])


def sleeper() -> str:
    """One node that sleeps for a day."""
    return _document("sleeper", ["  - {id: nap, type: delay, config: {duration: 1d}}"], [])


def _node(node_id: str, type: str, text: str, extra: str = "") -> str:
    given = f'config: {{template: "{text}"}}' if type == "template" else f'inputs: {{text: "{text}"}}'
    return f"  - {{id: {node_id}, type: {type}, {given}{extra}}}"


def _named(name: str, type: str) -> str:
    return name if type == "template" else f"{name}-{type}"


def _document(name: str, nodes: list[str], edges: list[str]) -> str:
    text = f"apiVersion: flume/v1\nkind: Pipeline\nmetadata: {{name: {name}}}\nnodes:\n" + "\n".join(nodes) + "\n"
    return text + ("edges:\n" + "\n".join(edges) + "\n" if edges else "")
