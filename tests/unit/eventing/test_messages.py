from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventing.cloudevents import CloudEvent, MalformedEventError, decode_one, encode_binary
from eventing.datarefs import large_data
from eventing.invocations import Failed, LogRecord
from eventing.message_reading import MAX_CODE, read_answered, read_attempt, read_invoke, read_report
from eventing.messages import (
    COMPLETED,
    FAILED,
    INVOKE,
    MAX_KEPT_LOGS,
    PROGRESS,
    Answered,
    Attempt,
    Progressed,
    answer_event,
    attempt_of,
    failed_instead,
    invoke_event,
    progress_event,
)
from eventing.node_logs import MAX_LOG_MESSAGE
from flume.errors import NotFoundError
from flume.ids import Instance, RunId
from flume.nodes.outcomes import Result, Sleep
from flume.nodes.types import NodeType
from flume.pipeline import EMPTY

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
LINES = (
    LogRecord(1_795_514_527_305, "info", "grüße", {"n": 1}, 0),
    LogRecord(1_795_514_527_306, "error", "b", {}, 1),
)


def over_the_wire(event):
    headers, body = encode_binary(event)
    return decode_one(headers.items(), body)


def type_named(invocation):
    def named(name):
        if name != invocation.node_type.name:
            raise NotFoundError("node type", name)
        return invocation.node_type

    return named


def test_an_order_is_read_as_it_was_given(new_invocation):
    given = new_invocation(
        inputs={"a": [1, None, {"ü": True}]},
        attempt=3,
        hops=2,
        traceparent="00-ab-cd-01",
        instance="each[3].n",
        nonce="x1",
    )

    event = over_the_wire(invoke_event(given, NOW + timedelta(minutes=5)))

    assert (event.id, event.type, event.subject) == ("r.each[3].n.3", INVOKE, "r/each[3].n")
    assert read_invoke(event, type_named(given), NOW) == given


def test_config_may_be_any_mapping(new_invocation):
    given = new_invocation(config=EMPTY, inputs=EMPTY)

    assert read_invoke(over_the_wire(invoke_event(given, NOW)), type_named(given), NOW).config == {}


@pytest.mark.parametrize(("left_s", "timeout_s"), [(60, 30), (12, 12), (0, 0), (-5, 0)])
def test_what_is_left_until_the_deadline_bounds_the_time_of_the_node(new_invocation, left_s, timeout_s):
    given = new_invocation(timeout=timedelta(seconds=30))
    event = over_the_wire(invoke_event(given, NOW + timedelta(seconds=left_s)))

    assert read_invoke(event, type_named(given), NOW).timeout == timedelta(seconds=timeout_s)


@pytest.mark.parametrize(
    "answer",
    [
        Result({"a": ["ü", 1.5]}, {"tokens": 7}, "other"),
        Result(None),
        Failed("rate-limited", "too fast", retryable=True, retry_after=timedelta(seconds=1.5)),
        Failed("timeout", "no answer", answered=False),
    ],
)
@pytest.mark.parametrize("ready_ms", [None, 0, 70])
def test_an_answer_is_read_as_it_was_given(new_invocation, answer, ready_ms):
    given = new_invocation()

    event = over_the_wire(answer_event(given, answer, logs=LINES, execute_ms=12, ready_ms=ready_ms))

    assert event.id == invoke_event(given, NOW).id
    assert event.type == (FAILED if isinstance(answer, Failed) else COMPLETED)
    assert read_report(event) == Answered(attempt_of(given), given.token, answer, LINES, 12, ready_ms)


def test_an_order_names_its_function_where_there_may_be_several(new_invocation):
    named = invoke_event(new_invocation(function="fn-template-cpu"), NOW)

    assert named.extensions["flumefunction"] == "fn-template-cpu"
    assert "flumefunction" not in invoke_event(new_invocation(), NOW).extensions


def test_a_sign_of_life_is_read_as_it_was_given(new_invocation):
    given = new_invocation()
    said = Progressed(attempt_of(given), given.token, 7, "grüße", LINES)

    event = over_the_wire(progress_event(given, said))

    assert event.type == PROGRESS
    assert read_report(event) == said


def test_what_only_the_engine_can_do_fails_in_a_function(new_invocation):
    answer = read_report(answer_event(new_invocation(), Sleep(NOW), logs=(), execute_ms=0)).answer

    assert (answer.code, answer.retryable) == ("bad-output", False)


def test_an_answer_that_can_not_be_sent_becomes_a_failure_of_the_same_attempt(new_invocation):
    given = new_invocation()
    event = failed_instead(answer_event(given, Result(1), logs=LINES, execute_ms=5), Failed("too-large", "too much"))

    assert read_report(over_the_wire(event)) == Answered(
        attempt_of(given), given.token, Failed("too-large", "too much"), LINES, 5
    )


