"""Which of a run's values are stored apart from it. Whoever keeps a run, or a part of one, has to keep these too."""

from collections.abc import Iterable, Iterator, Mapping

from flume.ids import NodeId
from orchestrator.state import NodeState, PayloadRef, Run, RunOrigin, Scope, ScopeOutput, SingleOutput, Stored


def payloads_of_run(run: Run) -> tuple[PayloadRef, ...]:
    """Those that belong to a run as a whole or to its top level, its result first."""
    result = _apart(_in_output(run.root.output))
    return tuple(dict.fromkeys((*result, *payloads_of_nodes(run.root.nodes), *payloads_of_origin(run.origin))))


def payloads_of_origin(origin: RunOrigin) -> tuple[PayloadRef, ...]:
    """Those that a run was started with."""
    return _apart((origin.trigger.data, origin.inputs))


def payloads_of_item(item: Scope) -> tuple[PayloadRef, ...]:
    """Those of a loop's item, without the items of loops within it."""
    return _apart((*_in_output(item.output), *_in_nodes(item.nodes)))


def payloads_of_nodes(nodes: Mapping[NodeId, NodeState]) -> tuple[PayloadRef, ...]:
    """Those of nodes of one scope."""
    return _apart(_in_nodes(nodes))


def _apart(values: Iterable[Stored | None]) -> tuple[PayloadRef, ...]:
    return tuple(dict.fromkeys(value for value in values if isinstance(value, PayloadRef)))


def _in_nodes(nodes: Mapping[NodeId, NodeState]) -> Iterator[Stored | None]:
    for state in nodes.values():
        yield state.output
        if state.loop is not None:
            yield state.loop.items
            yield from _in_output(state.loop.last)


def _in_output(output: ScopeOutput | None) -> Iterator[Stored]:
    if output is not None:
        yield from (output.value,) if isinstance(output, SingleOutput) else output.values.values()
