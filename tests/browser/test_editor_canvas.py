"""The canvas and what is around it: edges led elsewhere, room for the graph, files that are taken in."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from .editing import card, drag, port

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


@pytest.fixture
def triage(page):
    page.goto("/pipelines/support-triage/edit")
    card(page, "page").wait_for()
    page.get_by_role("button", name="Fit View").click()
    page.wait_for_timeout(300)
    return page


def end_of_edge(page, ends, kind):
    return page.locator(f".react-flow__edge[data-id='{ends}'] .react-flow__edgeupdater-{kind}")


def test_the_end_of_an_edge_is_dragged_to_another_node(triage):
    page = triage
    drag(page, end_of_edge(page, "history/out/draft", "target"), port(page, "file", "target"))
    expect(page.locator(".cm-content")).to_contain_text("{from: history, to: file}")
    expect(page.locator(".cm-content")).not_to_contain_text("{from: history, to: draft}")
    page.keyboard.press("Control+z")
    expect(page.locator(".editor-bar__standing")).to_have_text("Saved")


def test_the_beginning_of_an_edge_is_dragged_to_another_port(triage):
    page = triage
    other = page.locator(".react-flow__node[data-id=urgent] .react-flow__handle[data-handleid=false]")
    drag(page, end_of_edge(page, "urgent/true/page", "source"), other)
    expect(page.locator(".cm-content")).to_contain_text("{from: urgent, to: page, port: false}")


def test_an_edge_that_is_led_nowhere_or_in_a_circle_stays(triage):
    page = triage
    drag(page, end_of_edge(page, "history/out/draft", "target"), page.locator(".react-flow__pane"), to=(0.5, 0.05))
    expect(page.locator(".editor-bar__standing")).to_have_text("Saved")
    expect(page.get_by_role("dialog")).to_have_count(0)
    drag(page, end_of_edge(page, "draft/out/archive", "target"), port(page, "history", "target"))
    expect(page.locator(".flash--problem")).to_contain_text("circle")
    expect(page.locator(".editor-bar__standing")).to_have_text("Saved")


def test_a_node_is_added_at_the_pointer(triage):
    page = triage
    page.locator(".react-flow__pane").dblclick(position={"x": 300, "y": 40})
    page.get_by_role("combobox", name="Add a node").fill("delay")
    page.get_by_role("option", name="delay").click()
    expect(card(page, "delay")).to_be_visible()
    expect(page.get_by_role("complementary", name="Node delay")).to_be_focused()


def test_a_node_is_put_into_an_edge(triage):
    page = triage
    start, end = port(page, "history").bounding_box(), port(page, "draft", "target").bounding_box()
    page.mouse.click((start["x"] + end["x"]) / 2 + 5, start["y"] + start["height"] / 2)
    page.get_by_role("button", name="Add a node between history and draft").click()
    page.get_by_role("combobox", name="Add a node").fill("template")
    page.keyboard.press("Enter")
    expect(page.locator(".cm-content")).to_contain_text("{from: history, to: template}")
    expect(page.locator(".cm-content")).to_contain_text("{from: template, to: draft}")


def test_several_nodes_are_selected_duplicated_and_deleted_as_one_step_each(triage):
    page = triage
    card(page, "file").click()
    card(page, "page").click(modifiers=["Control"])
    expect(page.get_by_role("complementary", name="Several nodes")).to_contain_text("2 nodes")
    page.keyboard.press("Control+d")
    expect(card(page, "file-2")).to_be_visible()
    expect(card(page, "page-2")).to_be_visible()
    page.get_by_role("complementary", name="Several nodes").get_by_role("button", name="Delete").click()
    expect(card(page, "file-2")).to_have_count(0)
    page.keyboard.press("Control+z")
    expect(card(page, "page-2")).to_be_visible()
    page.keyboard.press("Control+z")
    expect(page.locator(".editor-bar__standing")).to_have_text("Saved")


def test_the_map_and_the_buttons_move_what_is_seen(triage):
    page = triage
    view = page.locator(".react-flow__viewport")
    before = view.get_attribute("style")
    page.get_by_role("button", name="Zoom In").click()
    expect(view).not_to_have_attribute("style", before)
    zoomed = view.get_attribute("style")
    drag(page, page.locator(".react-flow__minimap"), page.locator(".react-flow__minimap"), to=(0.9, 0.5))
    expect(view).not_to_have_attribute("style", zoomed)


def test_the_palette_is_searched_by_name_and_by_what_a_type_does(triage):
    page = triage
    search = page.get_by_role("searchbox", name="Search nodes")
    search.fill("language model")
    expect(page.locator(".palette__entry", has_text="llm-generate")).to_be_visible()
    expect(page.locator(".palette__entry", has_text="redis-get")).to_have_count(0)
    search.fill("nothing of the kind")
    expect(page.get_by_role("complementary", name="Nodes to add")).to_contain_text("No node type has")


def test_the_ports_of_a_switch_follow_from_its_cases(page):
    page.goto("/pipelines/new?example=empty")
    page.locator(".palette__entry", has_text="switch").click()
    card(page, "switch").click()
    page.locator(".cm-content").click()
    page.keyboard.press("Control+End")
    page.keyboard.type("    config: {value: 1, cases: {low: value < 3, high: value > 7}}")
    handles = page.locator(".react-flow__node[data-id=switch] .react-flow__handle.source:not(.port--spare)")
    expect(handles).to_have_count(3)


def test_keys_are_silent_while_a_syllable_is_composed(triage):
    page = triage
    page.evaluate("document.activeElement.blur()")
    page.evaluate("""() => document.body.dispatchEvent(
        new KeyboardEvent("keydown", {key: "a", isComposing: true, bubbles: true}))""")
    expect(page.get_by_role("combobox", name="Add a node")).to_have_count(0)
    page.keyboard.press("a")
    expect(page.get_by_role("combobox", name="Add a node")).to_be_visible()


def test_the_palette_makes_room_and_stays_away_until_it_is_wanted(triage):
    page = triage
    page.get_by_role("button", name="Hide the nodes to add").click()
    expect(page.get_by_role("searchbox", name="Search nodes")).to_have_count(0)
    page.reload()
    page.get_by_role("button", name="Show the nodes to add").click()
    expect(page.get_by_role("searchbox", name="Search nodes")).to_be_visible()


def test_the_yaml_is_as_high_as_its_reader_wants_it(triage):
    page = triage
    yaml = page.get_by_role("region", name="YAML")
    before = yaml.bounding_box()["height"]
    border = page.get_by_role("separator", name="Height of the YAML")
    border.focus()
    page.keyboard.press("ArrowUp")
    assert yaml.bounding_box()["height"] == before + 32
    page.reload()
    expect(page.locator(".cm-content")).to_be_visible()
    assert yaml.bounding_box()["height"] == before + 32


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_editor_at_work_has_no_serious_fault_for_those_who_can_not_see_or_point(page, theme):
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    page.goto("/pipelines/each/edit")
    page.get_by_role("button", name="Test run").click()
    expect(page.locator(".frame-node__state")).to_contain_text("shows item")
    card(page, "refuse").click()
    page.get_by_label("Message").fill("{{ nothing }}")
    expect(page.get_by_role("region", name="Problems")).to_be_visible()
    options = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
    found = Axe().run(page, options=options).response["violations"]
    assert [each["id"] for each in found if each["impact"] in ("serious", "critical")] == []


def test_the_whole_width_of_a_small_screen_is_used(page):
    page.set_viewport_size({"width": 1280, "height": 800})
    page.goto("/pipelines/support-triage/edit")
    card(page, "fetch-ticket").wait_for()
    assert page.locator(".edit__canvas").bounding_box()["width"] > 680
    # Nothing covers the form, and the YAML has lines of a width to read.
    assert page.locator(".inspector").bounding_box()["height"] > 700
    assert page.get_by_role("region", name="YAML").bounding_box()["width"] > 680
    assert card(page, "fetch-ticket").bounding_box()["width"] > 170


DOCUMENT = """\
apiVersion: flume/v1
kind: Pipeline
metadata: {name: from-a-file} # ours
nodes:
  - {id: only, type: log, inputs: {message: hello}}