def test_of_the_lines_of_an_answer_that_can_not_be_sent_the_first_are_kept_as_far_as_they_fit(new_invocation):
    lines = [LogRecord(1_795_514_527_305, "info", "x" * 1_000, {}, sequence) for sequence in range(500)]
    answer = answer_event(new_invocation(), Result(1), logs=lines, execute_ms=5)

    event = failed_instead(answer, Failed("too-large", "too much"))

    kept = read_report(event).logs
    assert 0 < len(kept) < len(lines)
    assert kept == tuple(lines[: len(kept)])
    assert len(orjson.dumps(event.data["logs"])) <= MAX_KEPT_LOGS
    assert large_data(event) is None


def test_a_token_and_what_nodes_say_are_in_no_text_of_a_report(new_invocation):
    given = new_invocation(token="s3cret")

    shown = repr(read_report(answer_event(given, Result("s3cret"), logs=(), execute_ms=0)))

    assert "s3cret" not in shown


def report(kind=COMPLETED, extensions=None, **data):
    given = {"flumerun": "r", "flumenode": "n", "flumeattempt": "1", **(extensions or {})}
    return CloudEvent("r.n.1", "/f", kind, extensions=given, data={"token": "t", **data})


def test_a_function_in_another_language_may_leave_out_what_has_a_default():
    assert read_report(report(output=1)) == Answered(Attempt("r", "n", 1), "t", Result(1))
    assert read_report(report(FAILED, error={})).answer == Failed(
        "node-error", "the function failed and did not say why"
    )
    assert read_report(report(PROGRESS, offset=0)) == Progressed(Attempt("r", "n", 1), "t")


def test_what_a_function_says_is_bounded_as_it_is_for_nodes_in_this_process():
    line = {
        "seq": 0,
        "at": "2026-11-24T09:00:00Z",
        "level": "LOUD",
        "message": "x" * 10_000,
        "fields": {"a": "y" * 99_999},
    }
    said = read_report(report(FAILED, error={"code": "c" * 200, "message": "m" * 99_999}, logs=[line]))

    assert (len(said.answer.code), len(said.answer.message)) == (MAX_CODE, MAX_LOG_MESSAGE)
    assert (said.logs[0].level, len(said.logs[0].message)) == ("info", MAX_LOG_MESSAGE)
    assert said.logs[0].fields == {"dropped": "fields above 16,384 bytes"}


@pytest.mark.parametrize("at", ["9999-12-31T23:59:59.9999Z", "0001-01-01T00:00:00Z", "1969-12-31T23:59:59.9994Z"])
def test_any_time_of_a_line_can_be_shown_again(at):
    line = {"seq": 0, "at": at, "level": "info", "message": ""}

    shown = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=read_report(report(logs=[line])).logs[0].at)

    assert abs(shown - datetime.fromisoformat(at)) < timedelta(milliseconds=1)


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (report("dev.flume.node.other"), "nothing that a function says"),
        (report(extensions={"flumerun": ""}), "flumerun is missing"),
        (report(extensions={"flumeattempt": "-1"}), "flumeattempt is not a whole number"),
        (report(extensions={"flumeattempt": "²"}), "flumeattempt is not a whole number"),
        (report(extensions={"flumeattempt": "9" * 11}), "flumeattempt is not a whole number"),
        (report(token=None), "token is missing"),
        (report(port=7), "port is missing or not text"),
        (report(meta=[1]), "meta is not an object"),
        (report(logs={}), "logs is not an array"),
        (report(logs=[{"seq": 0, "at": "now", "level": "info"}]), "at is not a moment"),
        (report(logs=[{"seq": 0, "at": "9999-12-31T23:59:59-14:00", "level": "info"}]), "at is not a moment"),
        (report(executeMs=True), "executeMs is not a whole number"),
        (report(readyMs=-1), "readyMs is not a whole number"),
        (report(PROGRESS), "offset is not a whole number"),
        (report(PROGRESS, offset=-1), "offset is not a whole number"),
        (report(PROGRESS, offset=0, text=1), "text is not text"),
        (report(FAILED), "error is not an object"),
        (report(FAILED, error={"retryAfterMs": "1"}), "retryAfterMs is not a whole number"),
        (replace(report(), data=[1]), "data is not an object"),
        (replace(report(), data=None), "data is not an object"),
    ],
)
def test_a_report_that_is_wrong_says_what(event, reason):
    with pytest.raises(MalformedEventError, match=reason):
        read_report(event)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"type": COMPLETED}, "expected an event of type dev.flume.node.invoke"),
        ({"id": "other"}, "the id of this invoke is not 'r.n.1'"),
        ({"flumepipeline": "p"}, "flumepipeline is not"),
        ({"flumehops": "x"}, "flumehops is not"),
        ({"flumekey": ""}, "flumekey is missing"),
        ({"timeoutMs": 1.5}, "timeoutMs is not a whole number"),
        ({"deadline": "soon"}, "deadline is not a moment"),
        ({"secretsNonce": None}, "secretsNonce is missing"),
        ({"config": []}, "config is not an object"),
    ],
)
def test_an_order_that_is_wrong_says_what(new_invocation, changes, reason):
    event = invoke_event(new_invocation(), NOW)
    for name, value in changes.items():
        if name in ("type", "id"):
            event = replace(event, **{name: value})
        elif name.startswith("flume"):
            event = replace(event, extensions={**event.extensions, name: value})
        else:
            event = replace(event, data={**event.data, name: value})

    with pytest.raises(MalformedEventError, match=reason):
        read_invoke(event, type_named(new_invocation()), NOW)


