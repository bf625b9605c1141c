import asyncio

import pytest

from eventing.function_status import FunctionState, FunctionStatus, NoFunctions


def status(**changes):
    return FunctionStatus(
        **{
            **{"name": "f", "instances": 0, "ready": 0, "most": 4, "in_flight": 0, "events": 0, "cold_starts": 0},
            **changes,
        }
    )


@pytest.mark.parametrize(
    ("given", "state"),
    [
        ({}, FunctionState.AT_ZERO),
        ({"instances": 1}, FunctionState.AT_ZERO),
        ({"instances": 1, "starting": 1}, FunctionState.STARTING),
        ({"instances": 2, "starting": 1, "ready": 1}, FunctionState.READY),
        ({"failure": "no module"}, FunctionState.FAILING),
        ({"failure": "no module", "instances": 1, "starting": 1}, FunctionState.FAILING),
        ({"failure": "no memory", "instances": 1, "ready": 1}, FunctionState.READY),
    ],
    ids=str,
)
def test_a_state_says_what_the_next_event_meets(given, state):
    assert status(**given).state is state


def test_a_function_takes_as_many_events_as_all_its_instances_together():
    assert status(most=3, concurrency=8).limit == 24


async def test_where_there_are_no_functions_nothing_is_told_and_nothing_changes():
    assert NoFunctions().statuses() == ()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await NoFunctions().changed()
