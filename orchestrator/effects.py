"""Carries out the machine's commands: prepares an attempt, has an executor run it, and turns the answer into an event.

Two ways lead through here. A command whose work has no effect outside may be answered at once, within a stretch of the
run; every other one becomes a task that starts only after the commit that gave it.
"""

import logging
import random
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import replace
from functools import partial
from typing import TypeVar

from eventing.answers import settled
from eventing.invocations import Answer, Executor, Failed, Invocation, Phase
from eventing.messages import Answered
from flume.errors import TooLargeError
from flume.ids import Instance, Millis, split_instance
from flume.nodes.outcomes import Iterate, Result, Sleep
from flume.nodes.types import Role
from flume.pipeline import Lane
from flume.values import JsonValue
from orchestrator.active import ActiveRun
from orchestrator.bus import Bus
from orchestrator.events import (
    GATHERING,
    DecideLoopStep,
    Event,
    GatherLoop,
    LoopOpened,
    LoopStepDecided,
    NodeCompleted,
    NodeFailed,
    NodeSkipped,
    NodeSlept,
    StartAttempt,
)
from orchestrator.gate import FairGate
from orchestrator.gathering import gather
from orchestrator.identifiers import Clock, IdSource
from orchestrator.outage import StoreOutage
from orchestrator.preparation import Given, Preparation, Preparer, Skip
from orchestrator.reporting import AttemptReports
from orchestrator.state import Failure, Stored
from orchestrator.store import RunStore
from orchestrator.values import HeldValues, NotLoadedError, Values

logger = logging.getLogger(__name__)

T = TypeVar("T")


