"""From a failure to its cause and to a run that works, by what the pages say alone; and all of it by keyboard."""

import re

import pytest
from playwright.sync_api import expect

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


def test_somebody_new_finds_out_why_a_run_failed_and_runs_it_again(server, page):
    failed = server.run("support-triage", {"breaks": True})
    page.goto("/")
    page.get_by_role("link", name="support-triage").first.wait_for()
    page.locator(f"#run-{failed} a").first.click()
    expect(page.get_by_role("alert")).to_contain_text("archive failed: the archive has no space left")
    page.get_by_role("button", name="Show archive").click()
    expect(page.locator("body")).to_contain_text("disk-full")
    (server.site / "mended").write_text("")
    try:
        page.get_by_role("button", name="Retry", exact=True).click()
        expect(page.locator(".run-bar .pill")).to_have_text("Completed")
    finally:
        (server.site / "mended").unlink()
    assert failed not in page.url


def test_a_run_that_a_webhook_started_is_run_again_with_what_its_sender_added(server, page):
    data = {"ticket": 9001, "sent_by": "a form that the pipeline knows nothing of"}
    answer = server.call("POST", "/hooks/default/tickets", json=data)
    first = server.call("GET", "/api/v1/runs?trigger=webhook").json()["items"][0]["id"]
    assert answer.status_code == 200
    page.goto(f"/runs/{first}")
    page.get_by_role("button", name="Run again").click()
    expect(page).not_to_have_url(re.compile(first))
    expect(page.locator(".run-bar .pill")).to_have_text("Completed")
    again = server.call("GET", f"/api/v1{page.evaluate('location.pathname')}").json()
    assert (again["trigger"]["data"], again["inputs"]["ticket"], again["retryOf"]) == (data, 9001, first)


def test_problems_of_a_text_are_marked_at_their_lines(server, page):
    page.goto("/pipelines/new?view=text")
    text = page.get_by_label("The pipeline as YAML")
    lines = ["apiVersion: flume/v1", "kind: Pipeline", "metadata: {name: wrong}", *["# more"] * 60, "nods: []"]
    text.fill("\n".join(lines))
    page.get_by_role("button", name="Check").click()
    mark = page.locator(".numbered__problem", has_text=str(len(lines)))
    expect(mark).to_have_attribute("title", re.compile("nods"))
    page.get_by_role("link", name=re.compile(f"^Line {len(lines)},")).click()
    expect(text).to_be_focused()
    expect(mark).to_be_in_viewport()
    # What is marked stands beside the line that it means, however far the text was scrolled.
    drift = page.evaluate(
        """() => {
          const field = document.querySelector("textarea.editor");
          const gutter = document.querySelector(".numbered__lines");
          return [field.scrollTop - gutter.scrollTop,
            getComputedStyle(field).lineHeight === getComputedStyle(gutter).lineHeight,
            getComputedStyle(field).paddingTop === getComputedStyle(gutter).paddingTop];
        }"""
    )
    assert drift == [0, True, True]


def test_a_text_that_is_too_large_is_not_sent_and_not_lost(server, page):
    page.goto("/pipelines/new?view=text")
    text = page.get_by_label("The pipeline as YAML")
    text.evaluate("(field) => { field.value = '# ' + 'x'.repeat(9_500_000); }")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".flash--problem")).to_contain_text("nothing was sent")
    assert text.evaluate("(field) => field.value.length") == 9_500_002


def test_a_double_click_retries_once(server, page):
    failed = server.run("support-triage", {"breaks": True})
    page.goto(f"/runs/{failed}")
    page.get_by_role("button", name="Retry", exact=True).dblclick()
    page.wait_for_url(lambda url: failed not in url)
    runs = server.call("GET", "/api/v1/runs?pipeline=support-triage").json()["items"]
    assert [run["retryOf"] for run in runs].count(failed) == 1


def test_text_that_was_not_saved_is_not_left_without_a_question(page):
    page.goto("/pipelines/each/edit?view=text")
    page.locator("#text").press("End")
    page.keyboard.type(" # mine")
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
    page.locator(".nav__link", has_text="Runs").click(no_wait_after=True)
    page.wait_for_timeout(300)
    assert asked == ["beforeunload"]
    assert page.url.endswith("/edit?view=text")


