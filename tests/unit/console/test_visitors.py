from starlette.requests import Request
from starlette.responses import Response

from console.rendering import own_path
from console.visitors import (
    FORM_KEY,
    MAX_NOTICE,
    NOTICE,
    TOKEN,
    Notice,
    forget_token,
    form_key_of,
    is_own_form,
    leave_notice,
    notice_of,
    remember_form_key,
    remember_token,
    theme_of,
    visitor_of,
)


def request(cookie="", query="", *, secure=False):
    headers = [(b"host", b"localhost"), (b"cookie", cookie.encode())]
    state = {"is_secure": secure}
    return Request({"type": "http", "headers": headers, "query_string": query.encode(), "state": state, "client": None})


def cookies_of(response):
    return response.headers.getlist("set-cookie")


def test_the_visitor_is_read_from_cookie_and_address():
    visitor = visitor_of(request(f"{TOKEN}=abc", "namespace=team"))
    assert (visitor.token, visitor.namespace) == ("abc", "team")
    assert "abc" not in repr(visitor)


def test_no_script_can_read_the_token_and_no_other_site_sends_it():
    response = Response()
    remember_token(request(secure=True), response, "abc", "team")
    cookie, _ = cookies_of(response)
    assert {"HttpOnly", "Secure", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
    assert "Max-Age" not in cookie


def test_logging_out_takes_the_token_away():
    response = Response()
    forget_token(response)
    cookie, namespace = cookies_of(response)
    assert namespace.startswith('flume_namespace=""')
    assert cookie.startswith(f'{TOKEN}=""')
    assert "Max-Age=0" in cookie


def test_a_form_is_ours_only_with_the_key_of_its_visitor():
    assert is_own_form(request(f"{FORM_KEY}=k1"), "k1")
    assert not is_own_form(request(f"{FORM_KEY}=k1"), "k2")
    assert not is_own_form(request(), "")
    assert not is_own_form(request(f"{FORM_KEY}=k1"), None)


def test_a_new_visitor_gets_one_key_for_the_page_and_the_cookie():
    new = request()
    response = Response()
    remember_form_key(new, response)
    assert f"{FORM_KEY}={form_key_of(new)};" in cookies_of(response)[0]
    known = Response()
    remember_form_key(request(f"{FORM_KEY}=k1"), known)
    assert cookies_of(known) == []


def test_a_notice_reaches_the_next_page():
    response = Response()
    leave_notice(request(), response, Notice("Gespeichert: 안녕", "failed"))
    value = cookies_of(response)[0].partition(";")[0]
    assert notice_of(request(value)) == Notice("Gespeichert: 안녕", "failed")


def test_a_long_notice_still_fits_into_a_cookie():
    response = Response()
    leave_notice(request(), response, Notice("안" * 10 * MAX_NOTICE))
    assert len(cookies_of(response)[0]) < 6000


def test_a_cookie_that_is_no_notice_is_none():
    for value in ("", "x", "W10=", "WyJkb25lIiwgM10=", "%%%"):
        assert notice_of(request(f"{NOTICE}={value}")) is None


def test_an_unknown_theme_is_the_systems():
    assert theme_of(request("flume_theme=pink")) == "system"
    assert theme_of(request("flume_theme=dark")) == "dark"


def test_a_link_behind_the_login_leads_nowhere_else():
    assert own_path("/runs?status=failed") == "/runs?status=failed"
    for elsewhere in (
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "/\t/evil.example",
        "javascript:alert(1)",
        "",
    ):
        assert own_path(elsewhere) == "/"
