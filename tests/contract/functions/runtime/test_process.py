"""Function processes as a container or `functions.local` starts them: real processes, called over HTTP."""

import asyncio
import re
import shutil
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic

import orjson
import pytest

from eventing.cloudevents import encode_binary, encode_structured
from eventing.datarefs import INLINE_MOST, payload_id
from eventing.invocations import Failed
from eventing.messages import invoke_event
from flume.nodes.outcomes import Result

pytestmark = pytest.mark.slow


async def test_it_serves_its_type_and_tells_how_it_is(start, order):
    function = await start("template")

    assert (await function.call("GET", "/healthz")).status == 200
    assert (await function.call("GET", "/readyz")).status == 200
    assert (await function.call("POST", "/warm")).status == 204
    answer = (await function.send(order("template", config={"template": "hi"}))).answer
    assert answer == Result("hi")
    assert b"flume_function_events_total 1" in (await function.call("GET", "/metrics")).body


async def test_each_answer_tells_how_long_the_process_had_been_ready_when_the_work_began(
    start, order, tmp_path, file_comes
):
    function = await start("work")
    first = (await function.send(order("work", {"began": str(tmp_path / "began")}))).report
    second = (await function.send(order("work", {"began": str(tmp_path / "began")}, key="k2", attempt=2))).report
    again = (await function.send(order("work", {"began": str(tmp_path / "began")}, key="k2", attempt=3))).report

    assert 0 <= first.ready_ms <= second.ready_ms
    # What is remembered was begun then.
    assert again.ready_ms == second.ready_ms


async def test_an_order_in_structured_mode_is_taken_too(start, order):
    function = await start("length")
    headers, body = encode_structured(
        invoke_event(order("length", {"text": "grüße"}), datetime.now(UTC) + timedelta(minutes=1))
    )

    assert (await function.call("POST", headers=headers, body=body)).answer == Result(5)


async def test_a_type_that_it_does_not_serve_is_404(start, order):
    function = await start("length")

    reply = await function.send(order("template"))

    assert (reply.status, reply.detail) == (404, "no node type 'template'; this process serves length")


async def test_several_types_share_a_process(start, order):
    function = await start("length", "template")

    assert (await function.send(order("length", {"text": "abc"}))).answer == Result(3)
    assert (await function.send(order("template", config={"template": "hi"}, instance="b"))).status == 200


async def test_beyond_its_capacity_it_answers_429_and_then_takes_more(start, order, tmp_path, file_comes):
    function = await start("work")
    may_end = tmp_path / "until"
    orders = [
        order(
            "work", {"began": str(tmp_path / f"began{each}"), "until": str(may_end)}, instance=f"n{each}", key=f"{each}"
        )
        for each in range(3)
    ]
    working = [asyncio.create_task(function.send(each)) for each in orders[:2]]
    for each in range(2):
        await file_comes(tmp_path / f"began{each}")

    refused = await function.send(orders[2])
    may_end.touch()

    assert (refused.status, refused.headers["retry-after"]) == (429, "1")
    assert [(await each).status for each in working] == [200, 200]
    assert (await function.send(orders[2])).status == 200


async def test_a_repeated_event_does_the_work_once_also_while_the_first_is_at_work(start, order, tmp_path, file_comes):
    function = await start("work")
    began, may_end = tmp_path / "began", tmp_path / "until"
    once = order("work", {"began": str(began), "until": str(may_end)})
    first = asyncio.create_task(function.send(once))
    await file_comes(began)
    second = asyncio.create_task(function.send(once))
    another_attempt = asyncio.create_task(function.send(order("work", once.inputs, attempt=2)))

    may_end.touch()

    replies = [await first, await second, await another_attempt, await function.send(once)]
    assert {reply.answer.output["key"] for reply in replies} == {once.key}
    assert [reply.report.attempt.number for reply in replies] == [1, 1, 2, 1]
    assert len(began.read_text().splitlines()) == 1


