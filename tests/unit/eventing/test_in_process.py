import asyncio
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from eventing.in_process import InProcessExecutor
from eventing.invocations import MAX_FAILURE_MESSAGE, Failed, Invocation
from eventing.node_logs import MAX_LOG_FIELDS, MAX_LOG_MESSAGE
from flume.errors import NodeError
from flume.nodes import Node, NodeInput
from flume.nodes.describe import describe
from flume.nodes.node import NodeSettings
from flume.nodes.outcomes import Result

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Reports:
    def __init__(self):
        self.lines, self.texts = [], []

    def log(self, record):
        self.lines.append(record)

    def progress(self, text):
        self.texts.append(text)


def invocation(work, *, pure=False, timeout=5.0):
    class Work(Node):
        """Does what the test wants."""

        name = "work"

        class Input(NodeInput):
            pass

    Work.pure = pure
    Work.execute = work
    return Invocation(
        run_id="r",
        namespace="default",
        pipeline="p",
        instance="a",
        node_id="a",
        node_type=describe(Work),
        attempt=1,
        key="r/a/0",
        config={},
        inputs={},
        now=NOW,
        timeout=timedelta(seconds=timeout),
        nonce="none",
        token="",
    )


@pytest.fixture
async def executor():
    async with InProcessExecutor(NodeSettings(), {"KEY": "open-sesame"}) as made:
        yield made


async def test_a_coroutine_and_a_function_both_give_their_result(executor):
    async def slowly(self, input):
        await asyncio.sleep(0)
        return 1

    def plainly(self, input):
        return 2

    assert await executor.execute(invocation(slowly), Reports()) == Result(1)
    assert await executor.execute(invocation(plainly), Reports()) == Result(2)


@pytest.mark.parametrize(
    ("error", "code", "answered"),
    [
        (NodeError("no", code="custom", retryable=False), "custom", True),
        (NodeError("no answer", code="timeout", retryable=True), "timeout", False),
        (NodeError("reset", code="connection", retryable=True), "connection", False),
        (TimeoutError(), "timeout", False),
        (ConnectionError("gone"), "connection", False),
        (ValueError("bad"), "exception", True),
        (SystemExit(1), "exception", True),
    ],
)
async def test_a_failure_says_whether_anybody_answered(executor, error, code, answered):
    async def work(self, input):
        raise error

    failed = await executor.execute(invocation(work), Reports())
    assert isinstance(failed, Failed)
    assert (failed.code, failed.answered) == (code, answered)


class Odd(BaseException):
    """Something that is not even an exception."""


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (asyncio.CancelledError(), "cancelled, and not by Flume"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
        (GeneratorExit(), "GeneratorExit"),
        (Odd("x"), "Odd: x"),
        (SystemExit(3), "tried to end the process, with 3"),
        (StopIteration(1), "StopIteration"),
    ],
)
@pytest.mark.parametrize("is_plain", [True, False])
@pytest.mark.parametrize("pure", [True, False])
async def test_whatever_a_node_raises_is_how_it_failed_and_nothing_more(executor, error, said, is_plain, pure):
    def plainly(self, input):
        raise error

    async def coroutine(self, input):
        raise error

    work = invocation(plainly if is_plain else coroutine, pure=pure)
    assert executor.execute_at_once(work, Reports()) is None
    failed = await executor.execute(work, Reports())
    assert (failed.code, failed.retryable, failed.answered) == ("exception", True, True)
    assert said in failed.message
    assert asyncio.current_task().cancelling() == 0


async def test_a_node_that_waits_for_a_task_that_was_cancelled_fails(executor):
    async def work(self, input):
        task = asyncio.create_task(asyncio.sleep(60))
        task.cancel()
        await task

    failed = await executor.execute(invocation(work), Reports())
    assert (failed.code, "not by Flume" in failed.message) == ("exception", True)


async def test_a_node_that_trips_over_its_cancellation_has_not_failed(executor):
    begun = asyncio.Event()

    async def work(self, input):
        try:
            begun.set()
            await asyncio.Event().wait()
        finally:
            raise ValueError("tripped")

    task = asyncio.create_task(executor.execute(invocation(work), Reports()))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_failure_is_kept_in_bounds_and_can_be_encoded(executor):
    async def work(self, input):
        raise NodeError("open-sesame \ud800" + "x" * 2 * MAX_FAILURE_MESSAGE, code="bad\udfff", retryable=False)

    failed = await executor.execute(invocation(work), Reports())
    assert (len(failed.message), failed.code) == (MAX_FAILURE_MESSAGE, "bad?")
    assert failed.message.startswith("••• ?xxx")


