"""Functions on one machine: orders handed over through `RemoteExecutor` and `DirectSender` to processes that start as needed."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest

from eventing.attempts import OpenAttempts
from eventing.cloudevents import encode_binary
from eventing.direct import DirectSender
from eventing.function_calls import FunctionCalls
from eventing.function_status import FunctionState
from eventing.invocations import Phase
from eventing.messages import invoke_event
from eventing.remote import BusyError, DeliveryError, Patience, RemoteExecutor, UnreachedError
from flume.nodes.outcomes import Result
from functions.local import LocalFunctions
from functions.local_pool import LocalOptions
from functions.local_process import LONGEST_LINE
from orchestrator.gate import FairGate
from tests.handing_over import Depot, Reports

pytestmark = pytest.mark.slow

LONG_S = 600.0


@dataclass
class Machine:
    """What runs functions here."""

    functions: LocalFunctions
    executor: RemoteExecutor
    started: list

    async def execute(self, invocation, reports=None):
        return await self.executor.execute(invocation, reports or Reports())

    @property
    def status(self):
        [status] = self.functions.statuses()
        return status


@pytest.fixture
async def machine(nodes, environment, is_alive):
    """Makes a machine with these options; at the end of the test nothing that it started runs any more."""

    started = []

    def command(node_type):
        started.append(node_type.name)
        return [*(sys.executable, "-P", "-m", "functions", node_type.name), *("--nodes", str(nodes)), *ADDRESS]

    @asynccontextmanager
    async def new(**changes):
        options = LocalOptions(command, lambda node_type: environment, **{"idle_s": LONG_S, **changes})
        gates = {}
        async with LocalFunctions(options) as functions, FunctionCalls(functions) as calls:
            sender = DirectSender(calls, Depot())
            executor = RemoteExecutor(
                sender,
                OpenAttempts(),
                gate_of=lambda node_type: gates.setdefault(node_type.name, FairGate(100)),
                patience=Patience(pause=timedelta(milliseconds=10)),
            )
            yield Machine(functions, executor, started)
        assert children(is_alive) == before

    before = children(is_alive)
    return new


ADDRESS = ("--host", "127.0.0.1", "--port", "0")


def children(is_alive):
    """The processes that this one started and that live."""
    while True:
        # What a thread that has ended meanwhile started is another's now, so all are looked at again.
        with suppress(FileNotFoundError):
            files = [task / "children" for task in Path(f"/proc/{os.getpid()}/task").iterdir()]
            found = {int(pid) for file in files for pid in file.read_text().split()}
            return {pid for pid in found if is_alive(pid)}


async def test_a_process_starts_with_the_first_order_and_takes_the_next_ones(machine, order):
    async with machine() as local:
        assert local.functions.statuses() == ()
        first, second = Reports(), Reports()

        assert await local.execute(order("length", {"text": "abc"}), first) == Result(3)
        assert await local.execute(order("length", {"text": "ab"}, instance="b", key="b"), second) == Result(2)

        status = local.status
        assert (status.name, status.instances, status.ready, status.events, status.cold_starts) == (
            "length",
            1,
            1,
            2,
            1,
        )
        assert status.cold_start_ms > 0
        assert status.last_event_at is not None
        assert first.phases == [Phase.STARTING, Phase.EXECUTING]
        assert second.phases == [Phase.EXECUTING]


async def test_more_orders_than_a_process_takes_start_more_up_to_the_limit_and_the_rest_waits(
    machine, order, tmp_path, until
):
    began, may_end = tmp_path / "began", tmp_path / "until"

    def work(number):
        inputs = {"began": str(began), "until": str(may_end)}
        return order("work", inputs, instance=f"n{number}", key=f"{number}", concurrency=2)

    async with machine(most=2) as local:
        assert local.functions.capacity(work(0).node_type) == 4
        working = [asyncio.create_task(local.execute(work(number))) for number in range(7)]
        await until(lambda: began.exists() and len(began.read_text().splitlines()) == 4)
        status = local.status
        pids = set(began.read_text().split())

        may_end.touch()

        assert (status.instances, status.most, status.in_flight, len(pids)) == (2, 2, 4, 2)
        assert {type(answer) for answer in await asyncio.gather(*working)} == {Result}
        assert local.status.instances == 2


async def test_a_type_says_itself_how_many_processes_it_may_have(machine, order):
    async with machine(most=4) as local:
        await asyncio.gather(
            *(
                local.execute(order("length", {"text": "a"}, instance=f"n{n}", key=f"{n}", scale={"max": 1}))
                for n in range(8)
            )
        )

        assert (local.status.most, local.status.cold_starts, local.status.events) == (1, 1, 8)


async def test_work_that_comes_again_goes_to_the_process_that_has_had_it_even_if_that_has_no_room(machine, order):
    first, second = order("length", {"text": "a"}), order("length", {"text": "b"}, instance="b", key="b")
    async with machine() as local:

        def place(invocation):
            return local.functions.place(invocation, lambda: None)

        async with place(first) as one, place(second) as other:
            assert one.url != other.url
            async with place(first) as again, place(order("length", {"text": "a"}, attempt=2)) as later:
                assert {again.url, later.url} == {one.url}
        async with place(second) as at_last:
            assert at_last.url == other.url


async def test_of_much_work_only_the_latest_is_known_by_its_process(machine, order, monkeypatch):
    monkeypatch.setattr("functions.acquaintances.KEYS_REMEMBERED", 1)
    async with machine() as local:

        def place(key):
            return local.functions.place(order("length", key=key), lambda: None)

        async with place("a") as first, place("b") as second, place("b") as again, place("a") as forgotten:
            assert again.url == second.url
            assert forgotten.url not in (first.url, second.url)


async def test_work_that_was_answered_goes_to_who_remembers_it_also_without_room_but_not_once_it_is_too_busy(
    machine, order
):
    async with machine() as local:

        def place(key):
            return local.functions.place(order("length", key=key), lambda: None)

        async with place("a") as first:
            pass
        async with place("a") as again:
            assert again.url == first.url
        async with place("b") as busy, place("a") as remembered:
            assert busy.url == remembered.url == first.url
        with pytest.raises(BusyError):
            async with place("a"):
                raise BusyError("full", wait=timedelta(seconds=60))
        async with place("a") as elsewhere:
            assert elsewhere.url != first.url


@pytest.mark.parametrize("is_answered", [False, True])
async def test_work_that_comes_twice_at_a_time_stays_with_its_process_though_that_is_too_busy_for_one(
    machine, order, is_answered
):
    async with machine() as local:

        def place(key):
            return local.functions.place(order("length", key=key), lambda: None)

        async with AsyncExitStack() as working:
            first = await working.enter_async_context(place("a"))
            refused = place("a")
            second = await refused.__aenter__()
            if is_answered:
                await working.aclose()
            await refused.__aexit__(BusyError, BusyError("full", wait=timedelta(seconds=60)), None)
            async with place("a") as again:
                assert [second.url, again.url] == [first.url] * 2


async def test_work_that_was_answered_goes_to_who_remembers_it_also_while_that_is_in_doubt(machine, order):
    async with machine() as local:

        def place(key):
            return local.functions.place(order("length", key=key), lambda: None)

        async with place("a") as first, place("b") as other:
            assert other.url != first.url
        with pytest.raises(asyncio.CancelledError):
            async with place("c") as given_up:
                raise asyncio.CancelledError
        assert given_up.url == first.url
        # The process has not said yet that all is well with it.
        async with place("a") as again:
            assert again.url == first.url


async def test_a_process_that_is_busy_with_something_else_is_left_alone_for_as_long_as_it_asked_for(machine, order):
    async with machine() as local:

        def place(key):
            return local.functions.place(order("length", key=key), lambda: None)

        with pytest.raises(BusyError):
            async with place("a") as first:
                raise BusyError("full", wait=timedelta(seconds=60))
        async with place("a") as second:
            assert second.url != first.url
        async with place("b") as third:
            assert third.url == second.url


async def test_work_that_a_process_did_not_take_is_not_bound_to_it(machine, order):
    async with machine() as local:

        def place(key):
            return local.functions.place(order("length", key=key), lambda: None)

        with pytest.raises(UnreachedError):
            async with place("a") as first:
                raise UnreachedError("draining")
        async with place("b"), place("a") as second:
            assert second.url != first.url


async def test_work_of_which_nobody_knows_how_it_ended_waits_for_the_process_that_has_it(machine, order):
    async with machine() as local:

        def place(key):
            return local.functions.place(order("length", key=key), lambda: None)

        with pytest.raises(asyncio.CancelledError):
            async with place("a") as first:
                raise asyncio.CancelledError
        async with place("b") as other, place("a") as again:
            assert [other.url, again.url] == [first.url] * 2
        assert local.status.cold_starts == 1


async def test_a_process_that_falls_silent_gets_no_more_orders_and_is_ended(machine, order, is_alive, until, caplog):
    others = children(is_alive)
    async with machine(answer_s=0.2, grace_s=0) as local:

        def place(key):
            return local.functions.place(order("length", key=key), lambda: None)

        async with place("a"):
            [pid] = children(is_alive) - others
        os.kill(pid, signal.SIGSTOP)
        with pytest.raises(asyncio.CancelledError):
            async with place("a") as silent:
                raise asyncio.CancelledError
        async with place("a") as again, place("b") as other:
            assert silent.url not in (again.url, other.url)
        await until(lambda: not is_alive(pid))

    assert [each.getMessage() for each in caplog.records if each.levelname == "WARNING"] == [
        "a function process does not answer and is ended"
    ]


async def test_an_order_whose_process_freezes_is_done_by_another_one(machine, order, tmp_path):
    async with machine(answer_s=0.2) as local:
        inputs = {"frozen": str(tmp_path / "frozen")}
        answer = await local.execute(order("freezes", inputs, start_timeout=timedelta(seconds=5)))

        assert answer == Result("done")
        assert local.status.cold_starts == 2


async def test_work_whose_process_has_died_goes_to_another_one(machine, order, is_alive, until):
    others = children(is_alive)
    async with machine() as local, local.functions.place(order("length"), lambda: None) as first:
        [pid] = children(is_alive) - others
        os.kill(pid, signal.SIGKILL)
        await until(lambda: not local.status.ready)
        async with local.functions.place(order("length"), lambda: None) as second:
            assert second.url != first.url


async def test_an_idle_process_is_stopped_and_the_next_order_starts_another(machine, order, until):
    async with machine(idle_s=0.05) as local:
        await local.execute(order("length", {"text": "a"}))
        await until(lambda: local.status.instances == 0)

        assert await local.execute(order("length", {"text": "ab"}, instance="b", key="b")) == Result(2)
        assert local.status.cold_starts == 2


async def test_an_order_whose_process_is_killed_is_handed_over_again_with_the_same_key(
    machine, order, tmp_path, file_comes
):
    began, may_end = tmp_path / "began", tmp_path / "until"
    async with machine() as local:
        working = asyncio.create_task(local.execute(order("work", {"began": str(began), "until": str(may_end)})))
        pid = int(await file_comes(began))

        os.kill(pid, signal.SIGKILL)
        may_end.touch()

        answer = await working
        pids = [int(each) for each in began.read_text().split()]
        assert answer.output["key"] == "r/n/0"
        assert (pids[0], len(set(pids))) == (pid, 2)


async def test_what_a_process_started_ends_with_it_though_it_is_killed(
    machine, order, tmp_path, file_comes, is_alive, until
):
    began = tmp_path / "began"
    others = children(is_alive)
    async with machine() as local:
        working = asyncio.create_task(local.execute(order("family", {"began": str(began)})))
        grandchild = int(await file_comes(began))
        [parent] = children(is_alive) - others
        os.kill(parent, signal.SIGKILL)

        await until(lambda: not is_alive(grandchild))
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


async def test_an_order_that_kills_two_processes_fails_with_what_the_last_one_said(machine, order, tmp_path):
    deaths = tmp_path / "deaths"
    async with machine() as local:
        answer = await local.execute(order("dies", {"deaths": str(deaths), "times": 9}))

        assert (answer.code, answer.retryable, answer.answered) == ("crashed", True, False)
        assert "the process of function 'dies' was killed by SIGKILL; it wrote last:" in answer.message
        assert "last words" in answer.message
        assert deaths.read_text().splitlines() == ["r/n/0"] * 2


async def test_a_status_tells_how_the_last_process_crashed_and_no_secret_that_it_printed(
    machine, order, tmp_path, until
):
    told = []
    async with machine(
        conceal=lambda line: line.replace("words", "•••"), on_line=lambda *line: told.append(line)
    ) as local:
        answer = await local.execute(order("dies", {"deaths": str(tmp_path / "deaths"), "times": 9}))
        await until(lambda: local.status.instances == 0)

        crash = local.status.crash
        assert (crash.reason, crash.output.splitlines()[-1]) == ("was killed by SIGKILL", "last •••")
        assert abs(crash.at / 1000 - time.time()) < 30
        assert "last •••" in answer.message
        assert [line for line in told if "last" in line[1]] == [("dies", "last •••")] * 2


async def test_a_secret_is_concealed_where_a_long_line_is_cut_and_in_a_line_without_end(machine, order, nodes, until):
    (nodes / "loud.py").write_text(LOUD)

    async with machine(conceal=lambda line: line.replace("s3cret", "•••")) as local:
        await local.execute(order("loud"))
        await until(lambda: local.status.instances == 0)

        assert "s3c" not in local.status.crash.output
        assert local.status.crash.output.count("•••") == 2


LOUD = f"""
import fcntl, os, termios

