import pytest

from flume.errors import OverloadedError
from orchestrator.admission import FEW, LOOK_S, Admission, Limits


class Memory:
    """Tells how much there is, and counts how often it was asked."""

    def __init__(self):
        self.bytes, self.looks, self.now = 0, 0, 0.0

    def __call__(self):
        self.looks += 1
        return self.bytes


@pytest.fixture
def memory():
    return Memory()


def admission(memory, **limits):
    return Admission(Limits(**limits), resident=memory, now=lambda: memory.now)


def test_runs_are_taken_on_up_to_the_limit(memory):
    bounds = admission(memory, runs=3)
    bounds.check(2)
    with pytest.raises(OverloadedError, match="3 runs are under way here already"):
        bounds.check(3)
    assert [bounds.room(runs) for runs in (0, 2, 3, 4)] == [3, 1, 0, 0]


def test_a_process_that_is_short_of_memory_takes_on_no_more_until_it_is_not(memory):
    bounds = admission(memory, memory_bytes=100 * 2**20)
    memory.bytes = 100 * 2**20
    bounds.check(FEW)
    memory.bytes += 1
    memory.now += LOOK_S
    with pytest.raises(OverloadedError, match="fill the 100 MiB"):
        bounds.check(FEW)
    assert bounds.room(FEW) == 0
    memory.bytes = 0
    memory.now += LOOK_S
    bounds.check(FEW)
    assert bounds.room(FEW) > 0


def test_with_few_runs_it_takes_on_more_whatever_its_memory_since_that_may_never_be_given_back(memory):
    memory.bytes = 2**40
    admission(memory, memory_bytes=1).check(FEW - 1)


def test_the_memory_is_looked_at_now_and_then_and_not_for_each_start(memory):
    bounds = admission(memory, memory_bytes=1)
    for _ in range(100):
        bounds.check(FEW)
    assert memory.looks == 1
    memory.now += LOOK_S
    bounds.check(FEW)
    assert memory.looks == 2


def test_without_a_bound_it_is_never_looked_at(memory):
    memory.bytes = 2**40
    admission(memory).check(FEW)
    assert memory.looks == 0