async def test_time_runs_out_for_a_plain_function_too_pure_or_not(executor):
    stuck, seen = threading.Event(), []

    def work(self, input):
        seen.append(self.context)
        stuck.wait(20)

    for pure in (True, False):
        slow = invocation(work, pure=pure, timeout=0.01)
        assert executor.execute_at_once(slow, Reports()) is None
        assert (await executor.execute(slow, Reports())).code == "timeout"
    stuck.set()
    assert [context.cancelled for context in seen] == [True, True]


async def test_what_was_computed_at_once_for_longer_than_it_may_has_timed_out():
    ticks = iter([0.0, 5.0, 10.0, 16.0])

    async def work(self, input):
        return 1

    async with InProcessExecutor(NodeSettings(), {}, timer=lambda: next(ticks)) as executor:
        pure = invocation(work, pure=True, timeout=5.0)
        assert executor.execute_at_once(pure, Reports()) == Result(1)
        late = executor.execute_at_once(pure, Reports())
    assert late == Failed("timeout", "no answer within 5 s", retryable=True, answered=False)


async def test_time_runs_out_without_an_answer(executor):
    async def work(self, input):
        await asyncio.Event().wait()

    failed = await executor.execute(invocation(work, timeout=0.01), Reports())
    assert failed == Failed("timeout", "no answer within 0.01 s", retryable=True, answered=False)


async def test_cancelling_reaches_the_node(executor):
    seen, begun = [], asyncio.Event()

    async def work(self, input):
        seen.append(self.context)
        begun.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(executor.execute(invocation(work), Reports()))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert seen[0].cancelled


async def test_at_once_gives_up_what_waits_and_remembers_that(executor):
    calls = []

    async def work(self, input):
        calls.append(1)
        await asyncio.sleep(0)

    waiting = invocation(work, pure=True)
    assert executor.execute_at_once(waiting, Reports()) is None
    assert executor.execute_at_once(waiting, Reports()) is None
    assert len(calls) == 1


async def test_at_once_gives_a_failure_of_the_node_and_leaves_a_foreign_one_to_a_task(executor):
    async def refused(self, input):
        raise NodeError("no", code="custom", retryable=False)

    async def broken(self, input):
        raise RuntimeError("only in a task")

    assert executor.execute_at_once(invocation(refused, pure=True), Reports()) == Failed("custom", "no")
    assert executor.execute_at_once(invocation(broken, pure=True), Reports()) is None


async def test_log_lines_are_bounded_json_and_masked(executor):
    def work(self, input):
        self.context.log("open-sesame" + "x" * 2 * MAX_LOG_MESSAGE, **{f"f{n}": n for n in range(2 * MAX_LOG_FIELDS)})
        self.context.log("odd", value=object(), number=float("nan"))
        self.context.progress("open-sesame!")

    reports = Reports()
    await executor.execute(invocation(work), reports)
    first, second = reports.lines
    assert first.message.startswith("•••x")
    assert len(first.message) <= MAX_LOG_MESSAGE
    assert len(first.fields) == MAX_LOG_FIELDS
    assert isinstance(second.fields["value"], str)
    assert second.fields["number"] == "nan"
    assert reports.texts == ["•••!"]


async def test_a_thread_is_free_again_after_its_call(executor):
    async with InProcessExecutor(NodeSettings(), {}, threads=1) as narrow:

        def work(self, input):
            return 1

        for _ in range(3):
            assert await narrow.execute(invocation(work), Reports()) == Result(1)


async def test_a_node_sees_the_secrets_that_its_type_names_and_no_others():
    async def look(self, input):
        return sorted(self.context.secrets)

    async with InProcessExecutor(NodeSettings(), {"KEY": "open-sesame", "OTHER": "close-sesame"}) as executor:
        seen = [
            await executor.execute(with_secrets(invocation(look), names), Reports()) for names in ((), ("KEY",), ("*",))
        ]
    assert seen == [Result([]), Result(["KEY"]), Result(["KEY", "OTHER"])]


def with_secrets(ordered, names):
    return replace(ordered, node_type=replace(ordered.node_type, secrets=names))


@pytest.mark.parametrize("end", ["returned", "failed", "at once"])
async def test_a_secret_in_two_pieces_of_partial_output_is_masked_and_the_rest_is_told(executor, end):
    async def work(self, input):
        for piece in ("so: open-", "sesame", " or open"):
            self.context.progress(piece)
        if end == "failed":
            raise ValueError("no")

    reports = Reports()
    if end == "at once":
        executor.execute_at_once(invocation(work, pure=True), reports)
    else:
        await executor.execute(invocation(work), reports)

    assert "".join(reports.texts) == "so: ••• or open"