"""


def test_a_file_is_chosen_and_is_in_the_editor(page):
    page.goto("/pipelines/new")
    card(page, "greet").wait_for()
    with page.expect_file_chooser() as chosen:
        page.get_by_role("link", name="Import a file").click()
    chosen.value.set_files({"name": "mine.yaml", "mimeType": "application/yaml", "buffer": DOCUMENT.encode()})
    expect(card(page, "only")).to_be_visible()
    expect(page.locator(".cm-content")).to_contain_text("# ours")
    page.get_by_role("button", name="Undo").click()
    expect(card(page, "greet")).to_be_visible()


DROP = """([name, text]) => {
  const transfer = new DataTransfer();
  transfer.items.add(new File([text], name));
  const place = document.querySelector(".react-flow__pane");
  for (const type of ["dragover", "drop"])
    place.dispatchEvent(new DragEvent(type, {dataTransfer: transfer, bubbles: true, cancelable: true}));
}"""


def test_a_file_is_dropped_and_what_is_no_pipeline_is_refused(page):
    page.goto("/pipelines/new?example=empty")
    expect(page.get_by_role("heading", name="An empty pipeline")).to_be_visible()
    page.evaluate(DROP, ["picture.png", "x"])
    expect(page.locator(".flash--problem")).to_contain_text("picture.png is no pipeline")
    page.evaluate(DROP, ["mine.yaml", DOCUMENT])
    expect(card(page, "only")).to_be_visible()
