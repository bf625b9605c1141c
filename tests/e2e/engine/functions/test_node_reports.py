"""What functions post of attempts by themselves, instead of as the reply to a call: answers, and signs of life."""

import asyncio
from dataclasses import replace

import pytest

from eventing.invocations import Failed
from eventing.messages import Attempt, attempt_of
from flume.ids import Instance, NodeId, RunId
from orchestrator.bus import Progress, run_topic
from orchestrator.state import NodeStatus, RunStatus

CALL = {"type": "call", "config": {"do": "x"}, "runOn": "cpu"}
LARGE = "x" * 1024 * 1024


async def output_of(world, run, node="a"):
    return await world.value(run, node)


async def test_an_answer_ends_its_attempt_with_its_lines(site, says):
    run_id, order = await site.begin()

    posted = await site.post(says.answer(order, {"n": 1}, logs=says.lines("begun", "done")))

    assert (posted.status_code, posted.content) == (202, b""), posted.text
    run = await site.world.end(run_id)
    assert (run.status, await output_of(site.world, run)) == (RunStatus.COMPLETED, {"n": 1})
    assert [line.message for line in await site.world.logs(run_id)] == ["begun", "done"]
    assert await site.world.store.read_inbox(run_id) == ()
    assert len(site.elsewhere.orders) == 1


@pytest.mark.parametrize("is_heard_of_before", [True, False])
async def test_an_answer_tells_how_long_the_work_took_and_the_start_before_it(
    open_site, clock, says, is_heard_of_before
):
    async with open_site(clock=clock) as site:
        run_id, order = await site.begin()
        clock.forward(30)
        if is_heard_of_before:
            await site.post(says.sign(order))
        clock.forward(70)

        await site.post(says.answer(order, execute_ms=70))

        run = await site.world.end(run_id)
        [record] = run.root.nodes[NodeId("a")].attempts
        assert record.timing == {"queuedMs": 0, "coldStartMs": 30, "executeMs": 70}


async def test_what_follows_is_done_after_it_and_items_of_loops_are_told_apart(site, says):
    loop = {"id": "each", "type": "loop", "config": {"times": 2, "body": {"nodes": [{"id": "n", **CALL}]}}}
    run_id, first = await site.begin(loop, {"id": "b", **CALL}, edges=["each>b"])
    second = await site.elsewhere.order(1)
    assert {first.instance, second.instance} == {"each[0].n", "each[1].n"}

    assert (
        await site.post(says.answer(first, first.instance), says.answer(second, second.instance))
    ).status_code == 202
    last = await site.elsewhere.order(2)
    assert (last.run_id, last.instance) == (run_id, "b")
    assert (await site.post(says.answer(last))).status_code == 202

    run = await site.world.end(run_id)
    assert await output_of(site.world, run, "each") == ["each[0].n", "each[1].n"]


async def test_an_answer_that_comes_again_changes_nothing_whatever_it_says(site, says):
    run_id, order = await site.begin({"id": "a", **CALL}, {"id": "b", **CALL}, edges=["a>b"])
    answers = [says.answer(order, text, logs=says.lines(text)) for text in ("first", "second", "third")]

    assert (await site.post(answers[0])).status_code == 202
    following = await site.elsewhere.order(1)
    await site.world.is_true(lambda: site.elsewhere.attempts.find(attempt_of(order)) is None)
    assert (await site.post(answers[1])).status_code == 202
    await site.post(says.answer(following))
    run = await site.world.end(run_id)
    assert (await site.post(answers[2])).status_code == 202

    assert await output_of(site.world, run) == "first"
    assert [line.message for line in await site.world.logs(run_id)] == ["first"]
    assert len(site.elsewhere.orders) == 2


async def test_answers_that_come_at_the_same_time_end_the_attempt_once(site, says):
    run_id, order = await site.begin()

    posted = await asyncio.gather(*(site.post(says.answer(order, number)) for number in range(10)))

    assert {each.status_code for each in posted} == {202}
    run = await site.world.end(run_id)
    assert run.root.nodes[NodeId("a")].attempt == 1
    assert await output_of(site.world, run) in range(10)


