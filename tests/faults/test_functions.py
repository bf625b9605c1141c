"""Function processes die and stop with orders in hand, and brokers bring orders and answers twice, late and in any order."""

import pytest

from tests.faults.breakage import (
    freeze_a_function,
    freeze_a_function_for_good,
    freeze_beyond_the_lease,
    freeze_shortly,
    kill_a_function,
    kill_and_start_again,
)
from tests.faults.trial import OF_FUNCTIONS, Trial, held
from tests.servers.unruly_broker import Habits

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

DISORDER = {"duplicates": 0.5, "delay_ms": 300, "reorder": 0.5}


@pytest.mark.parametrize("dispatch", ["direct", "broker"])
async def test_functions_that_are_killed_and_frozen_with_orders_in_hand(tmp_path, chance, is_long, dispatch):
    faults = [kill_a_function, freeze_a_function, kill_and_start_again]
    faults = chance.sample(
        [*faults, *faults, freeze_a_function_for_good] * 2 if is_long else faults, k=14 if is_long else 3
    )
    settings = {"FLUME_DATA": str(tmp_path / "data"), "FLUME_DISPATCH": dispatch}
    trial = Trial(settings, 300 if is_long else 15, faults, lane="cpu", may_fail=OF_FUNCTIONS)
    await held(trial, tmp_path, chance)


async def test_a_fleet_and_its_functions_that_are_killed_and_frozen(tmp_path, chance, is_long, shared_settings):
    if not is_long:
        pytest.skip("one orchestrator and its functions show as much within the time: `make faults`")
    faults = [kill_a_function, freeze_a_function, kill_and_start_again, freeze_shortly]
    faults = chance.sample([*faults * 3, freeze_a_function_for_good, freeze_beyond_the_lease], k=14)
    trial = Trial(
        shared_settings, 200, faults, replicas=3, lane="cpu", events=100, ends_within_s=240, may_fail=OF_FUNCTIONS
    )
    await held(trial, tmp_path, chance)


async def test_a_broker_in_the_process_that_is_disorderly_makes_nothing_done_twice(tmp_path, chance, is_long):
    settings = {"FLUME_DATA": str(tmp_path / "data"), "FLUME_DISPATCH": "broker"}
    disorder = {"seed": chance.randrange(1000), **DISORDER}
    await held(Trial(settings, 200 if is_long else 20, lane="cpu", disorder=disorder, explains=0), tmp_path, chance)


async def test_a_broker_in_the_process_that_loses_events_while_functions_die(tmp_path, chance, is_long):
    if not is_long:
        pytest.skip("a lost answer is waited for for half a minute: `make faults`")
    settings = {"FLUME_DATA": str(tmp_path / "data"), "FLUME_DISPATCH": "broker"}
    disorder = {"seed": chance.randrange(1000), **DISORDER, "losses": 0.05}
    faults = [kill_a_function, freeze_a_function, kill_and_start_again] * 2
    trial = Trial(settings, 100, faults, lane="cpu", disorder=disorder, ends_within_s=400, may_fail=OF_FUNCTIONS)
    await held(trial, tmp_path, chance)


async def test_a_broker_between_orchestrators_and_functions_that_die(tmp_path, chance, is_long, shared_settings):
    # One on its folder goes on at once when it is killed, a fleet only when the lease is over.
    store = shared_settings if is_long else {"FLUME_DATA": str(tmp_path / "data")}
    faults = [kill_and_start_again, freeze_shortly]
    trial = Trial(
        {**store, "FLUME_DISPATCH": "broker", "BROKER_URL": "{broker}", "ENGINE_URL": "{service}"},
        200 if is_long else 15,
        faults * 5 if is_long else faults[:1],
        replicas=3 if is_long else 1,
        lane="cpu",
        events=200 if is_long else 15,
        habits=Habits(lost=0.02 if is_long else 0.0),
        function_dies_s=4,
        ends_within_s=400,
        may_fail=OF_FUNCTIONS,
    )
    await held(trial, tmp_path, chance)
