"""The pipelines that are measured, as texts."""


def chain(length: int, *, durable: bool = False) -> str:
    """``length`` trivial nodes one after another; with ``durable`` each is committed by itself."""
    nodes = [
        '  - {id: n0, type: template, config: {template: "{{ trigger.data }}"}%s}'
        % (", durable: true" if durable else "")
    ]
    for number in range(1, length):
        extra = ", durable: true" if durable else ""
        nodes.append(
            f'  - {{id: n{number}, type: template, config: {{template: "{{{{ n{number - 1}.output }}}}."}}{extra}}}'
        )
    edges = [f"  - {{from: n{number - 1}, to: n{number}}}" for number in range(1, length)]
    return _document(f"chain-{length}{'-durable' if durable else ''}", nodes, edges)


def fan_out(width: int) -> str:
    """One node, ``width`` nodes behind it, and one that waits for all of them."""
    nodes = ['  - {id: source, type: template, config: {template: "x"}}']
    nodes += [
        f'  - {{id: b{number}, type: template, config: {{template: "{{{{ source.output }}}}{number}"}}}}'
        for number in range(width)
    ]
    nodes.append('  - {id: join, type: template, config: {template: "done"}}')
    edges = [f"  - {{from: source, to: b{number}}}" for number in range(width)]
    edges += [f"  - {{from: b{number}, to: join}}" for number in range(width)]
    return _document(f"fan-out-{width}", nodes, edges)


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


def _document(name: str, nodes: list[str], edges: list[str]) -> str:
    text = f"apiVersion: flume/v1\nkind: Pipeline\nmetadata: {{name: {name}}}\nnodes:\n" + "\n".join(nodes) + "\n"
    return text + ("edges:\n" + "\n".join(edges) + "\n" if edges else "")
