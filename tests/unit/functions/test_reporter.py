"""The reporter in a loop whose clock moves only when everything waits: no test sleeps for real."""

import asyncio
import selectors

import pytest

from eventing.cloudevents import MAX_BATCH
from eventing.invocations import LogRecord
from eventing.message_reading import read_report
from functions.journal import Journal
from functions.reporter import BATCH_CHARACTERS, Reporter


class LeapingSelector(selectors.DefaultSelector):
    """Where a real one would wait, time leaps on."""

    def __init__(self):
        super().__init__()
        self.now = 0.0

    def select(self, timeout=None):
        self.now += timeout or 0
        return super().select(0)


class LeapingLoop(asyncio.SelectorEventLoop):
    def __init__(self):
        self.leaping = LeapingSelector()
        super().__init__(self.leaping)

    def time(self):
        return self.leaping.now


class Orchestrator:
    """Takes batches, unless it is out of reach; says of some attempts that nobody wants them."""

    def __init__(self):
        self.batches = []
        self.times = []
        self.is_out_of_reach = False
        self.gone = ()

    async def report(self, events):
        self.times.append(asyncio.get_running_loop().time())
        if self.is_out_of_reach:
            raise ConnectionError("refused")
        self.batches.append([read_report(event) for event in events])
        return self.gone


@pytest.fixture
def orchestrator():
    return Orchestrator()


@pytest.fixture
def gone():
    return []


@pytest.fixture
def reporting(orchestrator, gone):
    """Runs a script beside a reporter that works, in leaping time."""

    def run(script):
        async def main():
            reporter = Reporter(orchestrator, gone.append)
            working = asyncio.create_task(reporter.run())
            try:
                await script(reporter)
            finally:
                working.cancel()
                await asyncio.gather(working, return_exceptions=True)

        with asyncio.Runner(loop_factory=LeapingLoop) as runner:
            runner.run(main())

    return run


@pytest.fixture
def new_journal(new_invocation):
    def new(number=1, **changes):
        return Journal(new_invocation(attempt=number, **changes))

    return new


def line(text="x"):
    return LogRecord(0, "info", text)


def test_there_are_at_most_ten_batches_a_second(reporting, orchestrator, new_journal):
    async def script(reporter):
        journal = new_journal()
        reporter.add(journal)
        for _ in range(2_000):
            journal.progress("x")
            await asyncio.sleep(0.001)

    reporting(script)

    assert 15 <= len(orchestrator.batches) <= 20
    assert sum(len(each.text) for [each] in orchestrator.batches) >= 1_800


def test_an_attempt_that_tells_nothing_gives_a_sign_soon_and_then_every_five_seconds(
    reporting, orchestrator, new_journal
):
    async def script(reporter):
        reporter.add(new_journal())
        await asyncio.sleep(21)

    reporting(script)

    gaps = [later - before for before, later in zip(orchestrator.times, orchestrator.times[1:], strict=False)]
    assert orchestrator.times[0] <= 0.11
    assert len(orchestrator.times) == 5
    assert all(5 <= gap < 5.2 for gap in gaps)


def test_all_attempts_go_in_one_batch(reporting, orchestrator, new_journal):
    async def script(reporter):
        for number in range(1, 4):
            reporter.add(new_journal(number))
        await asyncio.sleep(0.5)

    reporting(script)

    assert [[each.attempt.number for each in batch] for batch in orchestrator.batches] == [[1, 2, 3]]


def test_nothing_is_sent_of_an_attempt_that_has_ended_or_where_there_is_none(reporting, orchestrator, new_journal):
    async def script(reporter):
        journal = new_journal()
        await asyncio.sleep(60)
        reporter.add(journal)
        reporter.remove(journal)
        journal.log(line())
        await asyncio.sleep(60)

    reporting(script)

    assert orchestrator.times == []


def test_a_process_that_has_nothing_to_do_any_more_is_not_woken(reporting, new_journal):
    async def script(reporter):
        loop, journal = asyncio.get_running_loop(), new_journal()
        reporter.add(journal)
        await asyncio.sleep(1)
        reporter.remove(journal)
        await asyncio.sleep(1.03)  # between two of its wakings, were there any
        assert not [handle for handle in loop._scheduled if not handle.cancelled()]

    reporting(script)


def test_an_attempt_that_nobody_wants_is_told_of(reporting, orchestrator, gone, new_journal):
    orchestrator.gone = ("r.n.1",)

    async def script(reporter):
        reporter.add(new_journal())
        await asyncio.sleep(0.15)

    reporting(script)

    assert gone == ["r.n.1"]


def test_lines_are_kept_while_the_orchestrator_is_out_of_reach_and_it_is_tried_once_a_second(
    reporting, orchestrator, new_journal, caplog
):
    async def script(reporter):
        journal = new_journal()
        reporter.add(journal)
        orchestrator.is_out_of_reach = True
        for number in range(10):
            journal.log(line(f"{number}"))
            await asyncio.sleep(1)
        tries = len(orchestrator.times)
        orchestrator.is_out_of_reach = False
        await asyncio.sleep(2)
        assert 9 <= tries <= 11

    reporting(script)

    lines = [each.message for batch in orchestrator.batches for said in batch for each in said.logs]
    assert lines == [str(number) for number in range(10)]
    assert [record.getMessage() for record in caplog.records] == ["the orchestrator can't be reached; trying again"]


def test_a_sign_that_did_not_arrive_is_made_up_for_within_a_second(reporting, orchestrator, new_journal):
    async def script(reporter):
        orchestrator.is_out_of_reach = True
        reporter.add(new_journal())
        await asyncio.sleep(0.5)
        orchestrator.is_out_of_reach = False
        await asyncio.sleep(1)

    reporting(script)

    assert len(orchestrator.batches) == 1


def test_what_could_not_be_sent_goes_with_the_answer(reporting, orchestrator, new_journal):
    async def script(reporter):
        journal = new_journal()
        orchestrator.is_out_of_reach = True
        journal.log(line("kept"))
        reporter.add(journal)
        await asyncio.sleep(0.15)
        reporter.remove(journal)
        assert [each.message for each in journal.rest()] == ["kept"]

    reporting(script)


def test_a_batch_is_bounded_and_what_is_left_follows(reporting, orchestrator, new_journal):
    async def script(reporter):
        journal = new_journal()
        for _ in range(1_000):
            journal.log(line("x" * 8_000))
        reporter.add(journal)
        await asyncio.sleep(4)

    reporting(script)

    sizes = [sum(len(each.message) for each in said.logs) for [said] in orchestrator.batches]
    assert max(sizes) <= BATCH_CHARACTERS + 8_000
    assert sum(sizes) == 8_000_000


def test_more_attempts_than_a_batch_takes_come_in_turn(reporting, orchestrator, new_journal):
    async def script(reporter):
        journals = [new_journal(number) for number in range(MAX_BATCH + 50)]
        for journal in journals:
            reporter.add(journal)
        for _ in range(4):
            for journal in journals:
                journal.progress("x")
            await asyncio.sleep(0.1)

    reporting(script)

    seen = {said.attempt.number for batch in orchestrator.batches[:2] for said in batch}
    assert {len(batch) for batch in orchestrator.batches} == {MAX_BATCH}
    assert len(seen) == MAX_BATCH + 50
