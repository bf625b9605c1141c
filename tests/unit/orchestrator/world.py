"""A hostile world around one run: it answers the machine's commands late, twice, in any order, out of date or not at all,
sends noise, lets time pass, cancels, crashes between two writes, and forgets all that a store does not keep.

It knows by its own books which commands are unanswered, and therefore which events are news and which must change nothing.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from flume.ids import ROOT, Instance, Millis, ScopePath, item_scope, split_instance
from flume.nodes.types import ERROR
from flume.plan import Plan
from orchestrator.events import (
    GATHERING,
    CancelRequested,
    Command,
    DecideLoopStep,
    Event,
    GatherLoop,
    LoopOpened,
    LoopStepDecided,
    NodeCompleted,
    NodeFailed,
    NodeSkipped,
    NodeSlept,
    PhaseChanged,
    Released,
    RunAborted,
    RunStarted,
    StartAttempt,
    StopAttempt,
    TakenOver,
    Tick,
)
from orchestrator.machine import MAX_RECOVERIES, advance
from orchestrator.records import from_scope, inline, to_scope
from orchestrator.recovery import pending, restored, wake_at, without_ended_items
from orchestrator.state import Failure, Phase, Run, RunStatus
from tests.unit.orchestrator.choices import Choices
from tests.unit.orchestrator.plans import new_run
from tests.unit.orchestrator.promises import check_run, check_step, nodes_of
from tests.unit.orchestrator.some_plans import PORTS, some_seeds

MOST_EVENTS = 3000
"""More than any of the generated runs needs."""


class World:
    """One run and everything around it. After every event it checks the promises."""

    def __init__(self, plan: Plan, choices: Choices) -> None:
        self.plan = plan
        self.choices = choices
        self.now = Millis(1_000)
        self.run: Run = new_run(plan)
        self.awaited: Counter[Command] = Counter()
        self.taken_over: Counter[Command] = Counter()
        self.released: set[Command] = set()
        self.answered: list[Command] = []
        self.sent: set[Command] = set()
        self.past: list[Event] = []
        self.ready_at: dict[tuple[Instance, int], Millis | None] = {}
        self.events = 0

    def live(self) -> None:
        """From the start to the end of the run."""
        if self.choices.one_in(8):
            self._make_noise()
        self._send(RunStarted(self.now, some_seeds(self.choices, self.plan)))
        while not self.run.status.is_ended:
            self._next()
            assert self.events < MOST_EVENTS, "the run does not end"
        assert not pending(self.plan, self.run)
        assert wake_at(self.run) is None
        self._afterlife()

    def _next(self) -> None:
        self.now = Millis(self.now + self.choices.below(8))
        match self.choices.below(32):
            case 1 | 2:
                self._send(Tick(Millis(self.now + self.choices.below(64))), is_news=None)
            case 3 | 4 if self.past:
                self._repeat(self.choices.of(self.past))
            case 5 if self.answered:
                self._repeat(self._answer(self.choices.of(self.answered)))
            case 6:
                self._make_noise()
            case 7:
                for _ in range(1 + self.choices.below(3)):
                    self._take_over()
            case 8:
                self._store_and_load()
            case 9:
                self.run = without_ended_items(self.run, stored=self.run)
            case 10 if self.choices.one_in(12):
                self._send(CancelRequested(self.now))
            case 11 if self.choices.one_in(24):
                self._send(RunAborted(self.now, Failure("aborted", "it can't go on")))
            case 12 | 13 if self.awaited:
                self._die_between_two_writes(self.choices.of(list(self.awaited)))
            case 14 if self.awaited:
                self._change_phase(self.choices.of(list(self.awaited)))
            case 15:
                self._release()
            case _:
                self._go_on()

    def _go_on(self) -> None:
        if self.awaited:
            command = self.choices.of(list(self.awaited))
            self._send(self._answer(command), answers=[command])
            return
        due = wake_at(self.run)
        assert due is not None, "nothing is under way and nothing is due, but the run has not ended"
        self.now = max(self.now, due)
        self._send(Tick(self.now))

    def _send(self, event: Event, *, is_news: bool | None = True, answers: Sequence[Command] = ()) -> None:
        """Let the event happen. ``is_news``: whether it must change something, must not, or may (None)."""
        self.events += 1
        before = self.run
        after, commands = advance(self.plan, before, event)
        assert (after, commands) == advance(self.plan, before, event)
        assert is_news is None or (after is not before) == is_news, event
        assert after is not before or not commands
        check_step(self.plan, before, event, after, commands)
        self.run = after
        if is_news is not False:
            self.past.append(event)
        self._note(commands)
        for command in answers:
            self._give_up(command)
        self._check()

    def _note(self, commands: tuple[Command, ...]) -> None:
        for command in commands:
            if isinstance(command, StopAttempt):
                stopped = StartAttempt(command.instance, command.attempt)
                assert stopped in self.awaited
                self._give_up(stopped)
            else:
                assert command not in self.sent, "a command was given twice"
                self.sent.add(command)
                self.awaited[command] += 1
        for command in list(self.awaited):
            # The decisions and results of a loop that ended are not stopped, since they cost little; nobody waits for them.
            if not isinstance(command, StartAttempt) and not self._is_running(command):
                self._give_up(command)

    def _give_up(self, command: Command) -> None:
        if self.awaited.pop(command, None):
            self.answered.append(command)

    def _is_running(self, command: Command) -> bool:
        scope = self.run.scopes.get(split_instance(command.instance)[0])
        return scope is not None and scope.status is RunStatus.RUNNING

    def _check(self) -> None:
        check_run(self.plan, self.run)
        assert Counter(pending(self.plan, self.run)) == self.awaited
        for path, node_id, state in nodes_of(self.run):
            if state.status == "running" and state.loop is None:
                key = Instance(f"{path}.{node_id}"), state.answered
                assert state.ready_at is not None
                assert self.ready_at.setdefault(key, state.ready_at) == state.ready_at

    def _answer(self, command: Command) -> Event:
        """An answer that fits the command, a good one if there are no choices left."""
        choices, node = self.choices, self.plan.nodes[split_instance(command.instance)[1]]
        outcome = choices.below(24)
        if outcome in (1, 2, 3):
            return self._failure(command)
        match command:
            case DecideLoopStep(instance, _, index):
                return LoopStepDecided(self.now, instance, index, choices.one_in(2))
            case GatherLoop(instance, attempt):
                return NodeCompleted(self.now, instance, attempt, "out", inline(["results"]))
            case StartAttempt(instance, attempt) | StopAttempt(instance, attempt):
                if outcome == 4:
                    return NodeSkipped(self.now, instance, attempt)
                if node.loop is not None:
                    total = None if node.loop.limit is not None or choices.one_in(6) else choices.below(5)
                    return LoopOpened(self.now, instance, attempt, total, inline([total]))
                if outcome in (5, 6):
                    until = Millis(self.now + choices.below(64) - 8)
                    return NodeSlept(self.now, instance, attempt, until, inline("slept"))
                port = ERROR if outcome == 7 else choices.of(PORTS) if outcome > 18 else PORTS[0]
                return NodeCompleted(self.now, instance, attempt, port, inline(instance), {"took": attempt})

    def _failure(self, command: Command) -> NodeFailed:
        failure = Failure("broken", "it broke", retryable=not self.choices.one_in(6))
        return NodeFailed(
            self.now,
            command.instance,
            command.attempt,
            failure,
            answered=self.choices.one_in(2),
            began=Millis(self.now - self.choices.below(16)) if self.choices.one_in(2) else None,
            retry_after_ms=self.choices.below(16),
            jitter=self.choices.below(8) / 8,
            step=_step_of(command),
        )

    def _repeat(self, event: Event) -> None:
        """Something that happened before arrives again, or too late."""
        if isinstance(event, TakenOver):
            self._take_over()
        elif isinstance(event, Released):
            self._release()
        else:
            self._send(event, is_news=None if isinstance(event, Tick) else False)

    def _make_noise(self) -> None:
        """An event about something that does not exist, or not now, or that does not fit."""
        choices = self.choices
        known = [Instance(node_id) for node_id in self.plan.nodes]
        instance = choices.of(
            [
                Instance("nobody"),
                Instance("n0[0].nobody"),
                Instance(""),
                item_instance("n0", 7),
                *known,
                *self._open_instances(),
            ]
        )
        wrong = 99
        failure = Failure("late", "too late", retryable=True)
        self._send(
            choices.of(
                (
                    NodeCompleted(self.now, instance, wrong, "out", inline(1)),
                    NodeFailed(self.now, instance, wrong, failure),
                    NodeSkipped(self.now, instance, wrong),
                    NodeSlept(self.now, instance, wrong, self.now, inline(1)),
                    LoopOpened(self.now, instance, wrong, 2),
                    LoopStepDecided(self.now, instance, wrong, True),
                    PhaseChanged(self.now, instance, wrong, Phase.EXECUTING),
                    *self._misfits(),
                )
            ),
            is_news=False,
        )

    def _open_instances(self) -> list[Instance]:
        return [command.instance for command in self.awaited]

    def _misfits(self) -> list[Event]:
        """Answers of the wrong kind to commands that are awaited."""
        events: list[Event] = []
        for command in self.awaited:
            is_loop = self.plan.nodes[split_instance(command.instance)[1]].loop is not None
            instance, attempt = command.instance, command.attempt
            if is_loop:
                events.append(NodeSlept(self.now, instance, attempt, self.now, inline(1)))
            else:
                events.append(LoopOpened(self.now, instance, attempt, 1))
                events.append(LoopStepDecided(self.now, instance, 0, True))
            if isinstance(command, DecideLoopStep):
                events.append(NodeCompleted(self.now, instance, attempt, "out", inline(1)))
            if isinstance(command, (DecideLoopStep, GatherLoop)):
                events.append(NodeSkipped(self.now, instance, attempt))
                events.append(LoopOpened(self.now, instance, attempt, 1))
            if isinstance(command, DecideLoopStep):
                events.append(LoopStepDecided(self.now, instance, command.index + 1, True))
        return events

    def _take_over(self) -> None:
        """A new owner, unless there is nothing left to own: what is unanswered stays so, unless it was taken over too often."""
        if self.run.status.is_ended:
            return
        died = [command for command in self.awaited if command not in self.released]
        self.taken_over.update(died)
        self.released.clear()
        crashed = [command for command in died if self.taken_over[command] >= MAX_RECOVERIES]
        self._send(TakenOver(self.now), is_news=bool(self.awaited) or None, answers=crashed)

    def _release(self) -> None:
        """The owner stops in good order: the next one does not count what is unanswered as taken over."""
        is_news = any(command not in self.released for command in self.awaited)
        self._send(Released(self.now), is_news=is_news)
        self.released.update(self.awaited)

    def _store_and_load(self) -> None:
        """Only what `orchestrator.records` keeps is left of the run."""
        scopes = {path: to_scope(from_scope(scope)) for path, scope in self.run.scopes.items()}
        self.run = restored(self.plan, replace(self.run, scopes=scopes))
        self._check()

    def _die_between_two_writes(self, command: Command) -> None:
        """The end of an item is stored, but its owner dies before the run is, and a new owner goes on from there."""
        path = split_instance(command.instance)[0]
        if path == ROOT:
            return
        event = self._answer(command)
        after, _ = advance(self.plan, self.run, event)
        written = [path for path in self.run.scopes if self._has_ended_by_itself(path, after)]
        if not written:
            return
        kept = {
            path: after.scopes[path] if any(path == top or path.startswith(f"{top}.") for top in written) else scope
            for path, scope in self.run.scopes.items()
        }
        self.past.append(event)
        self._give_up(command)
        self.run = restored(self.plan, replace(self.run, scopes=kept))
        for other in list(self.awaited):
            if not self._is_running(other):
                self._give_up(other)
        self._take_over()

    def _has_ended_by_itself(self, path: ScopePath, after: Run) -> bool:
        before_ended = self.run.scopes[path].status.is_ended
        ends = (RunStatus.COMPLETED, RunStatus.FAILED)
        return path != ROOT and not before_ended and after.scopes[path].status in ends

    def _change_phase(self, command: Command) -> None:
        path, node_id = split_instance(command.instance)
        before = self.run.scopes[path].nodes[node_id].phase
        phase = self.choices.of(tuple(Phase))
        order = list(Phase)
        is_news = before is not None and order.index(phase) > order.index(before)
        self._send(PhaseChanged(self.now, command.instance, command.attempt, phase), is_news=is_news)
        assert self.run.scopes[path].nodes[node_id].phase is (phase if is_news else before)

    def _afterlife(self) -> None:
        """Whatever happens after the end changes nothing."""
        ended = self.run
        late = [self._answer(command) for command in self.answered[:8]]
        others = (RunStarted(self.now), Tick(Millis(10**15)), TakenOver(self.now), CancelRequested(self.now))
        for event in (*self.past[-8:], *late, *others):
            assert advance(self.plan, ended, event) == (ended, ())
            assert advance(self.plan, ended, event)[0] is ended


def item_instance(loop: str, index: int) -> Instance:
    """An instance in an item of a loop at the top that, being unknown, must not disturb anyone."""
    return Instance(f"{item_scope(Instance(loop), index)}.n1")


def _step_of(command: Command) -> int | None:
    match command:
        case DecideLoopStep():
            return command.index
        case GatherLoop():
            return GATHERING
        case _:
            return None