def test_a_run_is_cancelled_after_a_question_that_names_it(server, page):
    run = server.run("steps", {"pause": "1h"}, waits=False)
    page.goto(f"/runs/{run}")
    page.get_by_role("button", name="Cancel").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Cancel run")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    assert server.status_of(run) == "running"
    page.get_by_role("button", name="Cancel").click()
    dialog.locator(".button--danger").click()
    expect(page.locator(".run-bar .pill")).to_have_text("Cancelled")


def test_marked_runs_are_cancelled_after_a_question(server, page):
    runs = [server.run("steps", {"pause": "1h"}, waits=False) for _ in range(2)]
    page.goto("/runs?status=running")
    for run in runs:
        page.locator(f"#run-{run} input").check()
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel runs").click()
    expect(page.locator(".flash")).to_contain_text("2 runs cancelled")
    assert [server.status_of(run) for run in runs] == ["cancelled", "cancelled"]


def test_filters_stand_in_the_address_and_the_way_back_leads_through_them(server, page):
    server.run("support-triage", {"breaks": True})
    server.run("each")
    page.goto("/runs")
    page.get_by_role("link", name="Failed", exact=True).click()
    expect(page).to_have_url(f"{server.url}/runs?status=failed")
    expect(page.locator("tbody .pill--completed")).to_have_count(0)
    page.get_by_label("Pipeline").fill("support-triage")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("status=failed.*pipeline=support-triage"))
    page.go_back()
    expect(page).to_have_url(f"{server.url}/runs?status=failed")
    page.go_back()
    expect(page).to_have_url(f"{server.url}/runs")
    expect(page.locator("tbody .pill--completed").first).to_be_visible()


def test_a_pipeline_is_written_as_text_run_and_changed(server, page, watch):
    watch.allow("422")
    page.goto("/pipelines/new?view=text")
    page.get_by_role("link", name="Hello", exact=True).click()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("my-first")
    page.get_by_role("link", name="Run", exact=True).first.click()
    page.get_by_label("name").fill("미라")
    page.get_by_role("button", name="Run my-first").click()
    expect(page.locator(".run-bar .pill")).to_have_text("Completed")
    page.goto("/pipelines/my-first/edit?view=text")
    editor = page.get_by_label("The pipeline as YAML")
    editor.fill(editor.input_value().replace("type: template", "type: tamplate"))
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("tamplate")
    expect(page.locator(".numbered__problem")).to_have_attribute("title", re.compile("tamplate"))
    editor = page.get_by_label("The pipeline as YAML")
    editor.fill(editor.input_value().replace("tamplate", "template").replace("Hello,", "Good morning,"))
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".flash")).to_contain_text("Saved as version 2.")
    page.get_by_role("link", name="Versions").first.click()
    expect(page.locator(".line--added")).to_contain_text("Good morning,")
    server.call("DELETE", "/api/v1/pipelines/my-first")


def test_everything_can_be_reached_by_keyboard(server, page):
    failed = server.run("support-triage", {"breaks": True})
    page.goto("/")
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Skip to the content")
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    page.keyboard.press("g")
    page.keyboard.press("r")
    expect(page).to_have_url(f"{server.url}/runs")
    page.keyboard.press("/")
    expect(page.get_by_label("Pipeline")).to_be_focused()
    page.keyboard.type("support-triage")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("pipeline=support-triage"))
    page.locator(f"#run-{failed} a").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".run-bar .pill")).to_have_text("Failed")
    page.get_by_role("button", name="Show archive").focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("node=archive"))


def test_keys_are_silent_while_somebody_writes(server, page):
    page.goto("/runs")
    field = page.get_by_label("Pipeline")
    field.focus()
    page.keyboard.type("gr?/")
    expect(field).to_have_value("gr?/")
    expect(page).to_have_url(f"{server.url}/runs")


def test_the_help_lists_the_keys(page):
    page.goto("/")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("Pipelines")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_the_theme_changes_at_once_and_stays(page):
    page.goto("/")
    with page.expect_response("**/theme"):
        page.get_by_role("button", name="Dark").first.click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.goto("/runs")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_a_page_works_without_scripts(server, chromium):
    failed = server.run("support-triage", {"breaks": True})
    context = chromium.new_context(base_url=server.url, java_script_enabled=False)
    page = context.new_page()
    page.goto(f"/runs/{failed}")
    expect(page.locator("#cause")).to_contain_text("the archive has no space left")
    page.get_by_role("link", name="archive").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("archive")
    page.get_by_role("button", name="Rerun from here").click()
    expect(page.locator(".flash")).to_contain_text("starts again at archive")
    context.close()
