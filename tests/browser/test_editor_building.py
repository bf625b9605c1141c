"""The editor as people use it: built with the mouse, with the keyboard alone, by hand in the YAML; tried and saved."""

import re

import pytest
from playwright.sync_api import expect

from .editing import canvas_point, card, choose, drag, from_palette, names, place_of, port, rename, text_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


@pytest.fixture
def editor(server, page):
    """The page of a new pipeline from which everything was deleted; what is saved from it is deleted afterwards."""
    before = names(server)
    page.goto("/pipelines/new?example=hello")
    page.locator("[data-node=greet]").wait_for()
    page.locator(".react-flow__pane").click(position={"x": 40, "y": 40})
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    expect(page.get_by_role("heading", name="An empty pipeline")).to_be_visible()
    yield page
    for name in names(server) - before:
        server.call("DELETE", f"/api/v1/pipelines/{name}")


def test_the_article_generator_is_built_with_the_mouse_tried_and_saved(server, editor):
    page = editor
    drag(page, from_palette(page, "json-transform"), canvas_point(page, 160, 200))
    expect(card(page, "json-transform")).to_be_visible()
    rename(page, "fetch-topic")
    page.get_by_label("Mapping").fill("{topic: the sea}")

    drag(page, from_palette(page, "typing"), canvas_point(page, 160, 420))
    rename(page, "generate-article")
    page.get_by_label("Text").press_sequentially("An article about {{ f")
    page.keyboard.press("Escape")
    drag(page, port(page, "fetch-topic"), port(page, "generate-article", "target"))
    expect(page.locator(".react-flow__edge")).to_have_count(1)

    card(page, "generate-article").click()
    field = page.get_by_label("Text")
    field.fill("")
    field.press_sequentially("An article about {{ fe")
    expect(page.locator(".offers").get_by_role("option", name="fetch-topic")).to_be_visible()
    page.keyboard.press("Tab")
    field.press_sequentially(".out")
    page.keyboard.press("Enter")
    field.press_sequentially(".topic }}.")

    card(page, "generate-article").click()
    from_palette(page, "log").click()
    expect(card(page, "log")).to_be_visible()
    rename(page, "save-article")
    page.get_by_label("Message").fill("{{ generate-article.output }}")
    expect(page.locator(".react-flow__edge")).to_have_count(2)

    page.get_by_role("button", name="Test run").click()
    expect(page.locator(".editor-bar__run")).to_contain_text("Completed")
    expect(page.locator(".node--state.tone--completed")).to_have_count(3)
    card(page, "generate-article").click()
    expect(page.get_by_role("complementary", name="Node generate-article")).to_contain_text("An article about the sea.")

    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".flash")).to_contain_text("Saved as version 1.")
    expect(page).to_have_url(re.compile(r"/pipelines/my-first/edit$"))
    saved = text_of(server, "my-first")
    assert "  - {from: fetch-topic, to: generate-article}\n" in saved
    assert "      text: An article about {{ fetch-topic.output.topic }}.\n" in saved
    run = server.run("my-first")
    assert server.status_of(run) == "completed"


def test_the_same_is_built_with_the_keyboard_alone(server, editor):
    page = editor
    page.keyboard.press("a")
    page.keyboard.type("json-tr")
    page.keyboard.press("Enter")
    expect(card(page, "json-transform")).to_be_visible()
    card(page, "json-transform").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("complementary", name="Node json-transform")).to_be_focused()
    page.get_by_label("Expression").focus()
    page.keyboard.type("`1`")
    page.get_by_label("Id", exact=True).focus()
    page.keyboard.press("Control+a")
    page.keyboard.type("first")
    page.keyboard.press("Enter")
    expect(card(page, "first")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("complementary", name="Pipeline")).to_be_visible()
    expect(card(page, "first")).to_be_focused()
    page.keyboard.press("Control+k")
    page.keyboard.type("add a")
    page.keyboard.press("Enter")
    page.keyboard.type("log")
    page.keyboard.press("Enter")
    expect(card(page, "log")).to_be_visible()
    card(page, "log").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("complementary", name="Node log")).to_be_focused()
    follows = page.get_by_label("Follows: connect")
    follows.focus()
    page.keyboard.type("first")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator(".react-flow__edge")).to_have_count(1)
    page.get_by_label("Message").focus()
    page.keyboard.type("done")
    page.keyboard.press("Escape")
    expect(card(page, "log")).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(card(page, "first")).to_be_focused()
    page.keyboard.press("Control+s")
    expect(page.locator(".flash")).to_contain_text("Saved as version 1.")
    assert "  - {from: first, to: log}\n" in text_of(server, "my-first")


