"""Servers that answered once, are away for a while as they are restarted, and come back."""

import json

import httpx
import pytest

from flume.cli.absence import AWAY_S, PAUSE_S, AwayError
from flume.cli.acting import MAX_IDLE, OnMany, on_many
from flume.cli.client import MAX_LOST, Client, ServerError, UnreachableError
from flume.cli.following import MAX_EMPTY, MAX_SEEN, SeenLines, Waiting, events_of, start, until_ended
from flume.cli.listing import watch_namespace
from flume.cli.options import Format
from flume.errors import UnavailableError

RUN = "/api/v1/runs/r"


class Clock:
    """Time passes by sleeping alone."""

    def __init__(self):
        self.slept = []

    def now(self):
        return float(sum(self.slept))

    def sleep(self, seconds):
        self.slept.append(seconds)


class Server:
    """Answers each call with the next of ``answers``, the last one ever again; ``calls`` are those that were made."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.calls = []
        self.clock = Clock()
        self.client = Client("http://server", transport=httpx.MockTransport(self.answer), clock=self.clock)

    def answer(self, request):
        self.calls.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer() if callable(answer) else answer

    @property
    def paths(self):
        return [call.url.path.removeprefix(RUN) for call in self.calls]


class Breaks(httpx.SyncByteStream):
    """Gives a text, and then the connection breaks."""

    def __init__(self, text):
        self._text = text

    def __iter__(self):
        yield self._text.encode()
        raise httpx.ReadError("gone")


def event(name, data, id=None):
    return f"{'' if id is None else f'id: {id}' + chr(10)}event: {name}\ndata: {json.dumps(data)}\n\n"


def log(sequence, id=None):
    line = {"node": "a", "attempt": 1, "sequence": sequence, "level": "info", "message": "m", "fields": {}}
    return event("log", line, id)


def run(status, id="1.0"):
    return event("run", {"status": status}, id)


def stream(*events):
    return httpx.Response(200, text="".join(events))


def broken(*events):
    return httpx.Response(200, stream=Breaks("".join(events)))


def record(status):
    return httpx.Response(200, json={"id": "r", "status": status, "output": 1})


REFUSED = httpx.ConnectError("refused")
AWAY = [REFUSED, *(httpx.Response(status) for status in (502, 503, 504))]
AWAY_IDS = ["refused", "502", "503", "504"]


class Shown:
    """A display that keeps the numbers of the log lines."""

    def __init__(self):
        self.lines = []
        self.is_closed = False

    def log(self, record):
        self.lines.append(record["sequence"])

    def node(self, node_id, record):
        raise AssertionError("no node changed")

    def close(self):
        self.is_closed = True


@pytest.mark.parametrize("answer", AWAY, ids=AWAY_IDS)
def test_a_stream_goes_on_when_a_server_is_back_that_was_away(answer):
    server = Server(broken(run("running", "3.1")), answer, answer, stream(run("completed", "4.1")))

    assert [each.data["status"] for each in server.client.events("/x")] == ["running", "completed"]
    assert [call.headers.get("last-event-id") for call in server.calls] == [None, "3.1", "3.1", "3.1"]
    assert server.clock.slept == [PAUSE_S] * 3


@pytest.mark.parametrize("answer", AWAY, ids=AWAY_IDS)
def test_an_answer_is_waited_for_while_a_server_is_away(answer):
    server = Server(record("running"), answer, answer, record("completed"))

    assert [server.client.wait_for(RUN)["status"] for _ in range(2)] == ["running", "completed"]


@pytest.mark.parametrize("answer", AWAY, ids=AWAY_IDS)
def test_a_server_that_has_never_answered_is_not_waited_for(answer):
    server = Server(answer)

    for ask in (lambda: list(server.client.events("/x")), lambda: server.client.wait_for("/x")):
        with pytest.raises(UnreachableError if answer is REFUSED else ServerError):
            ask()
    assert server.clock.slept == []


def test_a_refusal_is_not_waited_for():
    server = Server(broken(run("running")), httpx.Response(404))

    with pytest.raises(ServerError, match="404"):
        list(server.client.events("/x"))


def test_a_server_that_stays_away_is_given_up_with_a_clear_word():
    server = Server(record("running"), REFUSED)
    server.client.get(RUN)

    with pytest.raises(AwayError, match=r"the server at http://server has been away for 120 s: .*refused") as given_up:
        server.client.wait_for(RUN)
    assert sum(server.clock.slept) == AWAY_S
    assert given_up.value.code == "unreachable"


def test_who_waits_for_a_run_is_told_its_id_when_the_server_stays_away(capsys):
    server = Server(httpx.Response(202, json={"id": "r", "status": "pending", "links": {}}), REFUSED)

    with pytest.raises(AwayError):
        start(server.client, "/x", {}, Waiting(wait=True))
    assert "when the server is back: flume describe run r" in capsys.readouterr().err


def test_a_stream_that_breaks_again_and_again_lasts_as_long_as_it_gives_signs_of_life():
    quiet = [broken(": still here\n\n") for _ in range(int(2 * AWAY_S / PAUSE_S))]
    server = Server(*quiet, stream(run("completed")))

    assert len(list(server.client.events("/x"))) == 1


def test_a_follower_survives_a_restart_and_shows_no_line_twice():
    server = Server(
        stream(run("running"), log(0)),
        REFUSED,
        httpx.Response(503),
        record("running"),
        broken(log(0), log(1)),
        stream(log(0), log(1), log(2), run("completed", "2.0")),
        REFUSED,
        record("completed"),
    )
    shown = Shown()

    assert until_ended(server.client, "r", shown)["status"] == "completed"
    assert (shown.lines, shown.is_closed) == ([0, 1, 2], True)
    assert server.paths == ["/events", "", "", "", "/events", "/events", "", ""]
    assert [call.headers.get("last-event-id") for call in server.calls if "/events" in call.url.path] == [
        None,
        *["1.0"] * 2,
    ]


def test_a_followed_log_goes_on_until_the_run_has_ended_and_all_its_lines_are_there():
    server = Server(
        stream(log(0, "p0")),
        record("running"),
        stream(log(0), log(1, "p1")),
        record("completed"),
        stream(log(2, "p2")),
    )

    lines = [each.data["sequence"] for each in events_of(server.client, "r", "logs", level="info", follow="true")]

    assert lines == [0, 1, 2]
    logs = [call for call in server.calls if "/logs" in call.url.path]
    assert [call.headers.get("last-event-id") for call in logs] == [None, "p0", "p1"]
    assert {call.url.query for call in logs} == {b"level=info&follow=true"}


def test_a_server_that_ends_an_empty_stream_each_time_is_given_up():
    def answer():
        return stream() if server.calls[-1].url.path.endswith("/events") else record("running")

    server = Server(answer)

    with pytest.raises(UnavailableError, match="again and again; try 'flume describe run r'"):
        list(events_of(server.client, "r"))
    assert server.clock.slept == [PAUSE_S] * MAX_EMPTY


def test_who_watches_a_namespace_goes_on_when_the_server_is_back(capsys):
    change = {"id": "r", "pipeline": "p", "status": "running"}
    server = Server(stream(event("run", change)), REFUSED, stream(event("run", change)), httpx.Response(403))

    with pytest.raises(ServerError, match="403"):
        watch_namespace(server.client)
    assert capsys.readouterr().out.count("run r  p  running") == 2


def test_only_the_latest_lines_are_remembered():
    seen = SeenLines()
    lines = [{"node": "a", "attempt": 1, "sequence": number} for number in range(MAX_SEEN + 1)]

    assert all(seen.is_new(line) for line in lines)
    assert [seen.is_new(lines[1]), seen.is_new(lines[-1]), seen.is_new(lines[0])] == [False, False, True]


@pytest.mark.parametrize(
    "lost", [httpx.ReadError("gone"), httpx.ReadTimeout("late"), *AWAY[1:]], ids=["gone", "late", *AWAY_IDS[1:]]
)
def test_a_call_with_a_key_is_made_again_when_its_answer_is_lost(lost):
    server = Server(lost, REFUSED, record("pending"))

    assert server.client.post_once("/x", {"a": 1}, key="k")["id"] == "r"
    assert [(call.headers["idempotency-key"], call.content) for call in server.calls] == [("k", b'{"a": 1}')] * 3


@pytest.mark.parametrize(
    ("answer", "calls"),
    [(REFUSED, 1), (httpx.Response(429), 1), (httpx.ReadError("gone"), MAX_LOST + 1)],
    ids=["nobody-there", "refused", "lost-each-time"],
)
def test_a_call_with_a_key_fails_where_nobody_is_it_is_refused_or_its_answer_is_lost_too_often(answer, calls):
    server = Server(answer)

    with pytest.raises((UnreachableError, ServerError)):
        server.client.post_once("/x", key="k")
    assert len(server.calls) == calls


def done(*ids):
    return [{"id": id, "ok": True, "run": f"new-{id}"} for id in ids]


def refused(id, **more):
    return {"id": id, "ok": False, "error": {"code": "c", "message": f"{id} not now", **more}}


def bulk(*items, cursor=None):
    return httpx.Response(200, json={"items": items, "hasMore": cursor is not None, "nextCursor": cursor})


def bodies(server):
    return [json.loads(call.content) for call in server.calls]


def test_all_runs_of_a_pipeline_are_retried_page_by_page_with_one_key(capsys):
    server = Server(bulk(*done("a"), refused("b"), cursor="c1"), bulk(*done("d")))

    assert on_many(server.client, OnMany("retry", pipeline="p"), Format.TEXT) is False

    told = capsys.readouterr()
    assert (told.out, told.err) == ("run a goes on as new-a\nrun d goes on as new-d\n", "run b: b not now\n")
    asked = {"filter": {"pipeline": "p"}}
    assert bodies(server) == [asked, {**asked, "cursor": "c1"}]
    assert len({call.headers["idempotency-key"] for call in server.calls}) == 1


def test_runs_for_which_there_was_no_room_are_retried_when_there_is_and_each_is_told_once(capsys):
    later = [refused(each, retryAfter=3) for each in "bc"]
    server = Server(bulk(*done("a"), *later), bulk(*done("a", "b"), later[1]), bulk(*done("a", "b", "c")))

    assert on_many(server.client, OnMany("retry", ["a", "b", "c"], key="k"), Format.JSON) is True

    assert json.loads(capsys.readouterr().out) == {"items": done("a", "b", "c")}
    assert bodies(server) == [{"ids": ["a", "b", "c"]}] * 3
    assert server.clock.slept == [3, 3]


@pytest.mark.parametrize(("act", "how"), [("retry", " with --key k"), ("cancel", "")])
def test_runs_for_which_there_is_no_room_for_long_are_left_and_it_is_told_how_to_go_on(capsys, act, how):
    server = Server(bulk(*done("a"), refused("b", retryAfter=1)))

    assert on_many(server.client, OnMany(act, ["a", "b"], key="k"), Format.TEXT) is False

    told = capsys.readouterr()
    assert told.out == "run a goes on as new-a\n"
    assert told.err == f"b not now; runs that are left: 1; call again{how}\n"
    assert server.clock.slept == [1] * MAX_IDLE


def test_cancelled_runs_are_told_by_their_status(capsys):
    server = Server(bulk({"id": "a", "ok": True, "status": "cancelled"}))

    assert on_many(server.client, OnMany("cancel", ["a"]), Format.TEXT) is True
    assert capsys.readouterr().out == "run a cancelled\n"
