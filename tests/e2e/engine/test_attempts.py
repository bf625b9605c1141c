import asyncio
import threading
from datetime import timedelta

import pytest

from eventing.in_process import InProcessExecutor
from flume.errors import NodeError
from flume.ids import NodeId
from flume.nodes.node import NodeSettings
from flume.pipeline import Lane
from orchestrator.state import NodeStatus, RunStatus

CALL = {"id": "a", "type": "call", "config": {"do": "work"}}
ONCE_MORE = {**CALL, "retry": {"attempts": 2, "delay": "1ms"}}


class Attempts:
    """Fails by the given errors, one after another, then works; notes what each attempt saw."""

    def __init__(self, *errors):
        self.errors = list(errors)
        self.seen = []

    async def __call__(self, context, value):
        self.seen.append(context)
        if self.errors:
            raise self.errors.pop(0)
        return "done"


async def test_an_answered_failure_gives_the_next_attempt_a_new_key_and_a_new_now(open_world, clock):
    async with open_world(clock=clock, jitter=lambda: 0.0) as world:
        work = world.does["work"] = Attempts(NodeError("busy", retryable=True))
        run_id = await world.begin({**CALL, "retry": {"attempts": 2, "delay": "10s"}})
        await world.until(run_id, lambda run: run.root.nodes[NodeId("a")].status is NodeStatus.RETRYING)
        clock.forward(10_000)
        await world.keeper.round()
        assert (await world.end(run_id)).status is RunStatus.COMPLETED
    first, second = work.seen
    assert (first.idempotency_key, second.idempotency_key) == (f"{run_id}/a/0", f"{run_id}/a/1")
    assert second.now - first.now == timedelta(seconds=10)


@pytest.mark.parametrize("error", [TimeoutError(), ConnectionResetError("gone")])
async def test_a_failure_without_an_answer_keeps_key_and_now(open_world, clock, error):
    async with open_world(clock=clock, jitter=lambda: 0.0) as world:
        work = world.does["work"] = Attempts(error)
        run_id = await world.begin({**CALL, "retry": {"attempts": 2, "delay": "10s"}})
        await world.until(run_id, lambda run: run.root.nodes[NodeId("a")].status is NodeStatus.RETRYING)
        clock.forward(10_000)
        await world.keeper.round()
        await world.end(run_id)
    first, second = work.seen
    assert (first.attempt, second.attempt) == (1, 2)
    assert first.idempotency_key == second.idempotency_key
    assert first.now == second.now


async def test_an_attempt_whose_time_is_up_fails_as_timeout_and_keeps_its_key(world):
    seen = []

    async def work(context, value):
        seen.append(context.idempotency_key)
        if len(seen) == 1:
            await asyncio.Event().wait()
        return "done"

    world.does["work"] = work
    run = await world.go({**ONCE_MORE, "timeout": "20ms"})
    assert run.root.nodes[NodeId("a")].attempts[0].error.code == "timeout"
    assert run.status is RunStatus.COMPLETED
    assert len(set(seen)) == 1


async def test_a_permanent_failure_is_not_tried_again(world):
    work = world.does["work"] = Attempts(NodeError("never", retryable=False))
    run = await world.go({**CALL, "retry": {"attempts": 5}})
    assert (run.status, run.root.error.code, len(work.seen)) == (RunStatus.FAILED, "node-error", 1)


@pytest.mark.parametrize(
    ("backoff", "waits"),
    [("fixed", [10, 10, 10]), ("linear", [10, 20, 30]), ("exponential", [10, 20, 25])],
)
async def test_waits_between_attempts_grow_as_the_policy_says(open_world, clock, backoff, waits):
    async with open_world(clock=clock, jitter=lambda: 0.0) as world:
        world.does["work"] = Attempts(*[NodeError("busy", retryable=True)] * 3)
        policy = {"attempts": 4, "delay": "10s", "backoff": backoff, "maxDelay": "25s", "jitter": False}
        if backoff == "linear":
            del policy["maxDelay"]
        run_id = await world.begin({**CALL, "retry": policy})
        for attempt, wait in enumerate(waits, 1):
            run = await world.until(
                run_id,
                lambda run, attempt=attempt: (
                    (state := run.root.nodes[NodeId("a")]).status is NodeStatus.RETRYING and state.attempt == attempt
                ),
            )
            assert run.root.nodes[NodeId("a")].due_at - clock() == wait * 1000
            assert not world.engine.is_active(run_id)
            clock.forward(wait * 1000)
            await world.keeper.round()
        assert (await world.end(run_id)).status is RunStatus.COMPLETED


