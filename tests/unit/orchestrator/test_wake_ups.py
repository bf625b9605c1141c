import pytest

from eventing.attempts import OpenAttempts
from eventing.messages import attempt_of
from flume.errors import UnavailableError
from flume.ids import RunId
from orchestrator.bus import AttemptHindered, FunctionHindered, InboxGrew, Overrun, RunsReady, SignOfLife
from orchestrator.buses.memory import MemoryBus
from orchestrator.wake_ups import WakeUpParts, WakeUps


class Reports:
    def __init__(self):
        self.said = []

    def progress(self, text):
        self.said.append(text)

    def log(self, record):
        self.said.append(record.message)

    def phase(self, phase, *, ago_ms=0):
        self.said.append(phase.value)

    def handed_over(self):
        pass

    def ready(self, *, for_ms):
        pass


class Replica:
    """Notes what it is told to do. It has the runs in ``here``."""

    def __init__(self, *here):
        self.read, self.looks, self.failing = [], 0, False
        self.attempts = OpenAttempts()
        parts = WakeUpParts("me", MemoryBus(), self.attempts, here.__contains__, self.arrived, self.look)
        self.wake_ups = WakeUps(parts)

    async def arrived(self, run_id):
        if self.failing:
            raise UnavailableError("not now")
        self.read.append(run_id)

    def look(self):
        self.looks += 1


async def test_an_inbox_that_grew_is_read_once_for_all_that_came():
    replica = Replica("r", "s")
    await replica.wake_ups.take([InboxGrew(RunId("r")), InboxGrew(RunId("s")), InboxGrew(RunId("r"))])
    assert (sorted(replica.read), replica.looks) == (["r", "s"], 0)


async def test_the_inbox_of_a_run_that_is_not_in_memory_is_left_to_the_keeper():
    replica = Replica()
    await replica.wake_ups.take([InboxGrew(RunId("r"))])
    assert (replica.read, replica.looks) == ([], 1)


@pytest.mark.parametrize("message", [RunsReady(), Overrun()], ids=["runs are free", "something was lost"])
async def test_the_keeper_looks_when_runs_are_free_or_something_may_have_been_missed(message):
    replica = Replica()
    await replica.wake_ups.take([message])
    assert replica.looks == 1


async def test_a_store_that_fails_ends_nothing():
    replica = Replica("r")
    replica.failing = True
    await replica.wake_ups.take([InboxGrew(RunId("r"))])
    assert replica.looks == 1


async def test_a_sign_of_life_is_heard_by_the_attempt_and_by_no_other(new_invocation):
    replica, reports = Replica(), Reports()
    with replica.attempts.open(new_invocation(), reports) as opened:
        attempt = attempt_of(new_invocation())

        def sign(number, text):
            return SignOfLife(attempt.run_id, attempt.instance, number, 0, text)

        await replica.wake_ups.take([sign(attempt.number + 1, "wrong")])
        assert opened.heard_at is None
        await replica.wake_ups.take([sign(attempt.number, "hel"), sign(attempt.number, "hello")])
        assert opened.heard_at is not None
    assert reports.said == ["executing", "hel", "lo"]


async def test_what_hinders_a_function_or_an_attempt_is_told_to_those_who_wait_for_it_alone(new_invocation):
    replica = Replica()
    resizing, scaling = Reports(), Reports()
    with (
        replica.attempts.open(new_invocation(function="fn-resize-gpu"), resizing),
        replica.attempts.open(new_invocation(function="fn-scale-cpu", attempt=2), scaling),
    ):
        attempt = attempt_of(new_invocation(attempt=2))
        await replica.wake_ups.take(
            [
                FunctionHindered("fn-resize-gpu", "unschedulable", "no GPU", 5),
                FunctionHindered("fn-other-gpu", "unschedulable", "no GPU", 5),
                AttemptHindered(attempt.run_id, attempt.instance, attempt.number, "image-pull", "no image", 5),
                AttemptHindered(attempt.run_id, attempt.instance, 3, "image-pull", "no image", 5),
            ]
        )
    assert (resizing.said, scaling.said) == (["no GPU"], ["no image"])
