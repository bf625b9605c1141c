"""One order carried out by a process of its own, as in a Job that a JobSink made: the order in a file, the answer by HTTP."""

import asyncio
import signal
from datetime import UTC, datetime, timedelta

import orjson
import pytest

from eventing.cloudevents import encode_structured
from eventing.datarefs import INLINE_MOST, payload_id
from eventing.invocations import Failed
from eventing.message_reading import read_report
from eventing.messages import invoke_event
from flume.nodes.outcomes import Result

pytestmark = pytest.mark.slow


@pytest.fixture
def run_job(start, orchestrator, tmp_path):
    """Starts the process of a job with an order, or with a text, in the file that a JobSink would mount."""

    async def new(order, *types, options=(), **variables):
        file = tmp_path / "event"
        if isinstance(order, bytes):
            file.write_bytes(order)
        else:
            event = invoke_event(order, datetime.now(UTC) + timedelta(minutes=5))
            file.write_bytes(encode_structured(event)[1])
        options = ("--event", str(file), *options)
        return await start(*types, is_ready=False, options=options, **{"ENGINE_URL": orchestrator.url} | variables)

    return new


def said_by(orchestrator):
    """What the one answer says that the orchestrator took."""
    [answer] = orchestrator.answers
    return read_report(answer)


async def test_it_carries_out_the_order_in_the_file_tells_the_answer_and_ends(run_job, order, orchestrator):
    job = await run_job(order("length", {"text": "grüße"}), "length")

    assert await job.ended() == 0
    said = said_by(orchestrator)
    assert (said.answer, said.token, str(said.attempt)) == (Result(5), "the-token", "r.n.1")
    assert orchestrator.answers[0].source == "/flume/functions/length"
    # It was ready for nothing but this order.
    assert 0 <= said.ready_ms < 1_000


async def test_the_environment_of_a_jobsinks_container_says_what_it_is_and_what_it_serves(
    start, orchestrator, tmp_path
):
    variables = {"KNATIVE_EXECUTION_MODE": "batch", "FLUME_NODE_TYPES": "length", "ENGINE_URL": orchestrator.url}
    job = await start(is_ready=False, **variables)

    assert await job.ended() == 2
    assert job.output == "the order can't be read: /etc/jobsink-event/event: No such file or directory\n"


async def test_it_tells_signs_of_life_and_lines_while_it_works(run_job, order, orchestrator, tmp_path):
    until = tmp_path / "until"
    inputs = {"began": str(tmp_path / "began"), "until": str(until), "says": "at it"}
    job = await run_job(order("work", inputs), "work")
    async with asyncio.timeout(20):
        await orchestrator.heard.wait()
    until.touch()

    assert await job.ended() == 0
    assert "at it" in orchestrator.lines + [line.message for line in said_by(orchestrator).logs]


async def test_a_node_that_fails_is_an_answer_too_and_the_job_has_done_its_work(run_job, order, orchestrator):
    job = await run_job(order("unset"), "unset")

    assert await job.ended() == 0
    assert said_by(orchestrator).answer == Failed("not-configured", "this node needs VLLM_URL", retryable=False)


async def test_a_type_that_its_image_lacks_fails_the_attempt(run_job, order, orchestrator):
    job = await run_job(order("elsewhere"), "elsewhere")

    assert await job.ended() == 0
    answer = said_by(orchestrator).answer
    assert (answer.code, answer.retryable, "no node type 'elsewhere'" in answer.message) == ("refused", False, True)