async def test_jitter_shortens_a_wait_by_what_chance_says(open_world, clock):
    async with open_world(clock=clock, jitter=lambda: 0.5) as world:
        world.does["work"] = Attempts(NodeError("busy", retryable=True))
        run_id = await world.begin({**CALL, "retry": {"attempts": 2, "delay": "40s"}})
        run = await world.until(run_id, lambda run: run.root.nodes[NodeId("a")].status is NodeStatus.RETRYING)
        assert run.root.nodes[NodeId("a")].due_at - clock() == 30_000


async def test_what_the_other_side_asks_for_is_the_least_wait(open_world, clock):
    async with open_world(clock=clock, jitter=lambda: 0.0) as world:
        world.does["work"] = Attempts(NodeError("busy", retryable=True, retry_after=timedelta(minutes=2)))
        run_id = await world.begin(ONCE_MORE)
        run = await world.until(run_id, lambda run: run.root.nodes[NodeId("a")].status is NodeStatus.RETRYING)
        assert run.root.nodes[NodeId("a")].due_at - clock() == 120_000


async def test_a_function_that_blocks_its_thread_is_left_behind_when_its_time_is_up(world):
    seen = []

    def work(context, value):
        seen.append(context)
        while not context.cancelled:
            pass
        return "late"

    world.does["work"] = work
    run = await world.go({"id": "a", "type": "thread-call", "config": {"do": "work"}, "timeout": "20ms"})
    assert (run.status, run.root.error.code) == (RunStatus.FAILED, "timeout")
    assert seen[0].cancelled


async def test_waiting_for_a_thread_is_not_an_attempts_time(open_world):
    arrived, release = [], threading.Event()

    def work(context, value):
        arrived.append(value)
        if len(arrived) == 1:
            release.wait(20)
        return value

    nodes = [
        {"id": name, "type": "thread-call", "config": {"do": "work"}, "timeout": timeout}
        for name, timeout in (("long", "30s"), ("short", "30ms"))
    ]
    async with (
        InProcessExecutor(NodeSettings(), {}, threads=1) as executor,
        open_world(lanes=dict.fromkeys(Lane, executor), does={"work": work}) as world,
    ):
        run_id = await world.begin(*nodes)
        await world.is_true(lambda: arrived)
        await asyncio.sleep(0.05)
        release.set()
        assert (await world.end(run_id)).status is RunStatus.COMPLETED


@pytest.mark.parametrize("kind", ["thread-call", "pure-call", "pure-thread-call"])
@pytest.mark.parametrize("error", [StopIteration(), SystemExit(3), KeyboardInterrupt(), KeyError("x")])
async def test_whatever_a_function_raises_is_a_failed_node(world, kind, error):
    def work(context, value):
        raise error

    world.does["work"] = work
    run = await world.go({"id": "a", "type": kind, "config": {"do": "work"}, "timeout": "5s"})
    assert (run.status, run.root.error.code) == (RunStatus.FAILED, "exception")


@pytest.mark.parametrize("kind", ["call", "pure-async-call"])
@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), asyncio.CancelledError(), KeyError("x")])
async def test_whatever_a_coroutine_raises_is_a_failed_node(world, kind, error):
    async def work(context, value):
        raise error

    world.does["work"] = work
    run = await world.go({"id": "a", "type": kind, "config": {"do": "work"}})
    assert (run.status, run.root.error.code) == (RunStatus.FAILED, "exception")