from flume.nodes import Node, NodeInput, registry


@registry.register
class Loud(Node):
    name = "loud"
    category = "custom"

    class Input(NodeInput):
        pass

    async def execute(self, input):
        os.write(1, b"x" * {LONGEST_LINE - 3} + b"s3cret")
        # The rest comes once this was read, as another piece.
        while any(fcntl.ioctl(1, termios.FIONREAD, bytes(4))):
            pass
        os.write(1, b" and more\\nthe s3cret")
        os.kill(os.getpid(), 9)
"""


async def test_a_process_that_is_stopped_in_good_order_has_not_crashed(machine, order, until):
    async with machine(idle_s=0.05) as local:
        await local.execute(order("length", {"text": "a"}))
        await until(lambda: local.status.instances == 0)

        assert local.status.crash is None


async def test_every_change_of_a_status_is_told(machine, order, until):
    seen = []
    async with machine(idle_s=0.05, on_change=lambda: seen.append(local.status)) as local:
        await local.execute(order("length", {"text": "a"}, concurrency=2))
        await until(lambda: local.status.instances == 0)

    changes = [(each.state, each.instances, each.in_flight) for each in seen]
    assert list(dict.fromkeys(changes)) == [
        (FunctionState.STARTING, 1, 0),
        (FunctionState.READY, 1, 0),
        (FunctionState.READY, 1, 1),
        (FunctionState.AT_ZERO, 0, 0),
    ]
    assert {each.limit for each in seen} == {8}


async def test_the_death_of_an_idle_process_is_no_crash_of_the_next_order(machine, order, tmp_path, until):
    async with machine() as local:
        await local.execute(order("work", {"began": str(tmp_path / "began")}))
        os.kill(int((tmp_path / "began").read_text()), signal.SIGKILL)

        for number in range(3):
            answer = await local.execute(
                order("work", {"began": str(tmp_path / "other")}, instance=f"n{number}", key=f"{number}")
            )
            assert isinstance(answer, Result)


async def test_a_type_that_can_not_be_started_fails_with_the_reason(machine, order, nodes):
    (nodes / "broken.py").write_text("def broken(:\n")
    async with machine() as local:
        failed = await local.execute(order("broken"))

        assert (failed.code, failed.retryable) == ("start-failed", True)
        assert f"{nodes / 'broken.py'}: line 1: SyntaxError" in failed.message
        assert local.status.failure == failed.message
        assert (local.status.instances, local.status.cold_starts) == (0, 0)


async def test_all_who_wait_for_a_type_that_can_not_be_started_are_told(machine, order):
    async with machine(most=2) as local:
        async with asyncio.timeout(30):
            answers = await asyncio.gather(
                *(local.execute(order("broken", instance=f"n{n}", key=f"{n}")) for n in range(20))
            )

        assert {each.code for each in answers} == {"start-failed"}


@pytest.mark.parametrize("error", [FileNotFoundError, ValueError, ZeroDivisionError])
async def test_a_command_that_is_none_fails_the_order_and_is_not_tried_without_end(order, error):
    tries = []

    def command(node_type):
        tries.append(node_type.name)
        if error is ZeroDivisionError:
            raise error("no command")
        return ["/no/such/program" if error is FileNotFoundError else "nul\0byte"]

    options = LocalOptions(command, lambda node_type: {})
    async with LocalFunctions(options) as functions, FunctionCalls(functions) as calls:
        sender = DirectSender(calls, Depot())
        executor = RemoteExecutor(sender, OpenAttempts(), gate_of=lambda node_type: FairGate(1))
        failed = await executor.execute(order("length"), Reports())

    assert (failed.code, len(tries)) == ("start-failed", 1)


async def test_a_process_that_does_not_get_ready_in_time_is_killed(machine, order):
    async with machine() as local:
        failed = await local.execute(order("stuck", start_timeout=timedelta(seconds=0.8)))

        assert failed.code in ("start-failed", "lost")
        assert local.status.instances == 0


async def test_a_type_can_be_started_once_what_kept_it_from_that_is_mended(machine, order, nodes):
    async with machine() as local:
        assert (await local.execute(order("late"))).code == "start-failed"
        (nodes / "late.py").write_text((nodes / "some.py").read_text().replace('"length"', '"late"'))
        for other in ("work", "blocking", "family", "dies", "stuck", "unset"):
            text = (nodes / "late.py").read_text().replace(f'name = "{other}"', f'name = "late-{other}"')
            (nodes / "late.py").write_text(text)

        assert await local.execute(order("late", {"text": "ab"}, attempt=2)) == Result(2)
        assert local.status.failure == ""


async def test_after_a_refresh_orders_go_to_new_processes_and_what_is_under_way_is_finished(
    machine, order, nodes, tmp_path, file_comes, until
):
    began, may_end = tmp_path / "began", tmp_path / "until"
    async with machine(most=1) as local:
        old = asyncio.create_task(local.execute(order("work", {"began": str(began), "until": str(may_end), "size": 1})))
        await file_comes(began)
        text = (nodes / "some.py").read_text()
        (nodes / "some.py").write_text(text.replace('"by": "x"', '"by": "new"'))

        local.functions.refresh(["work", "never-used"])
        other = tmp_path / "other"
        new = await local.execute(order("work", {"began": str(other), "size": 1}, instance="b", key="b"))
        may_end.touch()

        assert (await old).output["by"] == "x"
        assert new.output["by"] == "new"
        assert began.read_text() != other.read_text()
        await until(lambda: local.status.instances == 1)


async def test_work_that_a_refresh_cuts_short_is_done_again_by_a_new_process(
    machine, order, environment, tmp_path, until, caplog
):
    environment["FLUME_GRACE"] = "0.3"
    began, may_end = tmp_path / "began", tmp_path / "until"
    async with machine(grace_s=0.3) as local:
        working = asyncio.create_task(local.execute(order("work", {"began": str(began), "until": str(may_end)})))
        await until(began.exists)

        local.functions.refresh(["work"])
        await until(lambda: len(began.read_text().splitlines()) == 2)
        may_end.touch()

        assert isinstance(await working, Result)
        [again] = [record for record in caplog.records if record.getMessage() == "an attempt is handed over again"]
        assert (again.sends, "had to stop before the work was done" in again.reason) == (1, True)
        assert local.status.crash is None


async def test_work_that_an_ending_process_did_not_finish_is_not_bound_to_it(machine, order, is_alive):
    others = children(is_alive)
    async with machine(grace_s=0) as local:

        def place():
            return local.functions.place(order("length"), lambda: None)

        async with place():
            [pid] = children(is_alive) - others
        os.kill(pid, signal.SIGSTOP)
        failing = place()
        first = await failing.__aenter__()
        local.functions.refresh(["length"])
        await failing.__aexit__(DeliveryError, DeliveryError("cut short"), None)
        async with place() as second:
            assert second.url != first.url


async def test_the_death_of_a_process_that_was_told_to_end_is_no_crash(machine, order, is_alive):
    others = children(is_alive)
    async with machine() as local, local.functions.place(order("length"), lambda: None) as process:
        [pid] = children(is_alive) - others
        os.kill(pid, signal.SIGSTOP)
        local.functions.refresh(["length"])
        os.kill(pid, signal.SIGKILL)

        assert await process.epitaph() is None
        await process.ended()
        assert local.status.crash is None


async def test_a_refresh_in_the_moment_of_a_start_leaves_nobody_waiting(machine, order):
    async with machine() as local:
        working = asyncio.create_task(local.execute(order("length", {"text": "ab"})))
        while not local.started:
            if local.functions.statuses() and local.status.starting:
                local.functions.refresh(["length"])
                break
            await asyncio.sleep(0)

        assert await asyncio.wait_for(working, 20) == Result(2)
        assert local.status.cold_starts == 1


async def test_another_program_of_this_machine_can_not_give_orders(machine, order):
    event = invoke_event(order("length", {"text": "a"}), datetime.now(UTC) + timedelta(minutes=1))
    headers, body = encode_binary(event)
    async with machine() as local, local.functions.place(order("length"), lambda: None) as process:
        statuses = []
        async with aiohttp.ClientSession() as session:
            for more in ({}, {"Authorization": "Bearer guessed"}, process.headers):
                async with session.post(process.url, data=body, headers={**headers, **more}) as response:
                    statuses.append(response.status)

        assert statuses == [401, 401, 200]


async def test_who_waits_for_a_process_that_is_just_starting_gets_a_new_one_after_a_refresh(machine, order, until):
    async with machine() as local:
        starting = Reports()
        working = asyncio.create_task(local.execute(order("length", {"text": "ab"}), starting))
        await until(lambda: Phase.STARTING in starting.phases)

        local.functions.refresh(["length"])

        assert await working == Result(2)
        assert (local.started, local.status.instances) == (["length"] * 2, 1)


async def test_at_the_end_work_gets_the_grace_and_who_still_waits_is_turned_away(machine, order, tmp_path, file_comes):
    began, may_end = tmp_path / "began", tmp_path / "until"
    inputs = {"began": str(began), "until": str(may_end)}
    async with machine(most=1) as local:
        working = [
            asyncio.create_task(local.execute(order("work", inputs, instance=f"n{number}", key=f"{number}")))
            for number in range(2)
        ]
        await file_comes(began)
        closing = asyncio.create_task(local.functions.__aexit__(None, None, None))
        may_end.touch()
        await closing

        done, turned_away = await asyncio.gather(*working)
        assert isinstance(done, Result)
        assert turned_away.code == "lost"
        assert "the functions of this machine are stopping" in turned_away.message
        assert local.status.instances == 0


async def test_at_the_end_what_outlasts_the_grace_is_killed_with_all_that_it_started(
    machine, order, tmp_path, file_comes, is_alive, until
):
    began = tmp_path / "began"
    async with machine(closing_s=0.1) as local:
        working = asyncio.create_task(local.execute(order("family", {"began": str(began)})))
        grandchild = int(await file_comes(began))
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        assert is_alive(grandchild)
        closing = time.monotonic()

    assert time.monotonic() - closing < 5
    await until(lambda: not is_alive(grandchild))


async def test_cancelling_who_waits_leaves_the_process_for_others(machine, order, until):
    async with machine() as local:
        reports = Reports()
        waiting = asyncio.create_task(local.execute(order("length", {"text": "a"}), reports))
        await until(lambda: Phase.STARTING in reports.phases)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)

        assert await local.execute(order("length", {"text": "ab"}, instance="b", key="b")) == Result(2)
        assert local.status.cold_starts == 1


async def test_a_place_is_refused_once_all_is_closed(environment, order):
    functions = LocalFunctions(LocalOptions(lambda node_type: ["true"], lambda node_type: environment))
    async with functions:
        pass

    with pytest.raises(DeliveryError):
        async with functions.place(order("length"), lambda: None):
            pass


PARENT = """
import asyncio, json, sys
from eventing.invocations import *
from flume.nodes.registry import Registry, installed_node_types
from functions.local_process import start

async def main():
    command = [sys.executable, "-P", "-m", "functions", "template", "--host", "127.0.0.1", "--port", "0"]
    process = await start("template", command, json.loads(sys.argv[1]), timeout_s=20)
    print(process.pid, flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


async def test_functions_end_when_whoever_started_them_is_killed(environment, is_alive, until):
    command = [sys.executable, "-P", "-c", PARENT, json.dumps(environment)]
    parent = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    try:
        pid = int(await parent.stdout.readline())
        assert is_alive(pid)
    finally:
        parent.kill()
        await parent.communicate()

    await until(lambda: not is_alive(pid))