def test_undo_goes_through_canvas_form_and_text(server, page):
    page.goto("/pipelines/support-triage/edit")
    before = text_of(server, "support-triage")
    card(page, "page").click()
    page.get_by_label("Message").fill("changed in the form")
    page.locator(".cm-content").click()
    page.keyboard.press("Control+End")
    page.keyboard.type("# by hand")
    card(page, "draft").click()
    card(page, "draft").focus()
    page.keyboard.press("Delete")
    expect(card(page, "draft")).to_have_count(0)
    undo = page.get_by_role("button", name="Undo")
    undo.click()
    expect(card(page, "draft")).to_be_visible()
    expect(page.locator(".cm-content")).to_contain_text("# by hand")
    undo.click()
    expect(page.locator(".cm-content")).not_to_contain_text("# by hand")
    undo.click()
    expect(undo).to_be_disabled()
    expect(page.locator(".editor-bar__standing")).to_have_text("Saved")
    page.get_by_role("button", name="Redo").click()
    card(page, "page").click()
    expect(page.get_by_label("Message")).to_have_value("changed in the form")
    page.get_by_role("button", name="Undo").click()
    assert text_of(server, "support-triage") == before


def test_a_wrong_field_is_marked_on_its_node_and_its_line_and_mended(page):
    page.goto("/pipelines/support-triage/edit")
    choose(page, "urgent")
    field = page.get_by_label("Expression")
    field.fill("nothing.output")
    expect(card(page, "urgent").locator(".node__problem")).to_be_visible()
    expect(page.get_by_role("region", name="Problems")).to_contain_text("nothing")
    expect(page.locator(".cm-lint-marker-error")).to_have_count(1)
    field.fill("inputs.ticket > 9000")
    expect(page.get_by_role("region", name="Problems")).to_have_count(0)
    expect(page.locator(".cm-lint-marker-error")).to_have_count(0)


def test_yaml_moves_the_canvas_and_the_last_graph_stays_while_it_can_not_be_read(page):
    page.goto("/pipelines/support-triage/edit")
    choose(page, "draft")
    expect(page.locator(".cm-marked")).to_have_count(1)
    page.locator(".cm-content").click()
    page.keyboard.press("Control+End")
    page.keyboard.type("  - {from: page, to: archive}")
    expect(page.locator(".react-flow__edge")).to_have_count(7)
    page.keyboard.type("\n  - {from: [")
    expect(page.locator(".editor-bar__problems")).to_contain_text("can't be read")
    expect(page.locator(".react-flow__edge")).to_have_count(7)
    expect(card(page, "draft")).to_be_visible()
    for _ in range(2):
        page.keyboard.press("Control+z")
    expect(page.locator(".editor-bar__problems")).to_have_count(0)


def test_what_is_connected_in_a_circle_is_refused(page):
    page.goto("/pipelines/support-triage/edit")
    card(page, "archive").wait_for()
    page.get_by_role("button", name="Fit View").click()
    page.wait_for_timeout(300)
    drag(page, port(page, "draft"), port(page, "history", "target"))
    expect(page.locator(".flash--problem")).to_contain_text("circle")
    expect(page.locator(".react-flow__edge")).to_have_count(6)


