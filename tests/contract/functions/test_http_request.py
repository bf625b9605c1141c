"""The ``http-request`` node against a real server on the loopback interface."""

import asyncio
import base64
import gzip
import itertools
import json
import zlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from flume.errors import NodeError
from flume.nodes import NodeSettings, Result
from flume.testing import NOW, run_node
from functions.nodes.http import HttpRequest

Answer = Callable[[Any, asyncio.StreamWriter], Awaitable[None]]
Serve = Callable[[Answer], Awaitable[Any]]
Reply = Callable[..., Answer]


async def ask(url: str, inputs: dict[str, Any] | None = None, **config: Any) -> Result:
    context = config.pop("context", {})
    settings = config.pop("settings", None)
    return await run_node(HttpRequest, {"url": url, **config}, inputs, settings=settings, **context)


async def fail(url: str, inputs: dict[str, Any] | None = None, **config: Any) -> NodeError:
    with pytest.raises(NodeError) as failed:
        await ask(url, inputs, **config)
    return failed.value


async def test_a_json_body_is_parsed_and_meta_tells_the_rest(serve: Serve, reply: Reply) -> None:
    server = await serve(reply('{"topic": "바다"}'.encode(), content_type="application/json; charset=utf-8"))

    result = await ask(f"{server.url}/topics")

    assert result.output == {"topic": "바다"}
    assert result.meta["status"] == 200
    assert result.meta["headers"]["content-type"] == "application/json; charset=utf-8"
    assert result.meta["url"] == f"{server.url}/topics"
    assert isinstance(result.meta["elapsedMs"], int)
    assert set(result.meta) == {"status", "headers", "url", "elapsedMs"}


@pytest.mark.parametrize(
    ("body", "content_type", "output"),
    [
        ("grün".encode("latin-1"), "text/plain; charset=iso-8859-1", "grün"),
        ("바다".encode("euc-kr"), 'text/html; charset="euc-kr"', "바다"),
        (b"\xef\xbb\xbfx", "text/plain", "x"),
        (b"abc", "text/plain; charset=zlib", "abc"),
        (b"abc", "text/plain; charset=no-such", "abc"),
        (b"<a/>", "application/atom+xml", "<a/>"),
        (b'{"a": 1}', "application/problem+json", {"a": 1}),
        (b"\x89PNG\x00", "image/png", base64.b64encode(b"\x89PNG\x00").decode()),
        (b"plain", "", "plain"),
        (b"\xff\xfe\xfa", "", base64.b64encode(b"\xff\xfe\xfa").decode()),
        (b"", "application/json", None),
    ],
)
async def test_the_content_type_decides_what_a_body_becomes(
    serve: Serve, reply: Reply, body: bytes, content_type: str, output: object
) -> None:
    server = await serve(reply(body, **({"content_type": content_type} if content_type else {})))

    assert (await ask(server.url)).output == output


async def test_a_body_that_is_called_json_but_is_not_fails_for_good(serve: Serve, reply: Reply) -> None:
    server = await serve(reply(b"<html>secret</html>", content_type="application/json"))

    error = await fail(server.url)

    assert (error.code, error.retryable) == ("bad-response", False)
    assert "secret" not in str(error)


async def test_deeply_nested_json_fails_without_harm(serve: Serve, reply: Reply) -> None:
    server = await serve(reply(b"[" * 200_000, content_type="application/json"))

    assert (await fail(server.url)).code == "bad-response"


