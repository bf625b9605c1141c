"""What was seen of runs while things broke, and the check of it: no run lost, none stuck, no result recorded twice, no way back.

A history is gathered from outside, by those who start runs, those who watch them, and the service that the nodes call. It
knows nothing of how Flume works inside.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

ENDED = frozenset({"completed", "failed", "cancelled"})
_RUN_ORDER = {"pending": 0, "running": 1, "completed": 2, "failed": 2, "cancelled": 2}
_WAITS = frozenset({"waiting", "retrying"})
_NODE_ENDED = frozenset({"completed", "failed", "skipped", "cancelled"})


@dataclass(frozen=True)
class Acknowledged:
    """A start under ``key`` was answered with ``run_id``."""

    key: str
    run_id: str


@dataclass(frozen=True)
class Node:
    """A node as it was seen. ``output`` is compared, nothing else."""

    status: str
    attempt: int = 0
    output: object = None


@dataclass(frozen=True)
class Sight:
    """A run as one watcher saw it, with its revision and, if it failed, the code of its error."""

    run_id: str
    rev: int
    status: str
    nodes: Mapping[str, Node] = field(default_factory=dict)
    error: str = ""


@dataclass(frozen=True)
class Effect:
    """The outside was asked to do something, under a key and with a body; ``answer`` is what it said, each time another."""

    key: str
    body: bytes
    answer: object


@dataclass
class History:
    """All that was seen. ``watchers`` holds for each, in order, what it saw; ``last`` what is there after all faults."""

    acknowledged: list[Acknowledged] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)
    """Start keys that were acknowledged without a word of the run: those of events."""
    watchers: dict[str, list[Sight]] = field(default_factory=dict)
    last: list[Sight] = field(default_factory=list)
    keys: dict[str, str] = field(default_factory=dict)
    """The start key of runs in ``last``, where it shows."""
    effects: list[Effect] = field(default_factory=list)
    held_up: list[Sight] = field(default_factory=list)
    """What was under way when nothing had been broken for a while, clocks being right again."""
    with_moments: frozenset[str] = frozenset()
    """The nodes in which something may wait for a moment that does not show."""
    with_effect: frozenset[str] = frozenset()
    """The nodes whose output is what the outside answered."""
    attempts_allowed: int | None = None
    """How often a node may be tried; None: nobody counts."""
    repeats_explained: int | None = None
    """How many deaths there were, each of which lets an effect be asked for once more; None: there is no telling."""


def faults_in(history: History) -> list[str]:
    """What must not be, a sentence each; empty if all is well."""
    return [
        *_lost(history),
        *_made_twice(history),
        *_stuck(history),
        *_held_up(history),
        *_gone_back(history),
        *_recorded_twice(history),
        *_too_often(history),
        *_other_effects(history),
        *_repeated_effects(history),
    ]


def _lost(history: History) -> Iterator[str]:
    there = {sight.run_id for sight in history.last}
    for start in history.acknowledged:
        if start.run_id not in there:
            yield f"lost: run {start.run_id}, acknowledged for {start.key}, is not there"
    started = set(history.keys.values())
    for key in dict.fromkeys(history.taken):
        if key not in started:
            yield f"lost: {key} was acknowledged, and no run is there for it"


def _made_twice(history: History) -> Iterator[str]:
    runs = defaultdict(set)
    for start in history.acknowledged:
        runs[start.key].add(start.run_id)
    for run_id, key in history.keys.items():
        runs[key].add(run_id)
    for key, ids in runs.items():
        if len(ids) > 1:
            yield f"made twice: {key} has the runs {', '.join(sorted(ids))}"


def _stuck(history: History) -> Iterator[str]:
    for sight in history.last:
        if sight.status not in ENDED:
            yield f"stuck: run {sight.run_id} is {sight.status}"
        for name, node in sight.nodes.items():
            if sight.status in ENDED and node.status not in _NODE_ENDED:
                yield f"stuck: run {sight.run_id} has ended, and its node {name} is {node.status}"


def _held_up(history: History) -> Iterator[str]:
    for sight in history.held_up:
        if sight.status not in ENDED and not waits_for_a_moment(sight, history.with_moments):
            yield f"held up: run {sight.run_id} was {sight.status}, and waited for no moment"


def waits_for_a_moment(sight: Sight, with_moments: frozenset[str]) -> bool:
    """Whether a clock that was wrong may explain that a run does not go on."""
    return any(
        node.status in _WAITS or (name in with_moments and node.status == "running")
        for name, node in sight.nodes.items()
    )


def _gone_back(history: History) -> Iterator[str]:
    for watcher, sights in history.watchers.items():
        for run_id, seen in _by_run(sights).items():
            for before, after in pairwise(seen):
                for fault in _steps_back(before, after):
                    yield f"gone back: {watcher} saw run {run_id} {fault}"


def _steps_back(before: Sight, after: Sight) -> Iterator[str]:
    if after.rev < before.rev:
        yield f"at revision {after.rev} after {before.rev}"
    has_ended_otherwise = before.status in ENDED and after.status != before.status
    if has_ended_otherwise or _RUN_ORDER[after.status] < _RUN_ORDER[before.status]:
        yield f"{after.status} after it was {before.status}"
    for name, node in before.nodes.items():
        then = after.nodes.get(name)
        if then is None:
            continue
        if node.status in _NODE_ENDED and then.status != node.status:
            yield f"with node {name} {then.status} after it was {node.status}"
        if then.attempt < node.attempt:
            yield f"with node {name} at attempt {then.attempt} after {node.attempt}"


def _recorded_twice(history: History) -> Iterator[str]:
    outputs: dict[tuple[str, str], list[object]] = defaultdict(list)
    for sight in (*(sight for sights in history.watchers.values() for sight in sights), *history.last):
        for name, node in sight.nodes.items():
            if node.status == "completed" and node.output not in outputs[sight.run_id, name]:
                outputs[sight.run_id, name].append(node.output)
    for (run_id, name), different in outputs.items():
        if len(different) > 1:
            yield f"recorded twice: node {name} of run {run_id} had the outputs {different}"


def _too_often(history: History) -> Iterator[str]:
    if history.attempts_allowed is None:
        return
    for sight in history.last:
        for name, node in sight.nodes.items():
            if node.attempt > history.attempts_allowed:
                yield f"too often: node {name} of run {sight.run_id} is at attempt {node.attempt}"


def _repeated_effects(history: History) -> Iterator[str]:
    if history.repeats_explained is None:
        return
    for key, count in Counter(effect.key for effect in history.effects).items():
        if count > 1 + history.repeats_explained:
            yield f"done again: {key} was asked for {count} times, and {history.repeats_explained} processes died"


def _other_effects(history: History) -> Iterator[str]:
    by_key: dict[str, list[Effect]] = defaultdict(list)
    for effect in history.effects:
        by_key[effect.key].append(effect)
    for key, same in by_key.items():
        if len({effect.body for effect in same}) > 1:
            yield f"another effect: {key} was asked for with different bodies"
    answers = {run_and_node: [] for run_and_node in _nodes_with_effect(history)}
    for key, same in by_key.items():
        run_id, instance, _ = key.split("/")
        if (run_id, instance) in answers:
            answers[run_id, instance] += [effect.answer for effect in same]
    for (run_id, name), output in _nodes_with_effect(history).items():
        if output not in answers[run_id, name]:
            yield f"no effect: node {name} of run {run_id} has completed with {output}, which nobody answered"


def _nodes_with_effect(history: History) -> dict[tuple[str, str], object]:
    return {
        (sight.run_id, name): node.output
        for sight in history.last
        for name, node in sight.nodes.items()
        if name in history.with_effect and node.status == "completed"
    }


def _by_run(sights: Iterable[Sight]) -> dict[str, list[Sight]]:
    runs: dict[str, list[Sight]] = defaultdict(list)
    for sight in sights:
        runs[sight.run_id].append(sight)
    return runs
