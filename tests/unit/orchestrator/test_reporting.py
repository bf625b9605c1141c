"""What is made of the phases that an attempt outside the engine tells of. Times are milliseconds of a clock that is set."""

import pytest

from eventing.invocations import Phase
from flume.ids import Millis
from orchestrator.reporting import AttemptReports


class Clock:
    def __init__(self):
        self.now = 1_000

    def __call__(self):
        return Millis(self.now)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def reports(new_invocation, clock):
    reports = AttemptReports(bus=None, active=None, invocation=new_invocation(), clock=clock)
    yield reports
    reports.close()


async def test_the_answer_puts_right_when_the_work_began_and_so_how_long_the_start_took(reports, clock):
    reports.phase(Phase.STARTING)
    clock.now = 6_000
    reports.phase(Phase.EXECUTING)
    clock.now = 6_500
    reports.phase(Phase.EXECUTING, ago_ms=5_200)

    assert (reports.began, reports.cold_ms) == (1_300, 300)


async def test_a_later_moment_changes_nothing_once_the_work_has_begun(reports, clock):
    reports.phase(Phase.EXECUTING)
    clock.now = 3_000
    reports.phase(Phase.EXECUTING, ago_ms=500)

    assert (reports.began, reports.cold_ms) == (1_000, 0)


@pytest.mark.parametrize(("ready_ms", "cold_ms"), [(0, 4_000), (500, 3_500), (4_000, 0), (900_000, 0)])
async def test_what_an_order_waited_longer_than_its_process_was_ready_was_a_cold_start(
    reports, clock, ready_ms, cold_ms
):
    reports.handed_over()
    clock.now = 5_100
    reports.handed_over()
    reports.phase(Phase.EXECUTING, ago_ms=100)
    reports.ready(for_ms=ready_ms)

    assert (reports.began, reports.cold_ms) == (5_000, cold_ms)


async def test_who_starts_the_process_knows_better_how_long_that_took(reports, clock):
    reports.handed_over()
    clock.now = 3_000
    reports.phase(Phase.STARTING)
    clock.now = 3_400
    reports.phase(Phase.EXECUTING)
    reports.ready(for_ms=0)

    assert reports.cold_ms == 400


async def test_a_process_that_was_ready_before_one_was_started_is_the_one_that_works(reports, clock):
    # Such as a job that is at work already when a new owner of its run hands its order over again.
    reports.handed_over()
    reports.phase(Phase.STARTING)
    clock.now = 2_000
    reports.phase(Phase.EXECUTING)
    clock.now = 9_000
    reports.phase(Phase.EXECUTING, ago_ms=60_000)
    reports.ready(for_ms=10)

    assert (reports.began, reports.cold_ms) == (-51_000, 0)


async def test_a_process_that_says_nothing_of_it_had_no_cold_start(reports, clock):
    reports.handed_over()
    clock.now = 5_000
    reports.phase(Phase.EXECUTING)

    assert reports.cold_ms == 0


@pytest.mark.parametrize("is_heard_of_before", [True, False])
async def test_work_that_a_process_was_started_for_did_not_begin_before_that(reports, clock, is_heard_of_before):
    reports.phase(Phase.STARTING)
    clock.now = 2_000
    if is_heard_of_before:
        reports.phase(Phase.EXECUTING)
    reports.phase(Phase.EXECUTING, ago_ms=900_000)

    assert (reports.began, reports.cold_ms) == (1_000, 0)