async def test_the_request_carries_key_hops_query_auth_and_headers(serve: Serve, reply: Reply) -> None:
    server = await serve(reply())

    await ask(
        f"{server.url}/a?x=1",
        method="post",
        query={"tag": ["b", "c"], "n": 5, "none": None},
        headers={"X-Count": 3, "X-Name": "바다"},
        auth={"type": "bearer", "token": "t0ken"},
        inputs={"json": {"at": NOW, "text": "é"}},
        context={"hops": 2, "idempotency_key": "run/each[3].fetch/1"},
    )

    (asked,) = server.asked
    assert asked.method == "POST"
    assert asked.target == "/a?x=1&tag=b&tag=c&n=5"
    assert asked.headers["idempotency-key"] == "run/each[3].fetch/1"
    assert asked.headers["flume-hops"] == "3"
    assert asked.headers["authorization"] == "Bearer t0ken"
    assert asked.headers["x-count"] == "3"
    assert asked.headers["x-name"].encode("latin-1").decode() == "바다"
    assert asked.headers["content-type"] == "application/json"
    assert json.loads(asked.body) == {"at": "2026-01-01T00:00:00Z", "text": "é"}


async def test_a_key_that_the_user_sets_is_kept(serve: Serve, reply: Reply) -> None:
    server = await serve(reply())

    await ask(server.url, headers={"Idempotency-Key": "mine"})

    assert server.asked[0].headers["idempotency-key"] == "mine"


@pytest.mark.parametrize(
    ("inputs", "body", "content_type"),
    [
        ({"body": "héllo"}, "héllo".encode(), "text/plain; charset=utf-8"),
        ({"body": [1, 2]}, b"[1,2]", "application/json"),
        ({"json": "text"}, b'"text"', "application/json"),
        ({"json": None}, b"null", "application/json"),
        ({"form": {"a": "x y", "b": [1, True]}}, b"a=x+y&b=1&b=true", "application/x-www-form-urlencoded"),
    ],
)
async def test_each_kind_of_body_is_sent_with_its_type(
    serve: Serve, reply: Reply, inputs: dict[str, Any], body: bytes, content_type: str
) -> None:
    server = await serve(reply())

    await ask(server.url, inputs, method="PUT")

    assert (server.asked[0].body, server.asked[0].headers["content-type"]) == (body, content_type)


async def test_two_kinds_of_body_are_refused() -> None:
    error = await fail("http://127.0.0.1:9", {"body": "a", "form": {}})

    assert (error.code, error.retryable) == ("bad-input", False)


@pytest.mark.parametrize(
    ("status", "retryable"),
    [(400, False), (404, False), (408, True), (409, True), (425, True), (429, True), (500, True), (503, True)],
)
async def test_the_status_decides_whether_another_attempt_may_help(
    serve: Serve, reply: Reply, status: int, retryable: bool
) -> None:
    server = await serve(reply(b"token=secret", status=f"{status} Whatever secret"))

    error = await fail(f"{server.url}/path?key=secret")

    assert (error.code, error.retryable) == ("http-status", retryable)
    assert str(error).startswith(f"GET 127.0.0.1 answered {status} ")
    assert "secret" not in str(error)


@pytest.mark.parametrize(
    ("expect", "status", "is_success"),
    [
        (["2xx", 404], 404, True),
        ("200-204", 204, True),
        (["201"], 200, False),
        (["2xx"], 302, False),
    ],
)
async def test_expect_says_which_statuses_are_success(
    serve: Serve, reply: Reply, expect: object, status: int, is_success: bool
) -> None:
    server = await serve(reply(status=f"{status} X"))

    if is_success:
        assert (await ask(server.url, expect=expect)).meta["status"] == status
    else:
        error = await fail(server.url, expect=expect)
        assert (error.code, error.retryable) == ("http-status", False)
        assert "expected" in str(error)


@pytest.mark.parametrize(
    ("field", "wait"),
    [
        ("7", timedelta(seconds=7)),
        ("999999999999", timedelta(hours=1)),
        ("Thu, 01 Jan 2026 00:00:30 GMT", timedelta(seconds=30)),
        ("Thu, 01 Jan 2015 00:00:00 GMT", timedelta(0)),
        ("soon", None),
    ],
)
async def test_retry_after_is_passed_on_and_capped(
    serve: Serve, reply: Reply, field: str, wait: timedelta | None
) -> None:
    server = await serve(reply(status="429 Too Many", retry_after=field))

    assert (await fail(server.url)).retry_after == wait


