"""A server that asks for tokens: in, out, and that no script can read the token."""

import re

import pytest
from playwright.sync_api import expect

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

TOKEN = "a-token-for-the-tests"


@pytest.fixture(scope="module")
def server(tmp_path_factory, make_server):
    made = make_server(tmp_path_factory.mktemp("guarded"), FLUME_API_TOKEN=f"{TOKEN} looker:*:view")
    made.token = TOKEN
    made.start()
    yield made
    made.stop()


def log_in(page, token=TOKEN):
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Log in").click()


def test_somebody_logs_in_works_and_logs_out(server, page, context, watch):
    watch.allow("401")
    run = server.run("steps", {"pause": "1s"}, waits=False)
    page.goto(f"/runs/{run}")
    expect(page.get_by_label("Token")).to_be_focused()
    log_in(page, "guessed")
    expect(page.get_by_role("alert")).to_have_text("This token is not known here.")
    log_in(page)
    expect(page).to_have_url(f"{server.url}/runs/{run}")
    expect(page.locator(".run-bar .live")).to_have_text("Live")
    expect(page.locator(".run-bar .pill")).to_have_text("Completed")
    assert TOKEN not in page.evaluate("document.cookie + JSON.stringify({...localStorage, ...sessionStorage})")
    assert TOKEN not in page.content()
    (cookie,) = (each for each in context.cookies() if each["name"] == "flume_token")
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("button", name="Log in")).to_be_visible()
    page.goto("/runs")
    expect(page.get_by_role("button", name="Log in")).to_be_visible()


def test_a_reader_sees_which_buttons_are_not_for_them_and_why(server, page):
    run = server.run("support-triage", {"breaks": True})
    page.goto("/login")
    log_in(page, "looker")
    page.goto("/pipelines")
    for name in ("Pause", "New pipeline"):
        button = page.get_by_role("button", name=name).first
        expect(button).to_be_disabled()
        expect(button).to_have_attribute("title", re.compile("role view"))
    page.goto(f"/runs/{run}?node=archive")
    for name in ("Run again", "Retry", "Rerun from here"):
        expect(page.get_by_role("button", name=name)).to_be_disabled()


def test_a_list_stays_when_the_session_ends_before_it_is_loaded_again(server, page, context, watch):
    watch.allow("401")
    page.goto("/login")
    log_in(page)
    page.goto("/runs?pipeline=steps")
    expect(page.locator("[data-live-state]")).to_have_text("Live")
    first = server.run("steps", {"pause": "1ms"})
    row = page.locator(f"#run-{first}")
    expect(row).to_contain_text("Completed")
    context.clear_cookies(name="flume_token")
    server.run("steps", {"pause": "1ms"})
    told = page.locator(".flash--problem")
    expect(told).to_contain_text("answered with another page, so load it again")
    expect(row).to_be_visible()
    expect(page.get_by_label("Token")).to_have_count(0)
    page.reload()
    log_in(page)
    expect(page).to_have_url(f"{server.url}/runs?pipeline=steps")


def test_what_was_written_survives_the_end_of_the_session(server, page, context, watch):
    watch.allow("401")
    page.goto("/login")
    log_in(page)
    page.goto("/pipelines/support-triage/run")
    page.get_by_label("ticket").fill("9001")
    context.clear_cookies(name="flume_token")
    page.get_by_role("button", name="Run support-triage").click()
    expect(page.get_by_role("alert")).to_contain_text("Log in in another tab")
    expect(page.get_by_label("ticket")).to_have_value("9001")
    other = context.new_page()
    other.goto("/login")
    log_in(other)
    expect(other.get_by_role("heading", name="Dashboard")).to_be_visible()
    page.get_by_role("button", name="Run support-triage").click()
    expect(page.locator(".run-bar")).to_be_visible()


def test_a_link_from_elsewhere_finds_somebody_logged_in(server, page, context, watch):
    watch.allow("elsewhere.example")
    page.goto("/login")
    log_in(page)
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
    context.route(
        "http://elsewhere.example/",
        lambda route: route.fulfill(content_type="text/html", body=f'<a href="{server.url}/runs">runs</a>'),
    )
    other = context.new_page()
    other.goto("http://elsewhere.example/")
    other.get_by_role("link", name="runs").click()
    expect(other.get_by_role("heading", name="Runs")).to_be_visible()
