import pytest
from starlette.datastructures import Headers

from console.csp import policy_for
from console.gate import Doors, is_foreign, is_secure, refuse

DOORS = Doors(lambda host: host in ("localhost:8080", "flume.example"), "https://flume.example")


def given(**headers):
    return Headers({"host": "localhost:8080", **{name.replace("_", "-"): value for name, value in headers.items()}})


@pytest.mark.parametrize(
    ("headers", "is_refused"),
    [
        ({}, False),
        ({"origin": "http://localhost:8080", "sec_fetch_site": "same-origin"}, False),
        ({"origin": "https://flume.example"}, False),
        ({"sec_fetch_site": "none"}, False),
        ({"sec_fetch_site": "cross-site"}, True),
        ({"sec_fetch_site": "same-site"}, True),
        ({"origin": "https://evil.example"}, True),
        ({"origin": "null"}, True),
        ({"origin": "http://flume.example"}, True),
    ],
)
def test_pages_of_other_origins_are_known(headers, is_refused):
    assert is_foreign(DOORS, given(**headers)) is is_refused


def test_reading_is_open_to_links_from_elsewhere():
    assert refuse(DOORS, "GET", given(sec_fetch_site="cross-site")) is None
    assert refuse(DOORS, "POST", given(sec_fetch_site="cross-site"))[0] == 403


def test_an_unknown_host_is_refused_whatever_is_asked():
    status, sentence = refuse(DOORS, "GET", given(host="evil.example"))
    assert status == 421
    assert "FLUME_ALLOWED_HOSTS" in sentence


@pytest.mark.parametrize("length", ["99999999999", "-1", "many"])
def test_a_body_of_a_length_that_can_not_be_is_refused(length):
    assert refuse(DOORS, "POST", given(content_length=length))[0] == 413


def test_cookies_are_secure_where_people_come_over_tls():
    assert is_secure(DOORS, "http")
    assert is_secure(Doors(), "https")
    assert not is_secure(Doors(), "http")


def test_the_policy_allows_no_foreign_source_and_nothing_inline():
    policy = policy_for("abc")
    assert "unsafe" not in policy
    assert "http" not in policy
    assert "default-src 'none'" in policy
    assert "script-src 'self' 'nonce-abc'" in policy
    assert "frame-ancestors 'none'" in policy


def test_only_work_on_the_console_itself_loads_from_elsewhere():
    policy = policy_for("abc", vite_url="http://localhost:5173")
    assert "script-src 'self' 'nonce-abc' http://localhost:5173" in policy
    assert "ws://localhost:5173" in policy
