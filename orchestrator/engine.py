"""The engine: the shell around the machine and the only one that calls it.

One turn of a run goes: apply what has happened, answer at once what needs no effect outside, commit, and then carry out
what the commit allows. While a commit is under way the run may compute a few stretches ahead of it (`stretch.STRETCHES_AHEAD`);
what they give goes into the next commit. Nothing leaves the process before the commit of the state that it was computed from.

A run that only waits for a late moment is given up: it leaves memory and its owner, and `orchestrator.keeper` takes it
up again when it is due.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, AsyncExitStack
from dataclasses import dataclass
from functools import partial
from itertools import compress
from types import MappingProxyType, TracebackType

from eventing.messages import Answered
from flume.errors import FlumeError, StoreError, UnavailableError
from flume.ids import ROOT, Millis, NodeId, RunId, split_instance
from flume.plan import Plan, PlanNode
from orchestrator.active import ActiveRun, Stage
from orchestrator.admission import Admission
from orchestrator.bus import Bus, Progress
from orchestrator.committer import Committer
from orchestrator.effects import Effects
from orchestrator.events import (
    CancelRequested,
    DecideLoopStep,
    Event,
    GatherLoop,
    Released,
    RunAborted,
    RunStarted,
    StartAttempt,
    StopAttempt,
    TakenOver,
    Tick,
)
from orchestrator.identifiers import Clock, IdSource
from orchestrator.inbox import Arrival, Inbox
from orchestrator.machine import advance_all
from orchestrator.observer import Observer
from orchestrator.outage import StoreOutage
from orchestrator.parked_runs import ParkedRuns
from orchestrator.plans import Plans, plan_without_nodes
from orchestrator.recovery import is_asleep, pending, restored, wake_at, without_ended_items
from orchestrator.reporting import log_lines
from orchestrator.run_events import RunEvents
from orchestrator.state import Failure, NodeState, Run, RunOrigin, RunStatus, Scope
from orchestrator.store import Commit, CommitResult, Payload, Store, StoredRun, Verdict
from orchestrator.stretch import STRETCHES_AHEAD, apply_events, compute_stretch
from orchestrator.taking_up import Doubts, plan_to_go_on
from orchestrator.tasks import task_group
from orchestrator.values import PayloadCache, RunValues
from orchestrator.watching import Announcer, Watch

logger = logging.getLogger(__name__)

LOOKED_AT_ONCE = 32
"""Runs that are read together to see whose they are."""

DRAIN_S = 5.0
"""How long a process that stops waits for the store to take what has happened."""

LOG_DELAY_S = 0.5
"""How long a log line waits for a commit of its run before it is stored by one of its own."""

SLEEP_MS = 5_000
"""A run that only waits for a moment at least this far away leaves memory."""

LONGEST_TIMER_S = 5.0
"""How long a run in memory waits before it looks at the wall clock again, which may have been set meanwhile."""


@dataclass(frozen=True, slots=True)
class Started:
    """A run was made, or had been made before with the same start key.

    ``run`` is its state after the first commit, at revision ``rev``; None if it had been made before. ``body_hash`` is
    that of the first start.
    """

    run_id: RunId
    run: Run | None
    body_hash: str | None = None
    rev: int = 0


class Engine:
    """Moves all runs that this process owns. Use it as an async context manager: leaving stops taking on work and lets go."""

    def __init__(
        self,
        *,
        id: str,
        store: Store,
        bus: Bus,
        plans: Plans,
        effects: Effects,
        clock: Clock,
        ids: IdSource,
        observer: Observer,
        admission: Admission,
        outage: StoreOutage,
        retention_ms: int = 0,
        grace_s: float = 10.0,
        crash_point: Callable[[str], None] = lambda name: None,
        run_events: RunEvents,
        on_outbox: Callable[[], None] = lambda: None,
    ) -> None:
        self.id = id
        self.inbox = Inbox(store)
        self._run_events = run_events
        self._on_outbox = on_outbox
        self._store = store
        self._plans = plans
        self._effects = effects
        self._clock = clock
        self._ids = ids
        self._admission = admission
        self._outage = outage
        self._retention_ms = retention_ms
        self._grace_s = grace_s
        self._crash_point = crash_point
        self._committer = Committer(store, outage=outage, observe=observer.committed)
        self._announcer = Announcer(bus, observer)
        self._payloads = PayloadCache()
        self._active: dict[RunId, ActiveRun] = {}
        self._parked = ParkedRuns(store, self._announcer, clock=clock)
        self._doubts = Doubts(self.take_up, outage=outage)
        self._tasks: asyncio.TaskGroup
        self._stack = AsyncExitStack()
        self._is_stopping = False
        self._is_halted = False

    async def __aenter__(self) -> "Engine":
        self._tasks = await self._stack.enter_async_context(task_group())
        self._committing = self._tasks.create_task(self._committer.run(), name="committer")
        self._doubting = self._tasks.create_task(self._doubts.run(), name="doubts")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop()
        await self._stack.__aexit__(kind, error, traceback)

    @property
    def active_count(self) -> int:
        """How many runs are in memory."""
        return len(self._active)

    @property
    def room(self) -> int:
        """How many more runs this process may have in memory."""
        return 0 if self._is_stopping else self._admission.room(len(self._active))

    @property
    def is_stopping(self) -> bool:
        """Whether nothing more is taken on."""
        return self._is_stopping

    @property
    def payload_bytes(self) -> int:
        """How much of what runs stored apart is in memory, as JSON."""
        return self._payloads.size

    @property
    def failure(self) -> FlumeError | None:
        """Why nothing can be committed just now, or None."""
        return self._committer.failure

    def is_active(self, run_id: RunId) -> bool:
        """Whether the run is in this process's memory."""
        return run_id in self._active

    def known_runs(self) -> frozenset[RunId]:
        """The runs in memory, and those that are left alone until the next start: not even their failure could be stored."""
        return frozenset(self._active) | self._parked.ids

    def attempts_under_way(self) -> Iterator[PlanNode]:
        """The node of each attempt that this process waits for just now."""
        for active in self._active.values():
            for instance, _ in active.tasks:
                yield active.plan.nodes[split_instance(instance)[1]]

    async def start(
        self,
        plan: Plan,
        origin: RunOrigin,
        *,
        seeds: Mapping[NodeId, NodeState] = MappingProxyType({}),
        payloads: Sequence[Payload] = (),
    ) -> Started:
        """Make a run and begin it; returns once it is durable.

        Raises `OverloadedError` when the process has enough to do, `UnavailableError` when it is stopping, `StoreError` when the
        store refuses.
        """
        if self._is_stopping:
            raise UnavailableError("Flume is stopping")
        self._admission.check(len(self._active))
        root = Scope(RunStatus.PENDING, {}, {}, len(plan.root.order))
        run = Run(origin, {ROOT: root})
        active = self._hold(plan, run, rev=0)
        active.payloads.extend(payloads)
        active.first = asyncio.get_running_loop().create_future()
        # Not in this very step: a pure node would find the caller's task to be its own, and could cancel it.
        self.deliver(active, RunStarted(self._clock(), seeds))
        result = await active.first
        if result.verdict is Verdict.REPEATED and result.run_id is not None:
            return Started(result.run_id, None, result.body_hash)
        return Started(run.id, active.committed, rev=active.rev)

    def watch(self, run_id: RunId) -> AbstractContextManager[Watch]:
        """A look-out for the commits of a run that this process makes from now on.

        Open it before the run's state is read, so that none is missed in between.
        """
        return self._announcer.watch(run_id)

    def progress_so_far(self, run_id: RunId) -> Iterator[Progress]:
        """What the attempts of a run that are under way here have given until now, of a long text the end."""
        active = self._active.get(run_id)
        return iter(()) if active is None else active.partial_output.so_far(run_id)

    async def cancel(
        self, run_id: RunId, *, live_owners: tuple[str, ...] = (), reason: str = "cancelled on request"
    ) -> bool:
        """Ask a run to stop. False if it can't be had here: another replica owns it, or it has ended."""
        active = self._active.get(run_id)
        if active is None:
            owners = live_owners or (self.id,)
            try:
                if not await self._store.claim_run(run_id, self.id, live_owners=owners, commit_id=self._ids()):
                    return False
                active = await self.take_up(run_id)
            except FlumeError:
                self._doubts.add(run_id)
                raise
        if active is None:
            return False
        self.deliver(active, CancelRequested(self._clock(), reason))
        return True

    async def take_up(self, run_id: RunId) -> ActiveRun | None:
        """Load a run that this process has become the owner of, and go on with it.

        One that can't go on, being damaged or without a plan that fits it, fails. None if it is gone, has ended or is not
        ours after all, if it is left alone until the next start, or if this process is stopping and another will have it. Raises
        `StoreError` and `UnavailableError` alone.
        """
        if run_id in self._active or run_id in self._parked.ids or self._is_stopping:
            return self._active.get(run_id)
        stored = await self._store.load_run(run_id)
        # Another may own it by now, if this process was away for longer than its lease.
        if stored is None or stored.run.status.is_ended or stored.owner != self.id:
            return None
        plan = await plan_to_go_on(stored, self._plans)
        arrivals = await self.inbox.arrivals(run_id)
        if run_id in self._active or self._is_stopping:
            return self._active.get(run_id)
        return self._give_up(stored, plan) if isinstance(plan, Failure) else self._restore(plan, stored, arrivals)

    async def let_go_of_lost(self) -> int:
        """Forget the runs in memory that the store says are not ours any more; how many those are.

        For a process that was away for longer than its lease. A commit would tell as well, but who waits for the answer of an
        attempt makes none, and the new owner has asked for it again. Raises `StoreError` and `UnavailableError`.
        """
        count, held = 0, list(self._active.values())
        for place in range(0, len(held), LOOKED_AT_ONCE):
            group = held[place : place + LOOKED_AT_ONCE]
            lost = await asyncio.gather(*map(self._is_lost, group))
            for active in compress(group, lost):
                self._forget(active)
                count += 1
        return count

    async def _is_lost(self, active: ActiveRun) -> bool:
        if active.rev == 0:
            return False
        stored = await self._store.load_run(active.id)
        # One with a commit under way is told by that; what was read may be older than what was committed meanwhile.
        if active.is_committing or active.stage is Stage.GONE:
            return False
        return stored is None or (stored.rev >= active.rev and stored.owner != self.id)

    def find(self, run_id: RunId) -> ActiveRun | None:
        """A run that is in memory here."""
        return self._active.get(run_id)

    def take_in(self, active: ActiveRun, arrivals: Iterable[Arrival]) -> None:
        """Let happen to a run what waited in its inbox; its next commit removes the entries. Safe to repeat."""
        for arrival in arrivals:
            if arrival.id in active.arriving or arrival.id in active.inbox:
                continue
            active.arriving.append(arrival.id)
            news = arrival.news
            self.deliver(active, self._outcome(active, news) if isinstance(news, Answered) else news)

    def _outcome(self, active: ActiveRun, answered: Answered) -> Event:
        """What an answer from outside makes happen; whoever waits for it here waits in vain and is let go of."""
        instance, number = answered.attempt.instance, answered.attempt.number
        if not active.awaits(StartAttempt(instance, number)):
            return Tick(self._clock())
        active.logs.extend(log_lines(instance, number, answered.logs))
        active.let_go_of(instance, number)
        return self._effects.taken(active, answered)

    def deliver(self, active: ActiveRun, event: Event) -> None:
        """Let something happen to a run."""
        if active.stage is Stage.GONE:
            return
        active.events.append(event)
        self._schedule(active)

    async def stop(self, *, grace_s: float | None = None) -> None:
        """Take on nothing more, give what is under way a while to finish, and let the rest be taken over by others.

        ``grace_s`` None gives it the engine's whole grace.
        """
        if self._is_stopping:
            return
        self._is_stopping = True
        self._doubting.cancel()
        await self._finish_attempts(self._grace_s if grace_s is None else grace_s)
        self._is_halted = True
        for active in list(self._active.values()):
            active.let_go_of_all()
            self.deliver(active, Released(self._clock()))
        try:
            async with asyncio.timeout(DRAIN_S):
                await self._settle()
        except TimeoutError:
            logger.error("stopped with commits that the store did not take", extra={"runs": len(self._active)})
        for active in list(self._active.values()):
            self._forget(active)
        self._committing.cancel()

    async def _finish_attempts(self, grace_s: float) -> None:
        """Wait for attempts that are under way, for no longer than the grace."""
        deadline = asyncio.get_running_loop().time() + grace_s
        while self._is_busy() and asyncio.get_running_loop().time() < deadline:
            await asyncio.wait(
                [task for active in self._active.values() for task in active.tasks.values()],
                timeout=max(deadline - asyncio.get_running_loop().time(), 0),
                return_when=asyncio.FIRST_COMPLETED,
            )
            await asyncio.sleep(0)

    async def _settle(self) -> None:
        """Commit what has happened: an answer that came must not be asked for again."""
        while any(active.is_scheduled or active.is_committing for active in self._active.values()):
            await self._committer.drain()
            await asyncio.sleep(0)

    def _is_busy(self) -> bool:
        return any(active.tasks for active in self._active.values())

    def _give_up(self, stored: StoredRun, failure: Failure) -> ActiveRun:
        """Let a run fail that can't go on; left alone it would be neither under way nor cancelled, for ever."""
        logger.error("a run can't go on and fails", extra={"run": stored.run.id, "reason": failure.message})
        active = self._hold(plan_without_nodes(stored.run.origin), stored.run, rev=stored.rev)
        self.deliver(active, RunAborted(self._clock(), failure))
        return active

    def _restore(self, plan: Plan, stored: StoredRun, arrivals: Iterable[Arrival]) -> ActiveRun:
        """A run as it was stored, with what its former owner left unanswered to be done again."""
        run = restored(plan, stored.run)
        active = self._hold(plan, run, rev=stored.rev)
        if run.status is RunStatus.PENDING:
            self.deliver(active, RunStarted(self._clock()))
            self.take_in(active, arrivals)
            return active
        # First: what was answered meanwhile did not die with its owner, and must not be asked for again.
        self.take_in(active, arrivals)
        active.run, _ = advance_all(plan, run, (*active.events, TakenOver(self._clock())))
        active.mark_applied()
        active.held.extend(pending(plan, active.run))
        active.events.append(Tick(self._clock()))
        # How often an attempt was taken over must be durable before it is tried again, so nothing is done at once here.
        if active.has_changed():
            self._commit(active)
        else:
            active.granted, active.held = active.held, []
            self._carry_out(active)
            self._set_timer(active, wake_at(active.run))
            self._schedule(active)
        return active

    def _hold(self, plan: Plan, run: Run, *, rev: int) -> ActiveRun:
        active = ActiveRun(plan, run, rev, RunValues(self._store, self._payloads), run)
        active.on_log = partial(self._store_logs_soon, active)
        active.deliver = partial(self.deliver, active)
        self._active[run.id] = active
        return active

    def _store_logs_soon(self, active: ActiveRun) -> None:
        """See to it that lines are stored before long, even if their attempt goes on for hours."""
        if active.log_timer is None:
            active.log_timer = asyncio.get_running_loop().call_later(LOG_DELAY_S, self._schedule, active)

    def _schedule(self, active: ActiveRun) -> None:
        if not active.is_scheduled:
            active.is_scheduled = True
            asyncio.get_running_loop().call_soon(self._turn, active)

    def _turn(self, active: ActiveRun) -> None:
        """Apply events and answer commands at once until nothing is left or the stretch is long enough; then commit."""
        active.is_scheduled = False
        if active.stage is Stage.GONE or active.stretches_ahead >= STRETCHES_AHEAD:
            return
        if self._is_halted:
            apply_events(active, self._effects)
        elif compute_stretch(active, self._effects) and active.is_committing:
            active.stretches_ahead += 1
            self._schedule(active)
        if active.is_committing:
            return
        if active.has_changed():
            self._commit(active)
        else:
            active.granted, active.held = active.held, []
            self._carry_out(active)
        if active.at_once and not self._is_halted:
            self._schedule(active)

    def _commit(self, active: ActiveRun) -> None:
        run, wake = active.run, wake_at(active.run)
        has_ended = run.status.is_ended
        if has_ended:
            active.at_once.clear()
        commit = active.next_commit(
            self._ids(),
            owner=None if has_ended or self._is_halted or self._may_leave(active, wake) else self.id,
            # Whoever goes on is to take it up at once when this process stops.
            wake_at=None if has_ended else self._clock() if self._is_halted else wake,
            expires_at=Millis(self._clock() + self._retention_ms) if has_ended and self._retention_ms else None,
            outbox=self._run_events.of(active.committed, run, self.id),
        )
        if active.log_timer is not None:
            active.log_timer.cancel()
            active.log_timer = None
        active.granted, active.held = active.held, []
        active.stage = Stage.COMMITTING
        self._crash_point("before-commit")
        self._committer.submit(commit, partial(self._committed, active, commit))

    def _may_leave(self, active: ActiveRun, wake: Millis | None) -> bool:
        """Whether the run only sleeps, and long enough to be worth forgetting."""
        if active.at_once or active.held or active.events or active.tasks or not is_asleep(active.run):
            return False
        return wake is not None and wake - self._clock() >= SLEEP_MS

    def _committed(
        self, active: ActiveRun, commit: Commit, result: CommitResult | StoreError | UnavailableError
    ) -> None:
        if active.stage is Stage.GONE:
            return
        has_stretch = active.stretches_ahead > 0
        active.stage, active.stretches_ahead = Stage.OPEN, 0
        if not isinstance(result, CommitResult):
            self._unmade(active, result)
        elif result.verdict is Verdict.WON:
            self._won(active, commit, result, has_stretch=has_stretch)
        else:
            self._lost(active, result)

    def _unmade(self, active: ActiveRun, error: StoreError | UnavailableError) -> None:
        """Whoever asked for the run hears of the error. Should the store have made it all the same, it goes on."""
        self._forget(active)
        self._doubts.add(active.id)
        if active.first is not None and not active.first.done():
            active.first.set_exception(error)

    def _won(self, active: ActiveRun, commit: Commit, result: CommitResult, *, has_stretch: bool) -> None:
        self._crash_point("after-commit")
        active.rev = commit.rev
        is_ahead = active.run is not commit.run
        active.committed = without_ended_items(commit.run, stored=commit.run)
        active.run = without_ended_items(active.run, stored=commit.run) if is_ahead else active.committed
        self._announcer.announce(active.plan, commit)
        if commit.outbox:
            self._on_outbox()
        if active.first is not None and not active.first.done():
            active.first.set_result(result)
        if commit.run.status.is_ended:
            self._forget(active)
            return
        has_more = bool(active.events or active.at_once or active.held or active.has_changed())
        if commit.owner is None and not has_more:
            self._forget(active)
            return
        self._carry_out(active)
        self._set_timer(active, commit.wake_at)
        if has_stretch:
            # A whole stretch waits already: it is committed while the next one is computed.
            self._commit(active)
        if has_more:
            self._schedule(active)

    def _lost(self, active: ActiveRun, result: CommitResult) -> None:
        """Somebody else advanced the run, or made it before us: what we know of it is worth nothing any more."""
        self._forget(active)
        if active.first is not None and not active.first.done():
            if result.verdict is Verdict.REPEATED:
                active.first.set_result(result)
            else:
                reason = result.error or f"run {active.id} was made by somebody else"
                active.first.set_exception(StoreError(reason))
        elif result.error is not None:
            logger.error("the store refused a commit", extra={"run": active.id, "reason": result.error})
            self._abort(active, Failure("commit-refused", result.error))
        else:
            logger.warning("a run was changed by another owner", extra={"run": active.id})
            self._doubts.add(active.id)

    def _abort(self, active: ActiveRun, failure: Failure) -> None:
        """Fail a run of which a step can't be stored, from the last state that could."""
        if active.is_last_try:
            facts = {"run": active.id, "reason": failure.message}
            logger.error(
                "a run can neither go on nor be failed; mend what the reason says and start Flume anew", extra=facts
            )
            self._parked.add(active.id)
            self._tasks.create_task(
                self._parked.explain(active.committed, failure.message), name=f"explain {active.id}"
            )
            return
        again = self._hold(active.plan, active.committed, rev=active.rev)
        again.is_last_try = True
        again.events.append(RunAborted(self._clock(), failure))
        self._schedule(again)

    def _carry_out(self, active: ActiveRun) -> None:
        commands, active.granted = active.granted, []
        for command in commands:
            match command:
                case StopAttempt():
                    active.let_go_of(command.instance, command.attempt)
                case _ if self._is_stopping:
                    # The run stays ours in the store, unanswered, and is taken over by whoever comes next.
                    pass
                case _ if not active.awaits(command):
                    # The run has moved on while the commit was under way: it was cancelled, say.
                    pass
                case StartAttempt() | DecideLoopStep() | GatherLoop():
                    self._crash_point("before-effect")
                    task = self._tasks.create_task(self._answer(active, command))
                    active.tasks[command.instance, command.attempt] = task

    async def _answer(self, active: ActiveRun, command: StartAttempt | DecideLoopStep | GatherLoop) -> None:
        """Carry a command out and deliver its answer; there always is one, unless the engine itself let go of the task."""
        attempt, task = (command.instance, command.attempt), asyncio.current_task()
        try:
            event: Event = await self._effects.answer(active, command)
        except BaseException as error:
            if active.tasks.get(attempt) is not task:
                raise asyncio.CancelledError from error
            event = self._effects.cut_short(active, command, error)
        self._crash_point("after-effect")
        if active.tasks.get(attempt) is task:
            del active.tasks[attempt]
            active.partial_output.end(*attempt)
        self.deliver(active, event)

    def _set_timer(self, active: ActiveRun, wake: Millis | None) -> None:
        if active.timer is not None:
            active.timer.cancel()
            active.timer = None
        if wake is not None:
            delay = min(max(wake - self._clock(), 0) / 1000, LONGEST_TIMER_S)
            active.timer = asyncio.get_running_loop().call_later(delay, self._tick, active)

    def _tick(self, active: ActiveRun) -> None:
        active.timer = None
        wake = wake_at(active.run)
        if wake is not None and wake > self._clock():
            # The wall clock and the loop's clock disagree by a little; by much if the former was set meanwhile.
            self._set_timer(active, wake)
            return
        self.deliver(active, Tick(self._clock()))

    def _forget(self, active: ActiveRun) -> None:
        active.stage = Stage.GONE
        active.let_go_of_all()
        active.values.forget()
        for timer in (active.timer, active.log_timer):
            if timer is not None:
                timer.cancel()
        if active.first is not None and not active.first.done() and self._is_halted:
            active.first.set_exception(UnavailableError("Flume is stopping"))
        if self._active.get(active.id) is active:
            del self._active[active.id]