async def test_an_endless_response_is_cut_at_the_limit(serve: Serve) -> None:
    sent = 0

    async def endless(asked: Any, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2147483648\r\n\r\n")
        while True:
            writer.write(b"x" * 65536)
            await writer.drain()
            sent += 65536

    server = await serve(endless)

    error = await fail(server.url, maxBytes=1_000_000)

    assert (error.code, error.retryable) == ("response-too-large", False)
    assert "1,000,000" in str(error)
    assert sent < 32_000_000


async def test_a_body_of_exactly_the_limit_is_taken(serve: Serve, reply: Reply) -> None:
    server = await serve(reply(b"x" * 1000, content_type="text/plain"))

    assert (await ask(server.url, maxBytes=1000)).output == "x" * 1000
    assert (await fail(server.url, maxBytes=999)).code == "response-too-large"


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "raw deflate"])
async def test_compressed_bodies_are_unpacked(serve: Serve, reply: Reply, encoding: str) -> None:
    text = b"".join(b"%d " % number for number in range(100_000))
    raw = zlib.compressobj(wbits=-15)
    packed = {
        "gzip": gzip.compress(text[:1000], mtime=0) + gzip.compress(text[1000:], mtime=0),
        "deflate": zlib.compress(text),
        "raw deflate": raw.compress(text) + raw.flush(),
    }[encoding]
    server = await serve(reply(packed, content_type="text/plain", content_encoding=encoding.split()[-1]))

    assert (await ask(server.url)).output == text.decode()


async def test_a_small_body_that_unpacks_to_much_is_cut_at_the_limit(serve: Serve, reply: Reply) -> None:
    packer = zlib.compressobj(wbits=31)
    bomb = b"".join(packer.compress(bytes(1_000_000)) for _ in range(20)) + packer.flush()
    assert len(bomb) < 200_000
    server = await serve(reply(bomb, content_type="text/plain", content_encoding="gzip"))

    assert (await fail(server.url, maxBytes=1_000_000)).code == "response-too-large"


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", b"not gzip"),
        ("gzip", gzip.compress(b"x" * 1000, mtime=0)[:-10]),
        ("gzip, gzip", gzip.compress(gzip.compress(b"x", mtime=0), mtime=0)),
        ("br", b"x"),
        ("deflate", zlib.compress(b"x") + b"more"),
    ],
)
async def test_damaged_or_unknown_compression_fails_for_good(
    serve: Serve, reply: Reply, encoding: str, body: bytes
) -> None:
    server = await serve(reply(body, content_type="text/plain", content_encoding=encoding))

    error = await fail(server.url)

    assert (error.code, error.retryable) == ("bad-response", False)