async def test_data_that_is_too_large_for_an_event_is_fetched_and_left_at_the_orchestrator(
    run_job, order, orchestrator
):
    large = order("work", {"began": "/dev/null", "size": 2 * INLINE_MOST})
    event = invoke_event(large, datetime.now(UTC) + timedelta(minutes=5))
    place = payload_id(large.token, "invoke")
    orchestrator.payloads[place] = orjson.dumps(event.data)
    written = orjson.loads(encode_structured(event)[1])
    del written["data"]
    written |= {"dataref": f"{orchestrator.url}/api/v1/payloads/{place}", "flumetoken": large.token}

    job = await run_job(orjson.dumps(written), "work")

    assert await job.ended() == 0
    [answer] = orchestrator.answers
    kept = payload_id(large.token, "answer")
    assert (answer.data, answer.extensions["dataref"]) == (None, f"{orchestrator.url}/api/v1/payloads/{kept}")
    assert len(orjson.loads(orchestrator.payloads[kept])["output"]["by"]) == 2 * INLINE_MOST


async def test_it_tries_again_until_the_orchestrator_takes_the_answer(run_job, order, orchestrator):
    orchestrator.answer_statuses = ["503 Service Unavailable", "429 Too Many Requests"]
    job = await run_job(order("length", {"text": "abc"}), "length")

    assert await job.ended() == 0
    assert said_by(orchestrator).answer == Result(3)


@pytest.mark.parametrize(("status", "code"), [("410 Gone", 0), ("400 Bad Request", 1)])
async def test_an_answer_that_is_never_taken_ends_it_too(run_job, order, orchestrator, status, code):
    orchestrator.answer_statuses = [status]
    job = await run_job(order("length", {"text": "abc"}), "length")

    assert await job.ended() == code
    assert orchestrator.answers == []
    assert ("the orchestrator refused the answer" in job.output) == (code == 1)


async def test_work_that_nobody_wants_any_more_is_cut_short(run_job, order, orchestrator, tmp_path):
    orchestrator.gone = ["r.n.1"]
    inputs = {"began": str(tmp_path / "began"), "until": str(tmp_path / "never")}
    job = await run_job(order("work", inputs), "work")

    assert await job.ended() == 0
    assert orchestrator.answers == []


async def test_told_to_stop_it_finishes_within_the_grace(run_job, order, orchestrator, tmp_path, file_comes):
    began, until = tmp_path / "began", tmp_path / "until"
    job = await run_job(order("work", {"began": str(began), "until": str(until)}), "work", FLUME_GRACE="20")
    await file_comes(began)
    job.signal(signal.SIGTERM)
    until.touch()

    assert await job.ended() == 0
    assert isinstance(said_by(orchestrator).answer, Result)


async def test_told_to_stop_it_says_that_it_could_not_finish(run_job, order, orchestrator, tmp_path, file_comes):
    began = tmp_path / "began"
    job = await run_job(
        order("work", {"began": str(began), "until": str(tmp_path / "never")}), "work", FLUME_GRACE="2.2"
    )
    await file_comes(began)
    job.signal(signal.SIGTERM)

    assert await job.ended() == 0
    answer = said_by(orchestrator).answer
    assert (answer.code, answer.retryable, answer.answered) == ("cut-short", True, False)


async def test_told_to_stop_while_nobody_can_be_told_it_gives_up_at_the_end_of_the_grace(
    run_job, order, orchestrator, until
):
    orchestrator.answer_statuses = ["503 Service Unavailable"] * 100
    job = await run_job(order("length", {"text": "abc"}), "length", FLUME_GRACE="0.5")
    await until(lambda: len(orchestrator.answer_statuses) < 100)
    job.signal(signal.SIGTERM)

    assert await job.ended() == 1
    assert "how the order went could not be told" in job.output
    assert "the-token" not in job.output


@pytest.mark.parametrize("text", [b"{", b"[]", b'{"specversion": "1.0"}'])
async def test_a_file_that_holds_no_order_is_told_and_ends_it_with_2(run_job, text):
    job = await run_job(text, "length")

    assert await job.ended() == 2
    assert "holds no event" in job.output


async def test_without_an_orchestrator_it_does_not_begin(run_job, order):
    job = await run_job(order("length", {"text": "abc"}), "length", ENGINE_URL="")

    assert await job.ended() == 2
    assert job.output.startswith("ENGINE_URL: expected")