async def test_a_failure_is_retried_as_the_engine_does_and_each_attempt_has_its_own_token(site, says):
    run_id, first = await site.begin({**CALL, "id": "a", "retry": {"attempts": 2, "delay": "1ms"}})

    assert (await site.post(says.ended(first, Failed("busy", "come back", retryable=True)))).status_code == 202
    second = await site.elsewhere.order(1)
    assert (second.attempt, second.token != first.token) == (2, True)
    refused = await site.post(says.with_token(says.answer(second), first.token))
    assert (refused.status_code, "token" in refused.json()["detail"]) == (400, True)
    assert (await site.post(says.answer(first, "too late"))).status_code == 202
    assert (await site.post(says.answer(second, "at last"))).status_code == 202

    run = await site.world.end(run_id)
    assert (run.status, await output_of(site.world, run)) == (RunStatus.COMPLETED, "at last")
    assert [each.error.code if each.error else None for each in run.root.nodes[NodeId("a")].attempts] == ["busy", None]


async def test_an_answer_may_leave_by_a_port_that_follows_from_the_config(site, says):
    switch = {"id": "a", "type": "switch", "runOn": "cpu", "config": {"value": "1", "cases": {"left": 1, "right": 2}}}
    nodes = (switch, {"id": "l", **CALL}, {"id": "r", **CALL})
    run_id, order = await site.begin(*nodes, edges=["a>l:left", "a>r:right"])

    assert (await site.post(says.answer(order, "this way", port="right"))).status_code == 202

    assert (await site.elsewhere.order(1)).instance == "r"
    other_id, other = await site.begin(*nodes, edges=["a>l:left", "a>r:right"])
    assert (await site.post(says.answer(other, "nowhere", port="middle"))).status_code == 202
    failed = await site.world.end(other_id)
    assert failed.root.error.code == "bad-output"
    assert "left by port 'middle'; it has: left, right, default" in failed.root.error.message
    await site.world.engine.cancel(run_id)


@pytest.mark.parametrize("is_apart", [True, False])
async def test_a_large_answer_is_taken_whether_or_not_its_data_was_kept_apart(site, says, is_apart):
    run_id, order = await site.begin()
    answer = says.answer(order, LARGE, logs=says.lines("large"))

    assert (await site.post(await site.keep(answer) if is_apart else answer)).status_code == 202

    run = await site.world.end(run_id)
    assert await output_of(site.world, run) == LARGE
    assert [line.message for line in await site.world.logs(run_id)] == ["large"]


async def test_an_answer_whose_data_is_not_there_is_malformed_and_ends_nothing(site, says):
    run_id, order = await site.begin()
    travelling = replace(says.answer(order), data=None)
    travelling = replace(
        travelling,
        extensions={**travelling.extensions, "dataref": "http://x/api/v1/payloads/0", "flumetoken": order.token},
    )

    posted = await site.post(travelling)

    assert (posted.status_code, "'dataref' refers to is not there" in posted.json()["detail"]) == (400, True)
    assert (await site.post(says.answer(order))).status_code == 202
    assert (await site.world.end(run_id)).status is RunStatus.COMPLETED


async def test_a_sign_of_life_with_a_foreign_token_is_told_that_nobody_here_waits_and_harms_no_others(site, says):
    run_id, order = await site.begin()
    foreign = says.with_token(says.sign(replace(order, instance="b"), text="foreign"), "x" * 43)
    broken = replace(says.sign(order), type="dev.flume.node.unheard-of")

    posted = await site.post(foreign, broken, says.sign(order, logs=says.lines("taken")))

    assert (posted.status_code, posted.json()) == (410, {"gone": [f"{run_id}.b.1"]})
    assert (await site.post(broken)).status_code == 400
    await site.post(says.answer(order))
    await site.world.end(run_id)
    assert [line.message for line in await site.world.logs(run_id)] == ["taken"]


async def test_who_has_not_the_token_of_the_attempt_says_nothing_of_it(site, says):
    run_id, order = await site.begin()
    _, other = await site.begin(name="another")
    answer = says.answer(order, "mine")
    reference = {"dataref": "http://x/api/v1/payloads/0", "flumetoken": other.token}
    wrong = [
        says.with_token(answer, ""),
        says.with_token(answer, "x" * 43),
        says.with_token(answer, other.token),
        replace(answer, extensions={**answer.extensions, "flumeattempt": "2"}),
        replace(answer, extensions={**answer.extensions, "flumenode": "b"}),
        replace(answer, data=None, extensions={**answer.extensions, **reference}),
        replace(answer, data={"output": 1}),
    ]

    for event in wrong:
        posted = await site.post(event)
        assert posted.status_code == 400, event
        assert order.token not in posted.text
    assert (await site.world.store.load_run(run_id)).run.root.nodes[NodeId("a")].status is NodeStatus.RUNNING
    assert await site.world.store.read_inbox(run_id) == ()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"type": "dev.flume.node.other"}, "nothing that a function says"),
        ({"extensions": {"flumerun": "r"}}, "flumenode"),
        ({"data": "text"}, "data is not an object"),
    ],
)
async def test_a_report_that_is_wrong_is_told_what_is_wrong(site, says, change, reason):
    _, order = await site.begin()

    posted = await site.post(replace(says.answer(order), **change))

    assert (posted.status_code, reason in posted.json()["detail"]) == (400, True), posted.text


