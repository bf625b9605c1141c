"""What is typed into forms and not in the text yet, data of test runs as a form, and copying where pages may not."""

import pytest
from playwright.sync_api import expect

from .editing import card, choose, names, text_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

NAMED = """\
apiVersion: flume/v1
kind: Pipeline
metadata: {name: named}
inputs:
  constructor: {type: string, default: hello}
nodes:
  - {id: constructor, type: typing, inputs: {text: "{{ inputs.constructor }}"}}
  - {id: last, type: log, inputs: {message: "{{ constructor.output }}"}}
edges:
  - {from: constructor, to: last}
"""


@pytest.fixture
def named(server, page):
    headers = {"Content-Type": "application/yaml"}
    answer = server.call("PUT", "/api/v1/pipelines/named", content=NAMED.encode(), headers=headers)
    assert answer.status_code < 300, answer.text
    page.goto("/pipelines/named/edit")
    card(page, "last").wait_for()
    yield page
    for name in names(server) & {"named", "renamed"}:
        server.call("DELETE", f"/api/v1/pipelines/{name}")


def test_a_node_may_be_called_as_something_that_every_object_has(named):
    page = named
    choose(page, "last")
    page.get_by_label("Message").fill("")
    page.get_by_label("Message").press_sequentially("{{ constructor.")
    expect(page.locator(".offers").get_by_role("option", name="output")).to_be_visible()
    page.keyboard.press("Enter")
    page.keyboard.type(" }}")
    page.get_by_role("button", name="Test run").click()
    expect(page.locator(".node--state.tone--completed")).to_have_count(2)
    card(page, "constructor").click()
    expect(page.get_by_role("complementary", name="Node constructor")).to_contain_text("hello")


def test_the_inputs_of_a_test_run_are_a_form(named):
    page = named
    page.get_by_label("Constructor", exact=True).fill("from the form")
    page.get_by_role("button", name="Test run").click()
    expect(page.locator(".node--state.tone--completed")).to_have_count(2)
    card(page, "constructor").click()
    expect(page.get_by_role("complementary", name="Node constructor")).to_contain_text("from the form")
    expect(page.locator(".editor-bar__standing")).to_have_text("Saved")
    expect(page.get_by_role("button", name="Undo")).to_be_disabled()


def test_what_can_not_be_read_is_shown_before_it_would_be_left_out_of_what_is_saved(server, named):
    page = named
    choose(page, "last")
    running = page.locator("details", has=page.locator("summary", has_text="Running"))
    running.locator("> summary").click()
    running.locator("summary", has_text="more:").first.click()
    page.locator("[data-field='/nodes/1/retry']").get_by_label("Attempts").fill("many")
    page.get_by_label("Message").fill("mine")
    expect(page.locator(".editor-bar__standing")).to_contain_text("Not saved")
    page.locator(".react-flow__pane").click(position={"x": 20, "y": 20})
    page.keyboard.press("Control+s")
    expect(page.locator(".flash--problem")).to_contain_text("What stands in retry.attempts of last is not in the text")
    attempts = page.locator("[data-field='/nodes/1/retry']").get_by_label("Attempts")
    expect(attempts).to_be_focused()
    expect(attempts).to_have_value("many")
    assert "mine" not in text_of(server, "named")
    page.keyboard.press("Escape")
    expect(attempts).to_have_value("")
    page.keyboard.press("Control+s")
    expect(page.locator(".flash").last).to_contain_text("Saved as version")
    assert "mine" in text_of(server, "named")


def test_a_name_that_is_being_typed_is_saved(server, named):
    page = named
    choose(page, "last")
    page.get_by_label("Shown as").fill("The last")
    page.keyboard.press("Control+s")
    expect(page.locator(".flash").last).to_contain_text("Saved as version")
    assert "The last" in text_of(server, "named")


def test_nodes_are_cut_and_pasted_where_the_page_is_not_served_over_https(context):
    # As over plain HTTP on another machine, where there is no such thing.
    context.add_init_script("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    page = context.new_page()
    page.goto("/pipelines/support-triage/edit")
    choose(page, "draft")
    page.keyboard.press("Control+x")
    expect(page.locator(".flash").last).to_contain_text("copied as YAML")
    expect(card(page, "draft")).to_have_count(0)
    page.keyboard.press("Control+v")
    expect(card(page, "draft")).to_be_visible()
    page.keyboard.press("Control+k")
    page.keyboard.type("paste")
    page.keyboard.press("Enter")
    expect(page.locator(".flash--problem")).to_contain_text("press Ctrl V")
    for _ in range(2):
        page.get_by_role("button", name="Undo").click()
    expect(page.locator(".editor-bar__standing")).to_have_text("Saved")