anything = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
moments = st.sampled_from(["2026-11-24T09:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999999Z"])


def maybe(right):
    return st.just(right) | anything | moments


lines = st.fixed_dictionaries(
    {},
    optional={
        "seq": maybe(0),
        "at": moments | anything,
        "level": maybe("info"),
        "message": maybe("m"),
        "fields": anything,
    },
)
hostile_data = anything | st.fixed_dictionaries(
    {},
    optional={
        "token": maybe("t"),
        "output": anything,
        "meta": maybe({}),
        "port": maybe("out"),
        "offset": maybe(0),
        "text": maybe("x"),
        "executeMs": maybe(1),
        "readyMs": maybe(1),
        "logs": anything | st.lists(lines | anything, max_size=3),
        "error": anything
        | st.fixed_dictionaries({}, optional={"code": anything, "message": anything, "retryAfterMs": anything}),
        "config": maybe({}),
        "inputs": maybe({}),
        "now": moments | anything,
        "deadline": moments | anything,
        "timeoutMs": maybe(1000),
        "secretsNonce": maybe("none"),
    },
)
hostile_events = st.builds(
    CloudEvent,
    id=st.sampled_from(["r.n.1", "x"]),
    source=st.just("/f"),
    type=st.sampled_from([INVOKE, COMPLETED, FAILED, PROGRESS, "other"]),
    extensions=st.fixed_dictionaries(
        {},
        optional={
            "flumerun": st.sampled_from(["r", ""]),
            "flumenode": st.sampled_from(["n", ".", "a[0].n"]),
            "flumeattempt": st.sampled_from(["1", "0", "²", "x"]),
            "flumekey": st.just("k"),
            "flumenodetype": st.just("template"),
            "flumepipeline": st.sampled_from(["a/b", "/", "x"]),
            "flumehops": st.sampled_from(["0", "x"]),
        },
    ),
    data=hostile_data,
)


@given(hostile_events)
def test_no_event_makes_reading_it_raise_anything_but_malformed_event_error(event):
    known = NodeType("template", 1, "", "", ("cpu",), "cpu", {}, {})
    with suppress(MalformedEventError):
        read_report(event)
    with suppress(MalformedEventError):
        read_invoke(event, lambda name: known, NOW)


@pytest.mark.parametrize("instance", ["n", "each[3].n", "a[3].b[0].c"])
@pytest.mark.parametrize("number", [1, 12])
def test_an_attempt_is_told_by_the_id_of_its_events(instance, number):
    attempt = Attempt(RunId("67e8c3"), Instance(instance), number)

    assert read_attempt(str(attempt)) == attempt


@pytest.mark.parametrize("text", ["", ".", "..", "r", "r.n", "r.n.", ".n.1", "r..1", "r.n.-1", "r.n.x", "r.n.²"])
def test_what_is_no_id_of_an_attempt_is_malformed(text):
    with pytest.raises(MalformedEventError):
        read_attempt(text)


@pytest.mark.parametrize("answer", [Result({"a": 1}, {"tokens": 3}, "yes"), Failed("no-luck", "why", retryable=True)])
def test_an_answer_is_read_from_its_data_alone_without_the_token(new_invocation, answer):
    event = over_the_wire(answer_event(new_invocation(), answer, logs=LINES, execute_ms=7))
    data = {name: value for name, value in event.data.items() if name != "token"}
    attempt = attempt_of(new_invocation())

    assert read_answered(attempt, event.type, data) == Answered(attempt, "", answer, LINES, 7)