@pytest.mark.parametrize("kind", ["call", "pure-async-call"])
async def test_a_node_that_cancels_its_own_task_fails(world, kind):
    async def work(context, value):
        asyncio.current_task().cancel()
        await asyncio.sleep(60)

    world.does["work"] = work
    run = await world.go({"id": "a", "type": kind, "config": {"do": "work"}})
    assert (run.status, run.root.error.code) == (RunStatus.FAILED, "exception")
    assert "not by Flume" in run.root.error.message
    assert world.engine.active_count == 0


async def test_a_pure_function_that_blocks_keeps_nobody_waiting_and_times_out(world):
    stuck = threading.Event()
    world.does["work"] = lambda context, value: stuck.wait(20)
    run_id = await world.begin({"id": "a", "type": "pure-thread-call", "config": {"do": "work"}, "timeout": "50ms"})
    other = await world.go({"id": "t", "type": "template", "config": {"template": "x"}}, name="other")
    assert other.status is RunStatus.COMPLETED
    assert (await world.end(run_id)).root.error.code == "timeout"
    stuck.set()


async def test_an_attempts_time_adds_up_also_when_it_failed_or_waited_its_turn(open_world):
    async def work(context, value):
        await asyncio.sleep(0.02)
        raise NodeError("no", code="refused", retryable=True)

    async with open_world(does={"work": work}, inline_effects=1) as world:
        node = {**CALL, "retry": {"attempts": 2, "delay": "1ms"}, "onError": "continue"}
        run = await world.go(node, {**node, "id": "b"})
    states = [run.root.nodes[NodeId(node)] for node in "ab"]
    attempts = [attempt for state in states for attempt in state.attempts]
    assert len(attempts) == 4
    for attempt in attempts:
        assert sum(attempt.timing.values()) == attempt.ended_at - attempt.started_at
        assert attempt.timing["executeMs"] >= 15
    assert max(attempt.timing["queuedMs"] for attempt in attempts) >= 15
    assert [state.meta["timing"] for state in states] == [state.attempts[-1].timing for state in states]


async def test_a_pure_coroutine_that_waits_works_as_a_task(world):
    async def work(context, value):
        async with asyncio.timeout(5), asyncio.TaskGroup() as group:
            group.create_task(asyncio.sleep(0))
        return "done"

    world.does["work"] = work
    run = await world.go({"id": "a", "type": "pure-async-call", "config": {"do": "work"}})
    assert await world.output(run) == "done"


async def test_a_value_that_no_store_can_hold_fails_as_bad_output(world):
    async def work(context, value):
        return {"n": float("nan")}

    world.does["work"] = work
    run = await world.go({**CALL, "retry": {"attempts": 3}})
    assert (run.root.error.code, run.root.nodes[NodeId("a")].attempt) == ("bad-output", 1)


class BrokenExecutor:
    """Breaks its contract: it raises."""

    def __init__(self, error):
        self.error = error

    async def execute(self, invocation, reports):
        raise self.error

    def execute_at_once(self, invocation, reports):
        raise self.error


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(), asyncio.CancelledError()])
async def test_a_task_that_ends_without_an_answer_ends_its_node_and_nothing_else(open_world, error, caplog):
    async with open_world(lanes=dict.fromkeys(Lane, BrokenExecutor(error))) as world:
        run = await world.go(CALL)
        assert (run.status, run.root.error.code) == (RunStatus.FAILED, "exception")
        assert type(error).__name__ in run.root.error.message
    assert "an attempt was ended from within" in caplog.messages


async def test_a_defect_of_flume_itself_ends_the_node_and_not_all_runs(open_world, caplog):
    async with open_world(lanes=dict.fromkeys(Lane, BrokenExecutor(LookupError("a defect")))) as world:
        for kind in ("call", "pure-call"):
            run = await world.go({"id": "a", "type": kind, "config": {"do": "work"}})
            assert (run.status, run.root.error.code) == (RunStatus.FAILED, "internal")
    assert [record.message for record in caplog.records].count("an attempt failed inside Flume") == 2
