from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventing.hook_responses import FORBIDDEN_HEADERS, FORCED_HEADERS, MAX_HEADERS, HookResponse, safe_response
from flume.errors import RequestError, TooLargeError
from flume.values import JsonValue


def content_type(response: HookResponse) -> str | None:
    return dict(response.headers).get("content-type")


@pytest.mark.parametrize(
    ("body", "kind", "sent"),
    [
        ({"a": [1, None]}, "application/json", b'{"a":[1,null]}'),
        (MappingProxyType({"a": MappingProxyType({})}), "application/json", b'{"a":{}}'),
        ([], "application/json", b"[]"),
        (0, "application/json", b"0"),
        (False, "application/json", b"false"),
        ("바다", "text/plain; charset=utf-8", "바다".encode()),
        ("", None, b""),
        (None, None, b""),
    ],
)
def test_a_body_is_sent_as_what_it_is(body: JsonValue, kind: str | None, sent: bytes) -> None:
    response = safe_response(200, {}, body)
    assert (content_type(response), response.body) == (kind, sent)


@pytest.mark.parametrize(
    ("wanted", "body", "kind"),
    [
        ("text/html", "<p>", "text/html; charset=utf-8"),
        ("text/html; charset=UTF-8", "<p>", "text/html; charset=UTF-8"),
        ("application/xml", "<a/>", "application/xml"),
        ("application/json", '{"a": 1}', "application/json"),
        ("application/problem+json", {"title": "no"}, "application/problem+json"),
    ],
)
def test_a_content_type_of_the_pipeline_is_kept(wanted: str, body: JsonValue, kind: str) -> None:
    assert content_type(safe_response(200, {"Content-Type": wanted}, body)) == kind


def test_a_content_type_stays_where_there_is_no_body() -> None:
    assert content_type(safe_response(200, {"Content-Type": "text/html"}, None)) == "text/html"


def test_a_character_set_other_than_the_one_that_is_sent_is_refused() -> None:
    with pytest.raises(RequestError, match="UTF-8"):
        safe_response(200, {"Content-Type": "text/html; charset=euc-kr"}, "바다")


def test_every_answer_is_sandboxed_whatever_the_pipeline_says() -> None:
    loose = {"Content-Security-Policy": "default-src *", "X-Content-Type-Options": "none", "X-Run": 7, "Location": "/a"}
    response = safe_response(302, loose, None)
    assert response.headers == (
        ("x-run", "7"),
        ("location", "/a"),
        ("content-security-policy", "sandbox"),
        ("x-content-type-options", "nosniff"),
    )


@pytest.mark.parametrize("status", [200, 201, 204, 302, 404, 500, 599])
def test_any_final_status_can_be_sent(status: int) -> None:
    assert safe_response(status, None, "x").status == status


@pytest.mark.parametrize("status", [199, 600, 100, 0, -200, True, None, "200", 200.0, [200], 10**30])
def test_any_other_status_is_refused(status: JsonValue) -> None:
    with pytest.raises(RequestError, match="200 to 599") as refusal:
        safe_response(status, {}, None)
    assert refusal.value.pointer == "/status"


@pytest.mark.parametrize("status", [204, 205, 304])
def test_a_status_without_a_body_has_none(status: int) -> None:
    response = safe_response(status, {"Content-Type": "text/plain"}, "x")
    assert (response.body, content_type(response)) == (b"", None)


@pytest.mark.parametrize("name", [*sorted(FORBIDDEN_HEADERS), "Set-Cookie", "TRANSFER-ENCODING", "X-Accel-Redirect"])
def test_a_header_that_is_not_the_pipelines_to_set_is_refused(name: str) -> None:
    with pytest.raises(RequestError, match="can't be set by a pipeline"):
        safe_response(200, {name: "x"}, None)


@pytest.mark.parametrize("name", ["", " ", "a b", "a:b", "a\r\nSet-Cookie", "é", "a\n", "a\0", "(a)", "Set-Cookie "])
def test_what_is_no_header_name_is_refused(name: str) -> None:
    with pytest.raises(RequestError, match="not a header name"):
        safe_response(200, {name: "x"}, None)


@pytest.mark.parametrize(
    "value", ["a\r\nSet-Cookie: b=1", "a\nb", "a\rb", "\0", "a\x7f", "바다", "\u2028", "\x0b", "a\x85\ud800"]
)
def test_a_value_can_not_break_out_of_its_header(value: str) -> None:
    with pytest.raises(RequestError, match="X-A"):
        safe_response(200, {"X-A": value}, None)


@pytest.mark.parametrize("value", [None, True, ["a"], {"a": 1}])
def test_a_value_that_is_no_text_or_number_is_refused(value: JsonValue) -> None:
    with pytest.raises(RequestError, match="text or a number"):
        safe_response(200, {"X-A": value}, None)


@pytest.mark.parametrize("headers", [[], "X-A: 1", 7, [["X-A", "1"]]])
def test_headers_that_are_no_object_are_refused(headers: JsonValue) -> None:
    with pytest.raises(RequestError, match="an object"):
        safe_response(200, headers, None)


def test_a_header_given_twice_is_refused() -> None:
    with pytest.raises(RequestError, match="twice"):
        safe_response(200, {"X-A": "1", "x-a": "2"}, None)


def test_headers_are_bounded_in_number_and_length() -> None:
    with pytest.raises(TooLargeError):
        safe_response(200, {f"X-{n}": "1" for n in range(MAX_HEADERS + 1)}, None)
    with pytest.raises(TooLargeError):
        safe_response(200, {"X-A": "x" * 8_193}, None)


@pytest.mark.parametrize("body", [{"a": object()}, {1: 2}, "\ud800", 2**64])
def test_a_body_that_is_not_json_is_refused(body: object) -> None:
    with pytest.raises(RequestError, match="not JSON") as refusal:
        safe_response(200, {}, body)
    assert refusal.value.pointer == "/body"


@given(
    st.integers(200, 599), st.dictionaries(st.text(max_size=12), st.text(max_size=30), max_size=4), st.text(max_size=20)
)
def test_what_is_sent_is_always_one_message_in_a_sandbox(status: int, headers: dict[str, str], body: str) -> None:
    try:
        response = safe_response(status, headers, body)
    except RequestError:
        return
    names = [name for name, _ in response.headers]
    assert len(names) == len(set(names))
    assert not FORBIDDEN_HEADERS & set(names)
    assert set(FORCED_HEADERS) <= set(response.headers)
    for name, value in response.headers:
        (name + value).encode("latin-1")
        assert not set(name + value) & set("\r\n\0")
