"""One run, told event by event: ``story.complete("a")`` answers node ``a``'s present attempt and keeps what came of it."""

from collections.abc import Mapping
from typing import Any

from flume.ids import ROOT, Instance, Millis, NodeId, ScopePath, split_instance
from flume.nodes.types import OUT
from flume.plan import Plan
from flume.values import JsonValue
from orchestrator.events import (
    GATHERING,
    CancelRequested,
    Command,
    Event,
    LoopOpened,
    LoopStepDecided,
    NodeCompleted,
    NodeFailed,
    NodeSkipped,
    NodeSlept,
    Released,
    RunStarted,
    TakenOver,
    Tick,
)
from orchestrator.machine import advance
from orchestrator.records import inline
from orchestrator.state import Failure, LoopState, ManyOutputs, NodeState, Run, SingleOutput
from tests.unit.orchestrator.plans import new_run

START = Millis(1_000_000)


class Story:
    """A run that has begun at `START`. ``now`` moves by `wait` alone; ``commands`` are those of the latest event."""

    def __init__(self, plan: Plan, *, seeds: Mapping[str, NodeState] | None = None) -> None:
        self.plan = plan
        self.run: Run = new_run(plan)
        self.now = START
        self.commands: tuple[Command, ...] = ()
        self.send(RunStarted(START, {NodeId(node_id): state for node_id, state in (seeds or {}).items()}))

    def send(self, event: Event) -> "Story":
        self.run, self.commands = advance(self.plan, self.run, event)
        return self

    def ignores(self, event: Event) -> bool:
        """Whether the event would change nothing at all."""
        run, commands = advance(self.plan, self.run, event)
        return run is self.run and commands == ()

    def wait(self, milliseconds: int) -> "Story":
        self.now = Millis(self.now + milliseconds)
        return self.send(Tick(self.now))

    def complete(self, instance: str, output: JsonValue = None, *, port: str = OUT, **more: Any) -> "Story":
        attempt = self.node(instance).attempt
        return self.send(NodeCompleted(self.now, Instance(instance), attempt, port, inline(output), **more))

    def fail(self, instance: str, *, code: str = "broken", retryable: bool = False, **more: Any) -> "Story":
        return self.send(self.failure(instance, code=code, retryable=retryable, **more))

    def failure(self, instance: str, *, code: str = "broken", retryable: bool = False, **more: Any) -> NodeFailed:
        state = self.node(instance)
        if state.loop is not None:
            more.setdefault("step", GATHERING if state.loop.gathering else state.loop.next)
        return NodeFailed(self.now, Instance(instance), state.attempt, Failure(code, "it broke", retryable), **more)

    def skip(self, instance: str) -> "Story":
        return self.send(NodeSkipped(self.now, Instance(instance), self.node(instance).attempt))

    def sleep(self, instance: str, milliseconds: int, output: JsonValue = None) -> "Story":
        until = Millis(self.now + milliseconds)
        attempt = self.node(instance).attempt
        return self.send(NodeSlept(self.now, Instance(instance), attempt, until, inline(output)))

    def open_loop(self, instance: str, total: int | None, items: JsonValue = None) -> "Story":
        values = None if items is None else inline(items)
        return self.send(LoopOpened(self.now, Instance(instance), self.node(instance).attempt, total, values))

    def decide(self, instance: str, index: int, goes_on: bool) -> "Story":
        return self.send(LoopStepDecided(self.now, Instance(instance), index, goes_on))

    def cancel(self) -> "Story":
        return self.send(CancelRequested(self.now))

    def release(self) -> "Story":
        return self.send(Released(self.now))

    def take_over(self) -> "Story":
        return self.send(TakenOver(self.now))

    def node(self, instance: str) -> NodeState:
        path, node_id = split_instance(Instance(instance))
        return self.run.scopes[path].nodes[node_id]

    def loop(self, instance: str) -> LoopState:
        loop = self.node(instance).loop
        assert loop is not None
        return loop

    def scope_status(self, path: str) -> str:
        return self.run.scopes[ScopePath(path)].status.value

    @property
    def status(self) -> str:
        return self.run.status.value

    def statuses(self, path: str = ROOT) -> dict[str, str]:
        """The status of every node of a scope that anything has reached."""
        return {node_id: state.status.value for node_id, state in self.run.scopes[ScopePath(path)].nodes.items()}

    @property
    def output(self) -> Any:
        """The run's result: ``(node, value)``, or ``{node: value}``, or None if it has none."""
        match self.run.root.output:
            case SingleOutput(node, value):
                return node, value.value  # type: ignore[union-attr]
            case ManyOutputs(values):
                return {node: value.value for node, value in values.items()}  # type: ignore[union-attr]
            case None:
                return None