async def test_a_slow_server_is_a_transient_timeout(serve: Serve) -> None:
    async def hang(asked: Any, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
        await asyncio.Event().wait()

    server = await serve(hang)

    by_timeout = await fail(server.url, timeout="50ms")
    by_deadline = await fail(server.url, context={"deadline": NOW + timedelta(milliseconds=50)})

    for error in (by_timeout, by_deadline):
        assert (error.code, error.retryable) == ("timeout", True)
        assert "0.05 s" in str(error)


async def test_a_refused_connection_is_transient_and_says_so(serve: Serve, reply: Reply) -> None:
    taken = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    port = taken.sockets[0].getsockname()[1]
    taken.close()
    await taken.wait_closed()

    error = await fail(f"http://127.0.0.1:{port}/?key=secret")

    assert (error.code, error.retryable) == ("connection", True)
    assert "refused" in str(error)
    assert "secret" not in str(error)


async def test_a_connection_that_breaks_in_the_body_is_transient(serve: Serve) -> None:
    async def break_off(asked: Any, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
        await writer.drain()
        raise ConnectionResetError

    server = await serve(break_off)

    error = await fail(server.url)

    assert (error.code, error.retryable) == ("connection", True)


async def test_what_is_not_http_is_transient(serve: Serve) -> None:
    async def babble(asked: Any, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example.com ESMTP\r\n\r\n")

    server = await serve(babble)

    assert (await fail(server.url)).code == "connection"


async def test_redirects_are_followed_without_reading_their_bodies(serve: Serve) -> None:
    async def answer(asked: Any, writer: asyncio.StreamWriter) -> None:
        if asked.target == "/end":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\ndone")
            return
        writer.write(b"HTTP/1.1 303 See Other\r\nLocation: /end\r\nContent-Length: 2147483648\r\n\r\n" + b"x" * 65536)
        await writer.drain()
        await asyncio.Event().wait()

    server = await serve(answer)

    result = await ask(f"{server.url}/start", {"body": "data"}, method="POST")

    assert result.output == "done"
    assert result.meta["url"] == f"{server.url}/end"
    assert [(asked.method, asked.body) for asked in server.asked] == [("POST", b"data"), ("GET", b"")]


async def test_a_redirect_is_an_answer_when_they_are_not_followed(serve: Serve, reply: Reply) -> None:
    server = await serve(reply(status="302 Found", location="/elsewhere"))

    result = await ask(server.url, followRedirects=False)

    assert (result.meta["status"], result.meta["headers"]["location"]) == (302, "/elsewhere")


async def test_a_circle_of_redirects_ends(serve: Serve, reply: Reply) -> None:
    server = await serve(reply(status="302 Found", location="/"))

    error = await fail(server.url)

    assert (error.code, error.retryable) == ("too-many-redirects", False)
    assert len(server.asked) == 11


async def test_credentials_stay_with_the_origin_they_were_meant_for(serve: Serve, reply: Reply) -> None:
    other = await serve(reply())
    server = await serve(reply(status="307 Temporary Redirect", location=f"{other.url}/there"))

    await ask(
        server.url,
        {"json": {"a": 1}},
        method="POST",
        headers={"X-Api-Key": "secret", "Cookie": "session=secret"},
        auth={"type": "basic", "username": "me", "password": "secret"},
    )

    assert server.asked[0].headers["authorization"] == "Basic " + base64.b64encode(b"me:secret").decode()
    assert {"x-api-key", "cookie"} <= set(server.asked[0].headers)
    assert not {"x-api-key", "cookie", "authorization"} & set(other.asked[0].headers)
    assert other.asked[0].headers["host"] == other.url.removeprefix("http://")
    assert other.asked[0].headers["idempotency-key"] == server.asked[0].headers["idempotency-key"]
    assert other.asked[0].body == b'{"a":1}'


@pytest.mark.parametrize(
    "location",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://2852039166/",
        "http://0xa9fea9fe/",
        "http://[::ffff:169.254.169.254]/",
        "http://[fe80::1]/",
        "http://[64:ff9b::a9fe:a9fe]/",
        "http://[fd00:ec2::254]/",
        "http://100.100.100.200/",
        "http://0.0.0.0/",
    ],
)
async def test_a_redirect_to_a_refused_address_is_not_followed(serve: Serve, reply: Reply, location: str) -> None:
    server = await serve(reply(status="302 Found", location=location))

    error = await fail(server.url)

    assert (error.code, error.retryable) == ("address-refused", False)
    assert "FLUME_HTTP_ALLOW" in str(error)


async def test_a_redirect_away_from_http_is_refused(serve: Serve, reply: Reply) -> None:
    server = await serve(reply(status="302 Found", location="file:///etc/passwd"))

    error = await fail(server.url)

    assert (error.code, error.retryable) == ("bad-redirect", False)


async def test_the_deny_list_adds_and_the_allow_list_overrules_it(serve: Serve, reply: Reply) -> None:
    server = await serve(reply(b"hello", content_type="text/plain"))
    deny = ("127.0.0.0/8",)

    assert (await fail(server.url, settings=NodeSettings(http_deny=deny))).code == "address-refused"
    both = NodeSettings(http_deny=deny, http_allow=("127.0.0.1/32",))
    assert (await ask(server.url, settings=both)).output == "hello"


async def test_a_name_is_judged_by_the_address_it_resolves_to(serve: Serve, reply: Reply) -> None:
    server = await serve(reply(b"hello", content_type="text/plain"))
    url = server.url.replace("127.0.0.1", "localhost")

    assert (await ask(url)).output == "hello"
    assert server.asked[0].headers["host"] == url.removeprefix("http://")
    refused = NodeSettings(http_deny=("127.0.0.0/8", "::1/128"))
    assert (await fail(url, settings=refused)).code == "address-refused"


async def test_cookies_of_one_run_do_not_reach_another(serve: Serve, reply: Reply) -> None:
    server = await serve(reply(set_cookie="session=1; Path=/"))
    client = await HttpRequest.setup(NodeSettings())
    try:
        for _ in range(2):
            response = await client.get(server.url)
            await response.aclose()
    finally:
        await HttpRequest.teardown(client)

    assert all("cookie" not in asked.headers for asked in server.asked)


@pytest.mark.parametrize(
    "headers",
    [
        {"X-A": "b\r\nEvil: 1"},
        {"X-A": "b\nEvil: 1"},
        {"X-A": "b\x00"},
        {"X-A\r\nEvil": "1"},
        {"X A": "1"},
        {"": "1"},
        {"Content-Length": "1"},
        {"Transfer-Encoding": "chunked"},
        {"Flume-Hops": "0"},
        {"Connection": "close"},
        {"A": "1", "a": "2"},
    ],
)
async def test_header_fields_can_not_be_smuggled_in(serve: Serve, reply: Reply, headers: dict[str, str]) -> None:
    server = await serve(reply())

    error = await fail(server.url, headers=headers)

    assert (error.code, error.retryable) == ("bad-input", False)
    assert str(error).startswith("/config/headers: ")
    assert "Evil: 1" not in str(error)
    assert server.asked == []


async def test_credentials_can_not_end_their_header_field(serve: Serve, reply: Reply) -> None:
    server = await serve(reply())

    error = await fail(server.url, auth={"type": "bearer", "token": "secret\r\nEvil: 1"})

    assert error.code == "bad-input"
    assert "secret" not in str(error)
    assert server.asked == []


@pytest.mark.parametrize(
    "url", ["ftp://example.com/", "example.com", "http://", "http://[::1", "/path", "http://a b/", "http://x:99999999/"]
)
async def test_a_bad_url_fails_for_good(url: str) -> None:
    error = await fail(url)

    assert (error.code, error.retryable) == ("bad-input", False)
    assert "/config/url" in str(error)


async def test_an_unknown_option_is_refused_by_name() -> None:
    error = await fail("http://127.0.0.1:9", retries=3)

    assert error.code == "bad-input"
    assert str(error).startswith("/config/retries: ")


async def test_headers_above_what_meta_holds_are_left_out(serve: Serve) -> None:
    async def answer(asked: Any, writer: asyncio.StreamWriter) -> None:
        big = "".join(f"X-{number}: {'y' * 900}\r\n" for number in range(30))
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n{big}X-Small: 1\r\n\r\n".encode())

    server = await serve(answer)

    headers = (await ask(server.url)).meta["headers"]

    assert headers["x-small"] == "1"
    assert 1 < len(headers) < 20


async def test_many_requests_share_the_pool(serve: Serve, reply: Reply) -> None:
    server = await serve(reply(b"1", content_type="application/json"))
    client = await HttpRequest.setup(NodeSettings())
    ports = itertools.count()

    async def one() -> int:
        response = await client.get(server.url)
        next(ports)
        return int(response.json())

    try:
        assert await asyncio.gather(*(one() for _ in range(30))) == [1] * 30
    finally:
        await HttpRequest.teardown(client)


def test_the_recorded_moment_of_tests_is_fixed() -> None:
    assert datetime(2026, 1, 1, tzinfo=UTC) == NOW