async def test_of_a_batch_with_one_that_is_wrong_the_others_are_taken(site, says):
    first_id, first = await site.begin()
    second_id, second = await site.begin(name="second")
    wrong = says.with_token(says.answer(first), "wrong")

    posted = await site.post(says.answer(first, 1), wrong, says.answer(second, 2))

    assert posted.status_code == 400
    assert await output_of(site.world, await site.world.end(first_id)) == 1
    assert await output_of(site.world, await site.world.end(second_id)) == 2


async def test_signs_of_attempts_that_nobody_wants_are_answered_410_with_their_ids_alone(site, says):
    gone_id, gone = await site.begin()
    kept_id, kept = await site.begin(name="kept")
    await site.world.engine.cancel(gone_id)
    assert (await site.world.end(gone_id)).status is RunStatus.CANCELLED
    await site.world.is_true(lambda: site.elsewhere.attempts.find(attempt_of(gone)) is None)

    posted = await site.post(says.sign(gone, text="still here"), says.sign(kept, logs=says.lines("at work")))

    assert (posted.status_code, posted.json()) == (410, {"gone": [str(attempt_of(gone))]})
    assert (await site.post(says.sign(kept))).status_code == 202
    await site.post(says.answer(kept))
    await site.world.end(kept_id)
    assert [line.message for line in await site.world.logs(kept_id)] == ["at work"]
    assert await site.world.logs(gone_id) == []
    assert (await site.post(says.answer(gone))).status_code == 202


async def test_lines_that_come_with_signs_and_again_with_the_answer_are_kept_once(site, says):
    run_id, order = await site.begin()
    before, after = says.lines("one", "two"), says.lines("three", first=2)

    assert (await site.post(says.sign(order, logs=before))).status_code == 202
    assert (await site.post(says.sign(order, logs=before))).status_code == 202
    assert (await site.post(says.answer(order, logs=(*before, *after)))).status_code == 202

    await site.world.end(run_id)
    assert [line.message for line in await site.world.logs(run_id)] == ["one", "two", "three"]


async def test_partial_output_that_comes_twice_is_shown_once(site, says):
    run_id, order = await site.begin()
    with site.world.orchestrator.bus.subscribe(run_topic(run_id)) as subscription:
        for sign in (says.sign(order, 0, "바다"), says.sign(order, 0, "바다"), says.sign(order, 1, "다!")):
            assert (await site.post(sign)).status_code == 202
        seen = [message for message in subscription.take() if isinstance(message, Progress)]

    assert [(message.offset, message.text) for message in seen] == [(0, "바다"), (2, "!")]
    await site.post(says.answer(order))
    await site.world.end(run_id)


async def test_an_order_that_was_not_delivered_fails_its_attempt_so_that_it_is_tried_again(site, says):
    run_id, order = await site.begin({**CALL, "id": "a", "retry": {"attempts": 2, "delay": "1ms"}})

    await site.world.orchestrator.node_reports.fail(attempt_of(order), "undelivered", "nobody took the order")

    again = await site.elsewhere.order(1)
    # It was not answered, so that whoever did the work all the same is not asked to do it twice.
    assert (again.attempt, again.key) == (2, order.key)
    await site.post(says.answer(again))
    run = await site.world.end(run_id)
    assert run.root.nodes[NodeId("a")].attempts[0].error.code == "undelivered"


async def test_an_order_of_a_run_that_is_not_there_can_be_neither_failed_nor_answered(site):
    await site.world.orchestrator.node_reports.fail(Attempt(RunId("f" * 24), Instance("a"), 1), "undelivered", "why")


async def test_a_store_that_takes_nothing_now_has_the_answer_sent_again(open_site, fragile, says):
    async with open_site(wrap=fragile) as site:
        run_id, order = await site.begin()
        fragile.store.broken, fragile.store.failing = {"put_inbox"}, True

        posted = await site.post(says.answer(order))

        assert (posted.status_code, posted.headers["retry-after"]) == (503, "1")
        assert "the disk is full" in posted.json()["detail"]
        fragile.store.failing = False
        assert (await site.post(says.answer(order))).status_code == 202
        assert (await site.world.end(run_id)).status is RunStatus.COMPLETED
