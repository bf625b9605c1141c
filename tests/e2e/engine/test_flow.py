import asyncio

import pytest

from flume.errors import ConflictError, RequestError
from flume.ids import NodeId
from flume.pipeline import PipelineStatus
from orchestrator.runs import MAX_HOPS
from orchestrator.state import NodeStatus, RunStatus


def text(node, template, **more):
    return {"id": node, "type": "template", "config": {"template": template}, **more}


def value(node, mapping, **more):
    return {"id": node, "type": "json-transform", "config": {"mapping": mapping}, **more}


def failing(node, **more):
    return {"id": node, "type": "error", "config": {"message": "no"}, **more}


def statuses(run):
    return {node: state.status.value for node, state in run.root.nodes.items()}


async def test_a_join_starts_when_all_that_leads_to_it_is_settled_and_one_was_taken(world):
    run = await world.go(
        {"id": "c", "type": "condition", "config": {"expression": "true"}},
        text("yes", "y"),
        text("no", "n"),
        text("join", "{{ yes.output }}{{ no.output | default('-') }}"),
        edges=["c>yes:true", "c>no:false", "yes>join", "no>join"],
    )
    assert await world.output(run) == "y-"
    assert statuses(run) == {"c": "completed", "yes": "completed", "no": "skipped", "join": "completed"}


async def test_what_no_taken_edge_leads_to_is_skipped_down_to_the_end(world):
    run = await world.go(
        {"id": "s", "type": "switch", "config": {"value": "trigger.data", "cases": {"a": 1, "b": [2, 3]}}},
        text("a1", "a"),
        text("a2", "a"),
        text("b1", "b"),
        text("d1", "d"),
        edges=["s>a1:a", "a1>a2", "s>b1:b", "s>d1:default"],
        data=3,
    )
    assert statuses(run) == {"s": "completed", "a1": "skipped", "a2": "skipped", "b1": "completed", "d1": "skipped"}
    assert await world.output(run) == "b"


async def test_ends_that_ran_give_an_object_by_their_ids(world):
    run = await world.go(text("a", "1"), text("b", "2", when="false == true"), text("c", "3"))
    assert await world.output(run) == {"a": "1", "c": "3"}


@pytest.mark.parametrize(
    ("when", "status"),
    [("{{ trigger.data.n > 1 }}", "completed"), ("trigger.data.n > 2", "skipped"), ("trigger.data.list", "skipped")],
)
async def test_when_decides_whether_a_node_runs(world, when, status):
    run = await world.go(text("a", "x", when=when), data={"n": 2, "list": []})
    assert statuses(run) == {"a": status}
    assert run.status is RunStatus.COMPLETED


async def test_when_that_gives_text_is_an_error(world):
    run = await world.go(text("a", "x", when="trigger.data"), data="yes")
    assert run.status is RunStatus.FAILED
    assert "a" in run.root.error.node


async def test_an_undefined_name_fails_the_node_and_names_the_keys_there_are(world):
    run = await world.go(text("a", "{{ trigger.data.nmae }}"), data={"name": 1})
    assert run.root.error.code == "template-error"
    assert "nmae" in run.root.error.message
    assert "name" in run.root.error.message


async def test_an_error_edge_sees_the_error_and_a_null_output(world):
    run = await world.go(
        failing("bad"),
        text("after", "never"),
        value("rescue", "{{ [bad.error.code, bad.error.message, bad.output, bad.status] }}"),
        edges=["bad>after", "bad>rescue:error"],
    )
    assert run.status is RunStatus.COMPLETED
    assert await world.output(run) == ["raised", "no", None, "failed"]
    assert statuses(run)["after"] == "skipped"


async def test_continue_goes_on_with_null(world):
    run = await world.go(failing("bad", onError="continue"), value("after", "{{ [bad.output] }}"), edges=["bad>after"])
    assert (run.status, await world.output(run)) == (RunStatus.COMPLETED, [None])
    assert statuses(run) == {"bad": "failed", "after": "completed"}


async def test_a_failing_run_ends_in_that_commit_and_cancels_what_is_under_way(world):
    async def work(context, value):
        await asyncio.Event().wait()

    world.does["work"] = work
    run = await world.go(
        {"id": "long", "type": "call", "config": {"do": "work"}},
        {"id": "nap", "type": "delay", "config": {"duration": "1h"}},
        failing("bad"),
        text("later", "x"),
        edges=["long>later"],
    )
    assert (run.status, run.root.error.node) == (RunStatus.FAILED, "bad")
    assert statuses(run) == {"long": "cancelled", "nap": "cancelled", "bad": "failed"}


