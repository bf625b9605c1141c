import asyncio

import pytest

from orchestrator.api.last_call import LastCall, last_call_of


async def wait(last_call, seconds):
    async with last_call.waiting(seconds):
        await asyncio.Event().wait()


async def test_all_who_wait_end_with_the_last_call_and_nobody_begins_to_wait_after_it():
    last_call = LastCall()
    waiting = [asyncio.create_task(wait(last_call, 60)) for _ in range(2)]
    await asyncio.sleep(0)
    last_call.make()
    results = await asyncio.gather(*waiting, wait(last_call, 60), return_exceptions=True)
    assert [type(each) for each in results] == [TimeoutError] * 3


async def test_one_whose_time_is_up_at_that_moment_is_no_obstacle():
    last_call = LastCall()
    waiting = asyncio.create_task(wait(last_call, 0))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    last_call.make()
    with pytest.raises(TimeoutError):
        await waiting


async def test_who_got_what_they_waited_for_is_not_called():
    last_call = LastCall()
    async with last_call.waiting(60):
        pass
    last_call.make()
    await asyncio.sleep(0)


async def test_an_app_finds_the_one_that_its_server_announced():
    last_call, scope = LastCall(), {}
    assert last_call_of(scope) is not last_call
    last_call.announce(scope)
    assert last_call_of(scope) is last_call