class Effects:
    """Carries out commands of all runs of one process."""

    def __init__(
        self,
        *,
        store: RunStore,
        bus: Bus,
        executors: Mapping[Lane, Executor],
        preparer: Preparer,
        gate: FairGate,
        clock: Clock,
        ids: IdSource,
        outage: StoreOutage,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._store = store
        self._bus = bus
        self._executors = executors
        self._preparer = preparer
        self._gate = gate
        self._clock = clock
        self._ids = ids
        self._outage = outage
        self._jitter = jitter

    def can_answer_at_once(self, active: ActiveRun, command: StartAttempt | DecideLoopStep) -> bool:
        """Whether the command has no effect outside and needs nothing but computing."""
        if isinstance(command, DecideLoopStep):
            return True
        node = active.plan.nodes[split_instance(command.instance)[1]]
        return node.is_pure or (node.type.role is Role.LOOP and node.lane is Lane.ENGINE)

    def answer_at_once(self, active: ActiveRun, command: StartAttempt | DecideLoopStep) -> Event | None:
        """The answer to a command for which `can_answer_at_once` holds, or None if it needs a task after all."""
        try:
            return self._at_once(active, command)
        except NotLoadedError:
            return None
        # As in `answer`: the run would stand still.
        except Exception:
            return self._defect(active, command)

    def _at_once(self, active: ActiveRun, command: StartAttempt | DecideLoopStep) -> Event | None:
        if isinstance(command, DecideLoopStep):
            return self._decide(active, active.values, command)
        began = self._clock()
        prepared = self._preparer.prepare(active.plan, active.run, active.values, command.instance)
        if not isinstance(prepared, Invocation):
            return self._event_without_work(active, command, prepared, began)
        executor = self._executor_of(active, command.instance)
        answer = executor.execute_at_once(prepared, AttemptReports(self._bus, active, prepared, self._clock))
        if answer is None:
            return None
        return self._event(active, command, answer, began)

    async def answer(self, active: ActiveRun, command: StartAttempt | DecideLoopStep | GatherLoop) -> Event:
        """Carry out a command and return its answer. Raises nothing but cancellation, and what no `Executor` may raise."""
        try:
            async with self._slot(active, command):
                match command:
                    case StartAttempt():
                        return await self._attempt(active, command)
                    case DecideLoopStep():
                        return await self._loaded(active, lambda values: self._decide(active, values, command))
                    case GatherLoop():
                        return await self._gather(active, command)
        # A defect in Flume itself must end as a failed node, not as a run that stands still.
        except Exception:
            return self._defect(active, command)

    def taken(self, active: ActiveRun, answered: Answered) -> Event:
        """What an answer makes happen that came from outside, and not to whoever carries out the command."""
        attempt = answered.attempt
        node = active.plan.nodes[split_instance(attempt.instance)[1]]
        command = StartAttempt(attempt.instance, attempt.number)
        answer = settled(node.type.name, node.ports, answered.answer)
        began = Millis(self._clock() - answered.execute_ms)
        reports = active.reports.get((attempt.instance, attempt.number))
        if reports is None:
            return self._event(active, command, answer, began)
        reports.phase(Phase.EXECUTING, ago_ms=answered.execute_ms)
        if answered.ready_ms is not None:
            reports.ready(for_ms=answered.ready_ms)
        return self._reported(active, command, answer, began, reports)

    def cut_short(
        self, active: ActiveRun, command: StartAttempt | DecideLoopStep | GatherLoop, error: BaseException
    ) -> NodeFailed:
        """The answer to a command whose task was ended by something that is neither the engine nor an error."""
        facts = {"run": active.id, "node": command.instance, "reason": type(error).__name__}
        logger.warning("an attempt was ended from within", extra=facts)
        message = f"its task was ended by {type(error).__name__}, and not by Flume"
        return self._failed(command, Failed("exception", message, answered=False))

    async def _attempt(self, active: ActiveRun, command: StartAttempt) -> Event:
        began = self._clock()
        prepared = await self._prepared(active, command.instance)
        if not isinstance(prepared, Invocation):
            return self._event_without_work(active, command, prepared, began)
        executor = self._executor_of(active, command.instance)
        reports = AttemptReports(self._bus, active, prepared, self._clock)
        active.reports[command.instance, command.attempt] = reports
        try:
            answer = await executor.execute(prepared, reports)
        finally:
            del active.reports[command.instance, command.attempt]
            reports.close()
        return self._reported(active, command, answer, began, reports)

    def _reported(
        self, active: ActiveRun, command: StartAttempt, answer: Answer, began: Millis, reports: AttemptReports
    ) -> Event:
        """What an answer makes happen, with what was told of its start."""
        event = self._event(active, command, answer, reports.began or began)
        if reports.cold_ms and isinstance(event, (NodeCompleted, NodeFailed)):
            return replace(event, cold_ms=reports.cold_ms)
        return event

    def _slot(
        self, active: ActiveRun, command: StartAttempt | DecideLoopStep | GatherLoop
    ) -> AbstractAsyncContextManager[None]:
        """A place among what this process does itself; what others do waits at their own gates."""
        node = active.plan.nodes[split_instance(command.instance)[1]]
        if isinstance(command, StartAttempt) and node.lane is not Lane.ENGINE:
            return nullcontext()
        return self._gate.slot(active.id)

    async def _prepared(self, active: ActiveRun, instance: Instance) -> Preparation:
        return await self._loaded(
            active, lambda values: self._preparer.prepare(active.plan, active.run, values, instance)
        )

    async def _loaded(self, active: ActiveRun, compute: Callable[[Values], T]) -> T:
        """What ``compute`` gives once all payloads that it needs are in memory."""
        values = HeldValues(active.values)
        while True:
            try:
                return compute(values)
            except NotLoadedError as missing:
                await self._outage.wait_out(partial(values.load, missing.ref))

    def _executor_of(self, active: ActiveRun, instance: Instance) -> Executor:
        return self._executors[active.plan.nodes[split_instance(instance)[1]].lane]

    def _decide(self, active: ActiveRun, values: Values, command: DecideLoopStep) -> Event:
        decision = self._preparer.decide(active.plan, active.run, values, command.instance, command.index)
        if isinstance(decision, Failure):
            return NodeFailed(self._clock(), command.instance, command.attempt, decision, step=command.index)
        return LoopStepDecided(self._clock(), command.instance, command.index, decision)

    def _event_without_work(
        self, active: ActiveRun, command: StartAttempt, prepared: Skip | Given | Failure, began: Millis
    ) -> Event:
        at = self._clock()
        match prepared:
            case Skip():
                return NodeSkipped(at, command.instance, command.attempt)
            case Given():
                output = self._keep(active, prepared.output)
                return NodeCompleted(
                    at, command.instance, command.attempt, prepared.port, output, {"pinned": True}, began
                )
            case Failure():
                return NodeFailed(at, command.instance, command.attempt, prepared, began=began)

    def _event(self, active: ActiveRun, command: StartAttempt, answer: Answer, began: Millis) -> Event:
        try:
            return self._outcome(active, command, answer, began)
        except TooLargeError as error:
            return self._failed(command, _too_large(error), began)

    def _outcome(self, active: ActiveRun, command: StartAttempt, answer: Answer, began: Millis) -> Event:
        """What an answer makes happen. Raises `TooLargeError` if it holds more than a run may keep."""
        at = self._clock()
        is_loop = active.plan.nodes[split_instance(command.instance)[1]].loop is not None
        match answer:
            case Sleep() if is_loop:
                return self._failed(command, Failed("bad-output", "a loop can't sleep; put a delay before it"), began)
            case Iterate() if not is_loop:
                return self._failed(command, Failed("bad-output", "only a loop has items to iterate over"), began)
            case Result():
                output = self._keep(active, answer.output)
                return NodeCompleted(at, command.instance, command.attempt, answer.port, output, answer.meta, began)
            case Sleep():
                until = Millis(int(answer.until.timestamp() * 1000))
                return NodeSlept(at, command.instance, command.attempt, until, self._keep(active, answer.output))
            case Iterate():
                if answer.items is None:
                    return LoopOpened(at, command.instance, command.attempt, answer.times)
                items = self._keep(active, answer.items)
                return LoopOpened(at, command.instance, command.attempt, len(answer.items), items)
            case Failed():
                return self._failed(command, answer, began)

    def _defect(self, active: ActiveRun, command: StartAttempt | DecideLoopStep | GatherLoop) -> NodeFailed:
        logger.exception("an attempt failed inside Flume", extra={"run": active.id, "node": command.instance})
        message = "Flume failed to carry this out; its own log says why"
        return self._failed(command, Failed("internal", message, answered=False))

    def _failed(
        self,
        command: StartAttempt | DecideLoopStep | GatherLoop,
        answer: Failed,
        began: Millis | None = None,
    ) -> NodeFailed:
        wait = answer.retry_after
        return NodeFailed(
            at=self._clock(),
            instance=command.instance,
            attempt=command.attempt,
            failure=Failure(answer.code, answer.message, answer.retryable),
            answered=answer.answered,
            retry_after_ms=0 if wait is None else int(wait.total_seconds() * 1000),
            jitter=self._jitter(),
            step=_step_of(command),
            began=began,
        )

    def _keep(self, active: ActiveRun, value: JsonValue) -> Stored:
        stored, payload = active.values.keep(value, inline_bytes=active.run.inline_bytes, new_id=self._ids)
        if payload is not None:
            active.payloads.append(payload)
        return stored

    async def _gather(self, active: ActiveRun, command: GatherLoop) -> Event:
        try:
            gathered = await gather(active, command.instance, self._store, self._outage)
            output = self._keep(active, gathered.results)
        except TooLargeError as error:
            return self._failed(command, _too_large(error))
        meta = {"succeeded": gathered.succeeded, "failed": gathered.failed}
        return NodeCompleted(self._clock(), command.instance, command.attempt, "out", output, meta)


def _too_large(error: TooLargeError) -> Failed:
    return Failed(error.code, f"{error}; give less, or keep it somewhere else and give its place")


def _step_of(command: StartAttempt | DecideLoopStep | GatherLoop) -> int | None:
    """What `NodeFailed.step` says of an answer to ``command``."""
    match command:
        case StartAttempt():
            return None
        case DecideLoopStep():
            return command.index
        case GatherLoop():
            return GATHERING