async def test_a_dropped_connection_cancels_nothing(start, order, tmp_path, file_comes):
    function = await start("work")
    began, may_end = tmp_path / "began", tmp_path / "until"
    once = order("work", {"began": str(began), "until": str(may_end)})
    dropped = asyncio.create_task(function.send(once))
    await file_comes(began)
    dropped.cancel()
    await asyncio.gather(dropped, return_exceptions=True)

    may_end.touch()

    assert (await function.send(once)).status == 200
    assert len(began.read_text().splitlines()) == 1


async def test_sigterm_finishes_what_was_taken_refuses_more_and_exits_with_0(start, order, tmp_path, file_comes):
    function = await start("work")
    began, may_end = tmp_path / "began", tmp_path / "until"
    working = asyncio.create_task(function.send(order("work", {"began": str(began), "until": str(may_end)})))
    await file_comes(began)

    function.signal(signal.SIGTERM)
    await refuses(function)
    refused = await function.send(order("work", {"began": str(began)}, instance="b", key="b"))
    may_end.touch()

    assert (refused.status, refused.headers["retry-after"]) == (503, "1")
    assert (await working).status == 200
    assert await function.ended() == 0
    assert "Traceback" not in function.output


async def refuses(function):
    """Return when a process has heard its signal."""
    while (await function.call("GET", "/readyz")).status != 503:
        pass


async def test_what_outlasts_the_grace_is_cut_short_and_the_process_exits_with_0(start, order, tmp_path, file_comes):
    function = await start("work", FLUME_GRACE="0.1")
    began = tmp_path / "began"
    working = asyncio.create_task(function.send(order("work", {"began": str(began), "until": str(tmp_path / "never")})))
    await file_comes(began)

    function.signal(signal.SIGTERM)

    reply = await working
    # 503 would say that it was not begun.
    assert (reply.status, reply.detail) == (500, "this process had to stop before the work was done")
    assert await function.ended() == 0
    assert "Traceback" not in function.output


