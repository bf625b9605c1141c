"""What attempts tell while they work: log lines, progress, and what must not be in either."""

import asyncio

from flume.errors import NodeError
from orchestrator.bus import LogsWritten, Progress, RunChanged, run_topic
from orchestrator.reporting import MAX_LOG_LINES
from orchestrator.state import RunStatus

CALL = {"id": "a", "type": "call", "config": {"do": "work"}}
SECRET = "open-sesame"


async def test_lines_are_kept_in_order_with_level_and_fields(world):
    async def work(context, value):
        context.log("one", level="warning", n=1)
        context.log("two")

    world.does["work"] = work
    run = await world.go(CALL)
    lines = await world.logs(run.id)
    assert [(line.instance, line.attempt, line.sequence, line.level, line.message) for line in lines] == [
        ("a", 1, 0, "warning", "one"),
        ("a", 1, 1, "info", "two"),
    ]
    assert lines[0].fields == {"n": 1}


async def test_lines_of_a_long_attempt_are_stored_before_it_ends(world, monkeypatch):
    monkeypatch.setattr("orchestrator.engine.LOG_DELAY_S", 0.01)
    release = asyncio.Event()

    async def work(context, value):
        context.log("begun")
        await release.wait()

    world.does["work"] = work
    with world.orchestrator.bus.subscribe("namespace:default") as subscription:
        run_id = await world.begin(CALL)
        async for message in subscription:
            if isinstance(message, RunChanged) and await world.logs(run_id):
                break
    assert (await world.store.load_run(run_id)).run.status is RunStatus.RUNNING
    assert [line.message for line in await world.logs(run_id)] == ["begun"]
    release.set()
    await world.end(run_id)


async def test_lines_from_a_thread_arrive_whole_and_in_order(world):
    def work(context, value):
        for number in range(200):
            context.log(str(number))

    world.does["work"] = work
    run = await world.go({**CALL, "type": "thread-call"})
    assert [line.message for line in await world.logs(run.id)] == [str(number) for number in range(200)]


async def test_each_attempt_may_write_its_full_measure(world):
    async def work(context, value):
        for number in range(MAX_LOG_LINES + 2 * context.attempt):
            context.log(str(number))
        if context.attempt == 1:
            raise TimeoutError

    world.does["work"] = work
    run = await world.go({**CALL, "retry": {"attempts": 2, "delay": "1ms"}})
    lines = await world.logs(run.id)
    assert len(lines) == 2 * (MAX_LOG_LINES + 1)
    notes = [line.message for line in lines if line.sequence == MAX_LOG_LINES]
    assert [note.split()[0] for note in notes] == ["2", "4"]


async def test_progress_reaches_who_watches_the_run_and_counts_characters(world):
    release = asyncio.Event()

    async def work(context, value):
        await release.wait()
        context.progress("바다")
        context.progress("!")

    world.does["work"] = work
    run_id = await world.begin(CALL)
    with world.orchestrator.bus.subscribe(run_topic(run_id)) as subscription:
        release.set()
        await world.end(run_id)
        seen = [message for message in subscription.take() if isinstance(message, Progress)]
    assert [(message.offset, message.text) for message in seen] == [(0, "바다"), (2, "!")]


async def test_who_watches_a_run_hears_of_each_commit_and_its_lines(world):
    release = asyncio.Event()

    async def work(context, value):
        await release.wait()
        context.log("hello")

    world.does["work"] = work
    run_id = await world.begin(CALL)
    with world.orchestrator.bus.subscribe(run_topic(run_id)) as subscription:
        release.set()
        await world.end(run_id)
        seen = subscription.take()
    assert [message.rev for message in seen if isinstance(message, RunChanged)][-1] == await world.rev(run_id)
    assert [line.message for each in seen if isinstance(each, LogsWritten) for line in each.lines] == ["hello"]


async def test_a_secret_is_masked_in_all_that_a_node_says(open_world, tmp_path):
    got = []

    async def work(context, value):
        got.append(value)
        context.log(f"has {value}", key=value)
        context.progress(f"has {value}")
        if context.node_id == "fails":
            raise NodeError(f"refused {value}", retryable=False)
        return {"value": value, value: 1}

    secret = {"value": "{{ secrets.KEY }}"}
    async with open_world(tmp_path, {"KEY": SECRET}, does={"work": work}) as world:
        record = await world.keep(
            {**CALL, "inputs": secret},
            {**CALL, "id": "fails", "inputs": secret, "onError": "continue"},
        )
        with world.orchestrator.bus.subscribe("namespace:default"):
            started = await world.start(record)
            with world.orchestrator.bus.subscribe(run_topic(started.run_id)) as subscription:
                run = await world.end(started.run_id)
                said = repr(subscription.take())
        output = await world.output(run)
        lines = await world.logs(run.id)
        failure = run.root.nodes["fails"].error
    assert got == [SECRET, SECRET]
    assert output["a"] == {"value": "•••", "•••": 1}
    assert {line.message for line in lines} == {"has •••"}
    assert {line.fields["key"] for line in lines} == {"•••"}
    assert failure.message == "refused •••"
    assert SECRET not in said
    stored = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert SECRET.encode() not in stored


async def test_a_secret_that_was_removed_since_fails_its_node_by_name(open_world, tmp_path):
    async def work(context, value):
        return "done"

    node = {**CALL, "inputs": {"value": "{{ secrets.KEY }}"}}
    async with open_world(tmp_path, {"KEY": SECRET}, does={"work": work}) as world:
        await world.keep(node)
    async with open_world(tmp_path, does={"work": work}) as world:
        record = await world.store.read_pipeline("default", "sample")
        run = await world.end((await world.start(record)).run_id)
    assert run.status is RunStatus.FAILED
    assert "KEY" in run.root.error.message
