"""Function processes that are told the same Redis remember together what was done."""

import asyncio

import pytest

from flume.nodes.outcomes import Result

pytestmark = pytest.mark.slow


async def test_an_order_that_another_process_has_carried_out_is_answered_and_not_done_again(
    start, order, redis_url, tmp_path
):
    began = tmp_path / "began"
    first, second = [await start("work", REDIS_URL=redis_url) for _ in range(2)]
    key = f"{tmp_path}/0"

    done = await first.send(order("work", {"began": str(began)}, run_id=str(tmp_path), key=key))
    again = await second.send(order("work", {"began": str(began)}, run_id=str(tmp_path), key=key))

    assert done.answer == again.answer == Result({"by": "x", "key": key})
    assert began.read_text() == f"{first.process.pid}\n"


async def test_an_order_that_another_process_is_at_work_on_waits_for_it(start, order, redis_url, tmp_path, file_comes):
    began, let = tmp_path / "began", tmp_path / "let"
    first, second = [await start("work", REDIS_URL=redis_url) for _ in range(2)]
    facts = {"began": str(began), "until": str(let)}
    the_same = order("work", facts, run_id=str(tmp_path), key=f"{tmp_path}/0")

    doing = asyncio.create_task(first.send(the_same))
    await file_comes(began)
    waiting = asyncio.create_task(second.send(the_same))
    await asyncio.sleep(0.7)
    assert not waiting.done()
    let.touch()

    assert (await waiting).answer == (await doing).answer
    assert began.read_text() == f"{first.process.pid}\n"


async def test_without_its_redis_a_process_works_and_says_so_once(start, order, tmp_path, silent_port):
    function = await start("length", REDIS_URL=f"redis://:hunter22@127.0.0.1:{silent_port}/0")
    for number in range(3):
        reply = await function.send(order("length", {"text": "grüße"}, run_id=f"{tmp_path}{number}", key=f"{number}"))
        assert reply.answer == Result(5)
    function.signal(15)
    assert await function.ended() == 0
    assert function.output.count("remembered by this process alone") == 1
    assert "hunter22" not in function.output


async def test_an_address_that_is_none_stops_the_start_and_is_not_repeated(start):
    function = await start("length", is_ready=False, REDIS_URL="host:6379?password=hunter22")
    assert await function.ended() == 2
    assert function.output.startswith("REDIS_URL: expected an address such as redis://")
    assert "hunter22" not in function.output