async def test_variables_are_overlaid_downstream_in_the_plans_order(world):
    def setter(node, **values):
        return {"id": node, "type": "variable-set", "inputs": values}

    run = await world.go(
        setter("one", x="one", y="one"),
        setter("two", x="two"),
        value("both", "{{ [variables.x, variables.y, variables.z] }}"),
        value("aside", "{{ [variables.x, variables.z] }}"),
        edges=["one>two", "two>both"],
        variables={"x": "start", "z": "start"},
    )
    assert await world.output(run) == {"both": ["two", "one", "start"], "aside": ["start", "start"]}


async def test_the_first_http_response_is_the_runs_output(world):
    answer = {"type": "http-response", "config": {"status": 201}}
    run = await world.go(
        {**answer, "id": "first", "inputs": {"body": {"n": 1}}},
        {**answer, "id": "second", "inputs": {"body": {"n": 2}}},
        text("end", "x"),
        edges=["first>second", "second>end"],
    )
    assert run.response == "first"
    assert await world.output(run) == {"n": 1}


async def test_an_answer_given_stands_when_the_run_fails_later(world):
    run = await world.go(
        {"id": "answer", "type": "http-response", "inputs": {"body": "hello"}}, failing("bad"), edges=["answer>bad"]
    )
    assert (run.status, run.response) == (RunStatus.FAILED, "answer")
    assert await world.value(run, "answer") == "hello"


async def test_inputs_are_checked_and_filled_in_on_each_start(world):
    inputs = {"n": {"type": "integer"}, "word": {"type": "string", "default": "sea"}}
    record = await world.keep(value("a", "{{ [inputs.n, inputs.word] }}"), inputs=inputs)
    run = await world.end((await world.start(record, data={"n": 3})).run_id)
    assert await world.output(run) == [3, "sea"]
    with pytest.raises(RequestError, match="n"):
        await world.start(record, data={"n": "three"})
    with pytest.raises(RequestError, match="m"):
        await world.start(record, data={"n": 1, "m": 2})
    lenient = await world.end((await world.start(record, data={"n": 1, "m": 2}, is_strict=False)).run_id)
    assert await world.output(lenient) == [1, "sea"]


async def test_pipelines_that_start_each_other_stop_at_the_limit(world):
    record = await world.keep(text("a", "x"))
    await world.end((await world.start(record, hops=MAX_HOPS - 1)).run_id)
    with pytest.raises(RequestError, match="started one another"):
        await world.start(record, hops=MAX_HOPS)


async def test_a_draft_starts_nothing(world):
    draft = await world.orchestrator.pipelines.set_status(await world.keep(text("a", "x")), PipelineStatus.DRAFT)
    with pytest.raises(ConflictError):
        await world.start(draft)


async def test_run_and_pipeline_say_what_they_are(world):
    names = "{{ [run.id, run.attempt, pipeline.name, pipeline.namespace, pipeline.version, trigger.type, trigger.id] }}"
    run = await world.go(value("a", names))
    assert await world.output(run) == [run.id, 1, "sample", "default", 1, "manual", "manual"]


async def test_a_run_that_takes_too_long_fails_and_cancels_what_is_left(open_world, clock):
    async with open_world(clock=clock) as world:
        run_id = await world.begin({"id": "nap", "type": "delay", "config": {"duration": "1h"}}, timeout="10m")
        await world.until(run_id, lambda run: NodeId("nap") in run.root.nodes)
        await world.is_true(lambda: not world.engine.is_active(run_id))
        assert (await world.store.load_run(run_id)).wake_at - clock() == 600_000
        clock.forward(600_000)
        await world.keeper.round()
        run = await world.end(run_id)
    assert (run.status, run.root.error.code) == (RunStatus.FAILED, "run-timeout")
    assert run.root.nodes[NodeId("nap")].status is NodeStatus.CANCELLED


async def test_a_run_time_out_stops_an_attempt_that_is_under_way(world):
    stopped = []

    async def work(context, value):
        try:
            await asyncio.Event().wait()
        finally:
            stopped.append(True)

    world.does["work"] = work
    run = await world.go({"id": "a", "type": "call", "config": {"do": "work"}}, timeout="50ms")
    assert run.root.error.code == "run-timeout"
    await world.is_true(lambda: stopped)
