"""What is typed in the editor and what is saved: nothing is lost, whatever the text, the network or another tab does."""

import pytest
from playwright.sync_api import expect

from .editing import card, text_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

TEXT = """\
apiVersion: flume/v1
kind: Pipeline
metadata: {name: around}
nodes:
  - {id: first, type: typing, inputs: {text: a}}
  - {id: second, type: typing, inputs: {text: b}}
edges:
  - {from: first, to: second}
"""

MANY_ALIASES = TEXT.replace("text: a}", "text: &t a}").replace(
    "edges:\n", "variables:\n  all: [" + ", ".join(["*t"] * 120) + "]\nedges:\n"
)


@pytest.fixture
def editor(page, pipeline):
    pipeline(TEXT)
    page.goto("/pipelines/around/edit")
    expect(card(page, "first")).to_be_visible()
    return page


def write_at_end(page, text):
    page.locator(".cm-content").click()
    page.keyboard.press("Control+End")
    page.keyboard.insert_text(text)


def standing(page):
    return page.locator(".editor-bar__standing")


def test_an_alias_of_nothing_is_kept_and_told_and_not_called_saved(editor, server, watch):
    watch.allow("422")
    write_at_end(editor, "variables: {a: *nothing}\n")
    expect(editor.locator(".problem-list")).to_contain_text("*nothing stands for a part of the document that does not")
    expect(standing(editor)).to_contain_text("Not saved")
    editor.keyboard.press("Control+s")
    expect(editor.locator(".flash--problem")).to_contain_text("It is not saved")
    expect(standing(editor)).to_contain_text("Not saved")
    assert text_of(server, "around") == TEXT
    expect(editor.locator(".cm-content")).to_contain_text("*nothing")


def test_a_pipeline_with_more_aliases_than_a_reader_would_expect_is_opened(page, pipeline):
    pipeline(MANY_ALIASES)
    page.goto("/pipelines/around/edit")
    expect(card(page, "second")).to_be_visible()
    expect(standing(page)).to_have_text("Saved")


def test_a_file_with_crlf_keeps_its_line_breaks(page, server, pipeline):
    windows = TEXT.replace("\n", "\r\n")
    pipeline(windows)
    page.goto("/pipelines/around/edit")
    expect(page.locator(".cm-line")).to_have_count(TEXT.count("\n") + 1)
    write_at_end(page, "# ours\n")
    page.keyboard.press("Control+s")
    expect(page.locator(".flash")).to_contain_text("Saved")
    assert text_of(server, "around") == windows + "# ours\r\n"


def test_a_save_whose_answer_is_lost_is_found_to_have_arrived(editor, server, watch):
    watch.allow("ERR_FAILED")

    def lose(route):
        if route.request.method != "PUT":
            route.continue_()
            return
        route.fetch()
        route.abort()

    editor.route("**/api/v1/pipelines/around*", lose)
    write_at_end(editor, "# ours\n")
    editor.keyboard.press("Control+s")
    expect(standing(editor)).to_have_text("Saved")
    editor.unroute("**/api/v1/pipelines/around*")
    write_at_end(editor, "# more\n")
    editor.keyboard.press("Control+s")
    expect(standing(editor)).to_have_text("Saved")
    expect(editor.get_by_role("dialog")).to_have_count(0)
    assert text_of(server, "around") == TEXT + "# ours\n# more\n"


def test_a_text_that_can_not_be_checked_is_said_to_be_unchecked_until_it_is(editor, watch):
    watch.allow("ERR_FAILED")
    editor.route("**/api/v1/pipelines:validate*", lambda route: route.abort())
    write_at_end(editor, "# ours\n")
    expect(standing(editor)).to_contain_text("Not checked: The console can't be reached")
    editor.unroute("**/api/v1/pipelines:validate*")
    expect(standing(editor)).to_have_text("Not saved")


def test_an_unchanged_text_follows_what_another_saved(editor, pipeline):
    card(editor, "first").click()
    place = editor.locator(".react-flow__viewport").get_attribute("style")
    pipeline(TEXT.replace("text: b", "text: theirs"))
    editor.evaluate("window.dispatchEvent(new Event('focus'))")
    expect(editor.locator(".cm-content")).to_contain_text("text: theirs")
    expect(editor.locator(".flash")).to_contain_text("Somebody else saved this pipeline meanwhile")
    expect(standing(editor)).to_have_text("Saved")
    expect(card(editor, "first")).to_have_attribute("aria-pressed", "true")
    assert editor.locator(".react-flow__viewport").get_attribute("style") == place
    expect(editor.get_by_role("dialog")).to_have_count(0)
