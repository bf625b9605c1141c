"""Watching runs: what happens is seen without loading anything again, whatever happens to the connection."""

import re
import signal
import time

import pytest
from playwright.sync_api import expect

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


def test_a_list_shows_new_runs_and_how_they_end(server, page):
    page.goto("/runs?pipeline=steps")
    expect(page.locator("[data-live-state]")).to_have_text("Live")
    # Long enough to be seen under way: the list is made anew every two seconds.
    run = server.run("steps", {"pause": "1500ms"}, waits=False)
    row = page.locator(f"#run-{run}")
    expect(row).to_contain_text("Running")
    expect(row).to_contain_text("Completed", timeout=15_000)


def test_a_list_stays_while_it_cannot_be_loaded_again(server, page, watch):
    watch.allow("502|Failed to load resource")
    page.goto("/runs?pipeline=each")
    expect(page.locator("[data-live-state]")).to_have_text("Live")
    page.route("**/runs?pipeline=each", lambda route: route.fulfill(status=502, body="<p>Bad gateway</p>"))
    run = server.run("each")
    expect(page.locator(".flash--problem")).to_contain_text("the server answered 502")
    expect(page.locator("#runs")).to_be_visible()
    page.unroute("**/runs?pipeline=each")
    server.run("each")
    expect(page.locator(f"#run-{run}")).to_be_visible()


def test_marks_survive_what_changes_around_them(server, page):
    run = server.run("each")
    page.goto("/runs")
    expect(page.locator("[data-live-state]")).to_have_text("Live")
    page.locator(f"#run-{run} input").check()
    other = server.run("each")
    expect(page.locator(f"#run-{other}")).to_be_visible()
    expect(page.locator(f"#run-{run} input")).to_be_checked()
    expect(page.locator(f"#run-{other} input")).not_to_be_checked()


def test_a_run_is_followed_to_its_end(server, page):
    run = server.run("steps", {"pause": "700ms"}, waits=False)
    page.goto(f"/runs/{run}")
    bar = page.locator(".run-bar")
    expect(bar.locator(".pill")).to_have_text("Running")
    expect(page).to_have_title(re.compile("^Running: steps "))
    expect(bar.locator(".pill")).to_have_text("Completed")
    expect(page).to_have_title(re.compile("^Completed: steps "))
    expect(bar).to_contain_text("7 of 7 nodes done")
    expect(bar.locator(".live")).to_have_text("Finished")


def test_nothing_is_lost_or_told_twice_when_the_server_is_restarted(server, page, watch):
    watch.allow(r"ERR_|Failed to load resource|Failed to fetch|503|502")
    run = server.run("steps", {"pause": "1500ms"}, waits=False)
    page.goto(f"/runs/{run}")
    page.get_by_role("tab", name="Log").first.click()
    expect(page.locator(".log__message", has_text="line 1")).to_have_count(1)
    server.stop(signal.SIGTERM)
    expect(page.locator(".run-bar .live")).to_have_text("Reconnecting")
    server.start()
    expect(page.locator(".run-bar .pill")).to_have_text("Completed", timeout=40_000)
    for number in range(1, 5):
        expect(page.locator(".log__message", has_text=f"line {number}")).to_have_count(1)
    expect(page.locator(".run-bar")).to_contain_text("7 of 7 nodes done")


def test_a_server_that_is_killed_is_found_again(server, page, watch):
    watch.allow(r"ERR_|Failed to load resource|Failed to fetch|503|502")
    page.goto("/runs")
    expect(page.locator("[data-live-state]")).to_have_text("Live")
    server.stop(signal.SIGKILL)
    expect(page.locator("[data-live-state]")).to_have_text("Reconnecting")
    server.start()
    run = server.run("each")
    expect(page.locator(f"#run-{run}")).to_be_visible(timeout=40_000)


def test_a_text_is_seen_while_it_is_written(server, page):
    run = server.run("support-triage", {"pace": 0.1}, waits=False)
    page.goto(f"/runs/{run}?node=draft")
    inspector = page.get_by_role("complementary", name="Node draft")
    expect(inspector).to_contain_text("Hello")
    seen = set()
    while server.status_of(run) == "running":
        text = inspector.text_content() or ""
        seen.add(text[text.find("Hello") :][:36])
    assert len(seen) > 3, f"it came in one piece: {seen}"
    expect(page.locator(".run-bar .pill")).to_have_text("Completed")
    inspector.get_by_role("tab", name="Output").click()
    expect(inspector).to_contain_text("Hello Mira, the export works again.")


def test_the_log_of_a_run_is_followed(server, page):
    run = server.run("steps", {"pause": "500ms"}, waits=False)
    page.goto(f"/logs?run={run}")
    for number in range(1, 5):
        expect(page.locator(".log__message", has_text=f"line {number}")).to_have_count(1)


def test_new_lines_of_all_runs_are_followed_while_a_run_goes_on(server, page):
    page.goto("/logs?pipeline=steps&q=line")
    expect(page.locator("[data-live-state]")).to_have_text("Live")
    run = server.run("steps", {"pause": "3s"}, waits=False)
    lines = page.locator(".log__line", has=page.locator(f"a[href*='{run}']"))
    expect(lines).to_have_count(1)
    assert server.status_of(run) == "running"
    server.call("POST", f"/api/v1/runs/{run}/cancel")


def test_a_busy_namespace_makes_a_list_anew_every_two_seconds_at_most(server, page):
    page.goto("/runs?pipeline=steps")
    expect(page.locator("[data-live-state]")).to_have_text("Live")
    page.wait_for_timeout(2500)
    loads = []
    page.on("request", lambda request: loads.append(request.url) if "/runs?" in request.url else None)
    began = time.monotonic()
    while time.monotonic() - began < 5:
        server.run("steps", {"pause": "1ms"})
    run = server.run("steps", {"pause": "1ms"})
    expect(page.locator(f"#run-{run}")).to_contain_text("Completed")
    assert 2 <= len(loads) <= 2 + (time.monotonic() - began) / 2


def test_a_list_of_one_pipeline_hears_nothing_of_others(server, page):
    page.goto("/runs?pipeline=each")
    expect(page.locator("[data-live-state]")).to_have_text("Live")
    page.wait_for_timeout(2500)
    loads = []
    page.on("request", lambda request: loads.append(request.url) if "/runs?" in request.url else None)
    server.run("steps", {"pause": "1ms"})
    run = server.run("each")
    expect(page.locator(f"#run-{run}")).to_be_visible()
    assert len(loads) <= 2, "one for its beginning, one for its end"


def test_a_loop_tells_how_far_it_is_and_which_items_failed(server, page):
    run = server.run("each")
    page.goto(f"/runs/{run}?node=items")
    expect(page.locator(".node", has_text="items")).to_contain_text("100 of 100")
    expect(page.locator(".node", has_text="items")).to_contain_text("10 failed")
