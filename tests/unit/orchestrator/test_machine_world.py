"""The machine keeps its promises whatever the world does; see `World` for what it does and `promises` for what is checked."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.orchestrator.choices import Choices
from tests.unit.orchestrator.some_plans import some_plan
from tests.unit.orchestrator.world import World

HOSTILE = settings(
    derandomize=True,
    deadline=None,
    max_examples=500,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@pytest.mark.slow
@HOSTILE
@given(shape=st.binary(min_size=16, max_size=160), life=st.binary(max_size=400))
def test_every_promise_holds_after_every_event(shape: bytes, life: bytes) -> None:
    World(some_plan(Choices(shape)), Choices(life)).live()


@pytest.mark.slow
@settings(HOSTILE, max_examples=80)
@given(shape=st.binary(min_size=16, max_size=160))
def test_a_run_whose_commands_are_all_answered_ends(shape: bytes) -> None:
    World(some_plan(Choices(shape)), Choices(b"")).live()