def test_a_node_moved_by_hand_changes_the_layout_and_nothing_else(server, page):
    page.goto("/pipelines/support-triage/edit")
    before = text_of(server, "support-triage")
    start = place_of(card(page, "draft"))
    drag(page, start, (start[0] + 60, start[1] + 90))
    expect(page.get_by_role("button", name="Tidy up")).to_be_enabled()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".flash")).to_contain_text("Saved as version")
    after = text_of(server, "support-triage")
    assert after.startswith(before)
    assert after[len(before) :].startswith("layout:\n  fetch-ticket: {x: ")
    page.get_by_role("button", name="Tidy up").click()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".editor-bar__standing")).to_have_text("Saved")
    assert text_of(server, "support-triage") == before


def test_hangul_is_composed_undisturbed(page):
    page.goto("/pipelines/support-triage/edit")
    choose(page, "page")
    field = page.get_by_label("Message")
    field.fill("")
    session = page.context.new_cdp_session(page)
    for syllable in ("ㅎ", "하", "한"):
        session.send("Input.imeSetComposition", {"text": syllable, "selectionStart": 1, "selectionEnd": 1})
    session.send("Input.insertText", {"text": "한"})
    for syllable in ("ㄱ", "그", "글"):
        session.send("Input.imeSetComposition", {"text": syllable, "selectionStart": 1, "selectionEnd": 1})
    session.send("Input.insertText", {"text": "글"})
    expect(field).to_have_value("한글")
    expect(page.locator(".cm-content")).to_contain_text('message: "한글"')


def test_nodes_are_copied_between_pipelines_as_text(server, context):
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.goto("/pipelines/support-triage/edit")
    choose(page, "urgent")
    page.keyboard.press("Control+c")
    expect(page.locator(".flash")).to_contain_text("copied")
    assert page.evaluate("navigator.clipboard.readText()").startswith("nodes:\n  - ")
    page.goto("/pipelines/each/edit")
    page.locator(".react-flow__pane").click(position={"x": 20, "y": 20})
    page.keyboard.press("Control+v")
    expect(card(page, "urgent")).to_be_visible()
    page.keyboard.press("Control+v")
    expect(card(page, "urgent-2")).to_be_visible()
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+z")
    expect(page.locator(".editor-bar__standing")).to_have_text("Saved")


def test_text_that_was_not_saved_is_not_left_without_a_question(page):
    page.goto("/pipelines/support-triage/edit")
    choose(page, "page")
    page.get_by_label("Message").fill("mine")
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
    page.locator(".nav__link", has_text="Runs").click(no_wait_after=True)
    page.wait_for_timeout(300)
    assert asked == ["beforeunload"]
    assert page.url.endswith("/edit")


def test_two_tabs_save_and_the_second_is_told_and_can_compare(server, context, watch):
    watch.allow("412")
    before = text_of(server, "each")
    one, other = context.new_page(), context.new_page()
    for page in (one, other):
        page.goto("/pipelines/each/edit")
        page.locator(".cm-content").click()
        page.keyboard.press("Control+End")
    one.keyboard.type("# from the first")
    one.keyboard.press("Control+s")
    expect(one.locator(".flash")).to_contain_text("Saved as version")
    other.keyboard.type("# from the second")
    other.keyboard.press("Control+s")
    dialog = other.get_by_role("dialog")
    expect(dialog).to_contain_text("Somebody else saved this pipeline meanwhile")
    expect(dialog.locator(".line--removed")).to_contain_text("# from the first")
    expect(dialog.locator(".line--added")).to_contain_text("# from the second")
    dialog.get_by_role("button", name="Keep mine").click()
    other.keyboard.press("Control+s")
    expect(other.locator(".editor-bar__standing")).to_have_text("Saved")
    assert "# from the second" in text_of(server, "each")
    server.call("PUT", "/api/v1/pipelines/each", content=before.encode(), headers={"Content-Type": "application/yaml"})