async def test_work_and_a_caller_that_never_end_share_one_grace(start, order, tmp_path, file_comes):
    function = await start("work", FLUME_GRACE="3")
    began, never = tmp_path / "began", tmp_path / "never"
    working = asyncio.create_task(function.send(order("work", {"began": str(began), "until": str(never)})))
    await file_comes(began)
    _, writer = await asyncio.open_connection("127.0.0.1", function.port)
    writer.write(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nhalf")
    await function.call("GET", "/healthz")  # it has been read by now

    function.signal(signal.SIGTERM)
    signaled = monotonic()

    assert await function.ended() == 0
    assert monotonic() - signaled < 2 * 3
    assert (await working).status == 500
    writer.close()


async def test_a_caller_that_never_ends_its_request_does_not_keep_it_from_exiting(start):
    function = await start("length", FLUME_GRACE="0.1")
    _, writer = await asyncio.open_connection("127.0.0.1", function.port)
    writer.write(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nhalf")
    await writer.drain()
    await function.call("GET", "/healthz")  # it has been read by now

    function.signal(signal.SIGTERM)

    assert await function.ended() == 0
    writer.close()


async def test_an_orchestrator_that_never_answers_does_not_keep_it_from_exiting_within_the_grace(
    start, order, tmp_path, file_comes, serve, until
):
    asked = []

    async def silent(request, writer):
        asked.append(request.target)
        await asyncio.Event().wait()

    function = await start("work", ENGINE_URL=(await serve(silent)).url, FLUME_GRACE="0.5")
    began = tmp_path / "began"
    large = asyncio.create_task(
        function.send(order("work", {"began": str(began), "size": INLINE_MOST}, instance="a", key="a"))
    )
    await until(lambda: [target for target in asked if target.startswith("/api/v1/payloads/")])
    other = {"began": str(tmp_path / "other"), "until": str(tmp_path / "never")}
    endless = asyncio.create_task(function.send(order("work", other, instance="b", key="b")))
    await file_comes(tmp_path / "other")

    function.signal(signal.SIGTERM)
    signaled = monotonic()

    assert await function.ended() == 0
    assert monotonic() - signaled < 5
    assert [(await each).status for each in (large, endless)] == [502, 500]
    assert "Traceback" not in function.output


async def test_a_process_that_is_idle_ends_at_once(start):
    function = await start("length")

    function.signal(signal.SIGINT)

    assert await function.ended() == 0
    assert "Traceback" not in function.output


async def test_the_end_of_standard_input_ends_it(start):
    function = await start("length", options=("--ends-with-stdin",))

    function.process.stdin.close()

    assert await function.ended() == 0


@pytest.mark.parametrize("kind", ["work", "blocking"])
async def test_the_end_of_standard_input_cuts_short_what_nobody_can_hear_of(start, order, tmp_path, file_comes, kind):
    function = await start(kind, options=("--ends-with-stdin",), FLUME_GRACE="60")
    began, never = tmp_path / "began", tmp_path / "never"
    working = asyncio.create_task(function.send(order(kind, {"began": str(began), "until": str(never)})))
    await file_comes(began)

    function.process.stdin.close()

    assert await function.ended() == 0
    await asyncio.gather(working, return_exceptions=True)


async def test_it_can_be_ended_while_its_setup_still_goes_on(start):
    function = await start("stuck", is_ready=False, options=("--ends-with-stdin",))

    function.process.stdin.close()

    assert await function.ended() == 0


async def test_a_setup_that_fails_ends_it_with_a_line(start):
    function = await start("unset", is_ready=False)

    assert await function.ended() == 2
    assert function.output == "this node needs VLLM_URL\n"


async def test_plain_functions_run_in_threads_and_leave_room_for_others(start, order, tmp_path):
    function = await start("blocking")
    files = [tmp_path / "first", tmp_path / "second"]
    blocked, second = (
        asyncio.create_task(function.send(order("blocking", {"until": str(file)}, instance=file.name, key=file.name)))
        for file in files
    )

    files[1].touch()
    assert (await second).answer == Result("node")
    assert (await function.call("GET", "/healthz")).status == 200
    assert not blocked.done()

    files[0].touch()
    assert (await blocked).answer == Result("node")


async def test_the_deadline_ends_the_work(start, order, tmp_path):
    function = await start("work")
    inputs = {"began": str(tmp_path / "began"), "until": str(tmp_path / "never")}

    answer = (await function.send(order("work", inputs), minutes=0.2 / 60)).answer

    assert isinstance(answer, Failed)
    assert (answer.code, answer.retryable, answer.answered) == ("timeout", True, False)


async def test_progress_and_lines_reach_the_orchestrator_while_the_node_works(start, order, orchestrator, tmp_path):
    function = await start("work", ENGINE_URL=orchestrator.url)
    may_end = tmp_path / "until"
    once = order("work", {"began": str(tmp_path / "began"), "until": str(may_end), "says": "grüße"})
    working = asyncio.create_task(function.send(once))
    await asyncio.wait_for(orchestrator.heard.wait(), 20)

    may_end.touch()

    assert (await working).status == 200
    assert (orchestrator.lines, orchestrator.text) == (["grüße"], "grüße")
    assert {(str(sign.attempt), sign.token) for sign in orchestrator.signs} == {("r.n.1", once.token)}


async def test_signs_of_life_and_large_data_need_no_thread_that_nodes_may_take(
    start, order, orchestrator, tmp_path, until
):
    function = await start("crowded", "work", ENGINE_URL=orchestrator.url)
    may_end = tmp_path / "until"
    crowding = asyncio.create_task(function.send(order("crowded", {"until": str(may_end)}, instance="a", key="a")))
    await until(lambda: orchestrator.text == "begun")

    inputs = {"began": str(tmp_path / "began"), "says": "hello", "size": INLINE_MOST}
    reply = await asyncio.wait_for(function.send(order("work", inputs, instance="b", key="b")), 20)

    assert (reply.status, crowding.done()) == (200, False)
    may_end.touch()
    assert (await crowding).status == 200


async def test_as_many_plain_functions_block_at_a_time_as_the_type_says(start, order, tmp_path, until):
    function = await start("wide")
    began, may_end = tmp_path / "began", tmp_path / "until"
    inputs = {"began": str(began), "until": str(may_end)}
    working = [
        asyncio.create_task(function.send(order("wide", inputs, instance=f"n{number}", key=f"{number}")))
        for number in range(40)
    ]

    await until(lambda: began.exists() and len(began.read_text()) == 40)

    may_end.touch()
    assert {(await each).status for each in working} == {200}


async def test_a_process_with_a_key_takes_orders_that_carry_it_alone_and_nodes_do_not_see_it(start, order):
    function = await start("variables", FLUME_FUNCTION_KEY="the-key", FLUME_OTHER="seen")
    headers = await order_headers(order("variables"))
    _, body = encode_binary(invoke_event(order("variables"), datetime.now(UTC) + timedelta(minutes=1)))

    refused = await function.call("POST", headers=headers, body=body)
    reply = await function.call("POST", headers={**headers, "Authorization": "Bearer the-key"}, body=body)

    assert refused.status == 401
    assert reply.answer.output.count("FLUME_OTHER") == 2
    assert "FLUME_FUNCTION_KEY" not in reply.answer.output


async def test_an_attempt_that_nobody_wants_is_cancelled(start, order, orchestrator, tmp_path):
    function = await start("work", ENGINE_URL=orchestrator.url)
    orchestrator.gone = ["r.n.1", "r.other.1"]

    reply = await function.send(order("work", {"began": str(tmp_path / "began"), "until": str(tmp_path / "never")}))

    assert (reply.status, reply.detail) == (410, "nobody wants the answer any more")
    assert b"flume_function_in_flight 0" in (await function.call("GET", "/metrics")).body


async def test_without_an_orchestrator_the_lines_come_with_the_answer(start, order, tmp_path):
    function = await start("work", ENGINE_URL="http://127.0.0.1:9")

    report = (await function.send(order("work", {"began": str(tmp_path / "began"), "says": "grüße"}))).report

    assert [line.message for line in report.logs] == ["grüße"]


async def test_large_data_travels_apart_both_ways(start, order, orchestrator, tmp_path):
    function = await start("length", "work", ENGINE_URL=orchestrator.url)
    inward = order("length", {"text": "x" * INLINE_MOST})
    address = f"{orchestrator.url}/api/v1/payloads/{payload_id(inward.token, 'invoke')}"
    data = invoke_event(inward, inward.now.replace(year=2100)).data
    orchestrator.payloads[payload_id(inward.token, "invoke")] = orjson.dumps(data)

    headers = await order_headers(inward, dataref=address, flumetoken=inward.token)
    taken = await function.call("POST", headers=headers)
    given = await function.send(
        order("work", {"began": str(tmp_path / "began"), "size": INLINE_MOST}, instance="b", key="b")
    )

    assert taken.answer == Result(INLINE_MOST)
    place = payload_id(inward.token, "answer")
    assert (given.headers["ce-dataref"], given.body) == (f"{orchestrator.url}/api/v1/payloads/{place}", b"")
    assert orjson.loads(orchestrator.payloads[place])["output"]["by"] == "x" * INLINE_MOST
    payload_calls = [asked for asked in orchestrator.asked if asked.target != "/events"]
    assert [(asked.method, asked.headers["flume-attempt"]) for asked in payload_calls] == [
        ("GET", "r.n.1"),
        ("PUT", "r.b.1"),
    ]
    assert {asked.headers["authorization"] for asked in payload_calls} == {f"Bearer {inward.token}"}


async def order_headers(invocation, **extensions):
    headers, _ = encode_binary(invoke_event(invocation, datetime.now(UTC) + timedelta(minutes=1)))
    return {**headers, **{f"ce-{name}": value for name, value in extensions.items()}}


async def test_a_token_is_sent_to_the_orchestrator_alone(start, order, orchestrator, serve, reply):
    function = await start("length", ENGINE_URL=orchestrator.url)
    elsewhere = await serve(reply(b"{}"))

    headers = await order_headers(order("length"), dataref=f"{elsewhere.url}/api/v1/payloads/1", flumetoken="t")
    refused = await function.call("POST", headers=headers)

    assert (refused.status, elsewhere.asked) == (502, [])
    assert [asked.target for asked in orchestrator.asked] == ["/api/v1/payloads/1"]


@pytest.mark.parametrize(
    ("orchestrator_says", "status"),
    [("503 Unavailable", 502), ("429 Later", 502), ("401 Unauthorized", 400), ("404 Not Found", 502)],
)
async def test_data_that_can_not_be_had_is_for_the_caller_to_judge(
    start, order, orchestrator, orchestrator_says, status
):
    function = await start("length", ENGINE_URL=orchestrator.url)
    orchestrator.payload_status = orchestrator_says

    headers = await order_headers(order("length"), dataref=f"{orchestrator.url}/api/v1/payloads/1", flumetoken="t")
    reply = await function.call("POST", headers=headers)

    assert reply.status == status
    assert orchestrator_says[:3] in reply.detail


async def test_an_answer_that_could_not_be_kept_is_given_again_without_the_work(start, order, orchestrator, tmp_path):
    function = await start("work", ENGINE_URL=orchestrator.url)
    once = order("work", {"began": str(tmp_path / "began"), "size": INLINE_MOST})
    orchestrator.payload_status = "503 Unavailable"

    assert (await function.send(once)).status == 502
    orchestrator.payload_status = ""

    assert (await function.send(once)).status == 200
    assert len((tmp_path / "began").read_text().splitlines()) == 1


async def test_a_gateway_that_answers_410_does_not_end_the_process(start, order, serve, reply, tmp_path, until):
    gateway = await serve(reply(b"<h1>gone</h1>", "410 Gone"))
    function = await start("work", ENGINE_URL=gateway.url)
    began, may_end = tmp_path / "began", tmp_path / "until"
    working = asyncio.create_task(function.send(order("work", {"began": str(began), "until": str(may_end)})))
    await until(lambda: len(gateway.asked) == 2)

    may_end.touch()

    assert (await working).status == 200


async def test_a_node_file_that_is_broken_breaks_only_itself(start, order, nodes):
    (nodes / "broken.py").write_text("def broken(:\n")

    function = await start("length")

    assert (await function.send(order("length", {"text": "ab"}))).answer == Result(2)
    function.signal(signal.SIGTERM)
    assert await function.ended() == 0
    assert "a node file can't be loaded" in function.output
    assert f"file={nodes / 'broken.py'}" in function.output


@pytest.mark.parametrize("path", ["broken.py", ""])
async def test_a_type_whose_file_is_broken_ends_it_with_a_line_that_says_where(start, nodes, path):
    (nodes / "broken.py").write_text("x = 1\ndef broken(:\n")

    function = await start("broken", paths=[nodes / path], is_ready=False)

    assert await function.ended() == 2
    assert f"{nodes / 'broken.py'}: line 2: SyntaxError" in function.output
    assert "Traceback" not in function.output


@pytest.mark.parametrize(
    ("types", "variables", "said"),
    [
        (["no-such-type"], {}, "no node type 'no-such-type'"),
        (["tamplate"], {}, "did you mean 'template'?"),
        (["delay"], {}, "'delay' runs in the engine alone"),
        (["template"], {"FLUME_GRACE": "soon"}, "FLUME_GRACE: 'soon' is not a number"),
        (["template"], {"LOG_LEVEL": "loud"}, "LOG_LEVEL: 'loud' is none of"),
        (["template"], {"FLUME_SECRETS_DIR": "/no/such/folder"}, "FLUME_SECRETS_DIR: there is no folder"),
        (["template"], {"PORT": "http"}, "PORT: 'http' is not a number"),
    ],
)
async def test_what_it_is_told_wrongly_ends_it_with_a_line(start, types, variables, said):
    options = ("--host", "127.0.0.1") if "PORT" in variables else ()

    function = await start(*types, is_ready=False, options=options, **variables)

    assert await function.ended() == 2
    assert said in function.output
    assert "Traceback" not in function.output


async def test_a_port_that_is_taken_ends_it_with_a_line(start):
    first = await start("length")

    second = await start("length", is_ready=False, options=("--host", "127.0.0.1", "--port", str(first.port)))

    assert await second.ended() == 2
    assert f"can't listen on 127.0.0.1:{first.port}: Address already in use" in second.output


async def test_a_web_page_can_not_reach_it_by_a_name_of_its_own(start):
    function = await start("length")

    assert (await function.call("POST", "/warm", headers={"Host": f"evil.example:{function.port}"})).status == 421
    assert (await function.call("POST", "/warm", headers={"Host": f"localhost:{function.port}"})).status == 204


async def test_where_others_may_call_it_it_goes_by_any_name(start):
    function = await start("length", options=("--host", "0.0.0.0", "--port", "0"))

    assert (await function.call("POST", "/warm", headers={"Host": "length.default.svc.cluster.local"})).status == 204


@pytest.mark.parametrize("ends", [True, False])
async def test_headers_beyond_the_limit_are_431_whether_they_end_or_not(start, ends):
    function = await start("length")
    reader, writer = await asyncio.open_connection("127.0.0.1", function.port)
    writer.write(
        b"POST / HTTP/1.1\r\nHost: localhost\r\nX: "
        + b"x" * 40_000
        + (b"\r\nContent-Length: 0\r\n\r\n" if ends else b"")
    )

    status = await asyncio.wait_for(reader.readline(), 10)
    writer.close()

    assert b" 431 " in status
    assert (await function.call("GET", "/healthz")).status == 200


PROTOCOL = Path(__file__).parents[4] / "docs" / "reference" / "protocol.md"

HEAVY = (
    "aiohttp", "cloudevents", "croniter", "fastapi", "httpx", "jsonschema_rs", "kubernetes", "openai", "opentelemetry",
    "prometheus_client", "pydantic_settings", "pymongo", "python_multipart", "redis", "rich", "sqlite3", "starlette", "tenacity",
    "typer", "yaml",
)  # fmt: skip


def test_a_function_process_imports_nothing_that_its_type_does_not_need():
    code = f"""
import sys
from functions.__main__ import read_options
from functions.process import load_types

load_types(read_options(["template"], {{}}))
print(*sorted({{name.partition(".")[0] for name in sys.modules}} & set({HEAVY!r})))
"""
    found = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True, timeout=60)

    assert found.stdout.split() == []


def test_standard_input_that_is_a_file_can_not_end_it(tmp_path):
    (tmp_path / "input").touch()
    command = [
        sys.executable,
        "-P",
        "-m",
        "functions",
        "template",
        "--host",
        "127.0.0.1",
        "--port",
        "0",
        "--ends-with-stdin",
    ]
    with Path(tmp_path / "input").open() as file:
        found = subprocess.run(command, stdin=file, capture_output=True, text=True, check=False, timeout=60)

    assert (found.returncode, found.stderr) == (2, "--ends-with-stdin: standard input is a file; it has to be a pipe\n")


async def test_the_exchange_in_the_documentation_is_what_happens(start):
    page = PROTOCOL.read_text()
    exchange = page[page.index("<!-- exchange -->") : page.index("<!-- /exchange -->")]
    started, command, shown = re.findall(r"```\n(.*?)```", exchange, re.DOTALL)
    if shutil.which("curl") is None:
        pytest.skip("curl is needed")
    assert started == "python -P -m functions json-transform --host 127.0.0.1 --port 8081\n"
    function = await start("json-transform")

    curl = await asyncio.create_subprocess_exec(
        *("sh", "-c", command.replace("8081", str(function.port))),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    output, _ = await curl.communicate()

    lines = [line for line in output.decode().replace("\r", "").splitlines() if not line.startswith("date: ")]
    assert [timeless(line) for line in lines] == [timeless(line) for line in shown.splitlines()]


def timeless(line):
    return re.sub(r'"(executeMs|readyMs)":\d+', r'"\1":…', re.sub(r"(content-length: )\d+", r"\1…", line))