def test_a_node_is_added_where_a_dragged_edge_is_let_go(page):
    page.goto("/pipelines/support-triage/edit")
    card(page, "page").wait_for()
    page.get_by_role("button", name="Fit View").click()
    page.wait_for_timeout(300)
    drag(page, port(page, "page"), canvas_point(page, 300, 40))
    page.get_by_role("combobox", name="Add a node").fill("http-req")
    page.keyboard.press("Enter")
    expect(card(page, "http-request")).to_be_visible()
    expect(page.locator(".cm-content")).to_contain_text("{from: page, to: http-request}")


def test_a_test_run_takes_what_was_pinned(page):
    page.goto("/pipelines/support-triage/edit")
    choose(page, "fetch-ticket")
    page.get_by_role("button", name="Run up to here").click()
    expect(page.locator(".editor-bar__run")).to_contain_text("Completed")
    page.get_by_role("button", name="Pin this output").click()
    expect(card(page, "fetch-ticket")).to_contain_text("pinned")
    page.get_by_label("Mapping").fill("{other: 1}")
    page.get_by_role("button", name="Test run").click()
    expect(page.locator(".editor-bar__run")).to_contain_text("Completed")
    output = page.get_by_role("region", name="Pinned output")
    expect(output).to_contain_text("4711")
    expect(output).not_to_contain_text("other")


def test_the_data_of_a_failed_run_comes_into_the_editor(server, page):
    failed = server.run("support-triage", {"breaks": True})
    page.goto(f"/pipelines/support-triage/edit?run={failed}")
    expect(page.locator(".flash")).to_contain_text("what had completed is pinned")
    expect(card(page, "draft")).to_contain_text("pinned")
    expect(page.locator(".node--failed")).to_have_count(1)
    expect(page.get_by_label("Breaks", exact=True)).to_have_value("true")
    page.get_by_role("tab", name="JSON").click()
    expect(page.get_by_label("Started with")).to_have_value(re.compile('"breaks": true'))


def test_a_loop_is_a_frame_that_nodes_are_dropped_into(server, editor):
    page = editor
    from_palette(page, "loop").click()
    expect(card(page, "loop")).to_be_visible()
    drag(page, from_palette(page, "json-transform"), page.get_by_text("Drop a node here"))
    expect(card(page, "json-transform")).to_be_visible()
    expect(page.get_by_text("Drop a node here")).to_have_count(0)
    page.get_by_label("Expression").fill("`1`")
    page.get_by_label("Mapping").focus()
    card(page, "json-transform").click()
    from_palette(page, "log").click()
    page.get_by_label("Message").press_sequentially("{{ it")
    page.keyboard.press("Tab")
    page.keyboard.type(" }}")
    card(page, "loop").click()
    page.get_by_label("Times").fill("2")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".flash")).to_contain_text("Saved as version 1.")
    saved = text_of(server, "my-first")
    assert saved.endswith(
        """\
nodes:
  - id: loop
    type: loop
    config:
      body:
        nodes:
          - id: json-transform
            type: json-transform
            config:
              expression: "`1`"
          - id: log
            type: log
            inputs:
              message: "{{ item }}"
        edges:
          - {from: json-transform, to: log}
      times: 2
"""
    )


def test_triggers_and_inputs_are_forms(server, page):
    page.goto("/pipelines/each/edit")
    page.get_by_label("What else starts it").select_option(label="Times of a calendar (cron)")
    page.get_by_role("region", name="Triggers").get_by_role("button", name="Add", exact=True).click()
    schedule = page.get_by_label("Schedule")
    schedule.fill("every morning")
    expect(page.get_by_role("region", name="Problems")).to_contain_text("a schedule has 5 fields")
    schedule.fill("0 7 * * 1")
    expect(page.get_by_role("region", name="Problems")).to_have_count(0)
    page.get_by_role("button", name="Add an input").click()
    page.locator("summary", has_text="input").last.click()
    page.get_by_label("Name of input input").fill("topic")
    page.keyboard.press("Enter")
    expect(page.locator(".cm-content")).to_contain_text("topic:")
    page.get_by_role("button", name="Remove trigger cron").click()
    expect(page.locator(".cm-content")).not_to_contain_text("cron")
