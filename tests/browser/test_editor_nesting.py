"""Nodes dragged into loops and out of them on the canvas, and the same by commands; each is one step of undo."""

import time

import pytest
from playwright.sync_api import expect

from .editing import card, choose, drag, text_of, yaml_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

LETTERS = """\
apiVersion: flume/v1
kind: Pipeline
metadata: {name: nesting}
nodes:
  # what is read
  - id: read
    type: typing
    inputs: { text: 'a' } # as it was
  - {id: next, type: typing, inputs: {text: b}}
  - id: each
    type: loop
    inputs: {items: [alpha]}
    config:
      body:
        nodes:
          - {id: shout, type: template, config: {template: "{{ item | upper }}"}}
          - {id: after, type: log, inputs: {message: done}}
        edges:
          - {from: shout, to: after}
edges:
  - {from: read, to: next}
  - {from: next, to: each}
"""


@pytest.fixture
def letters(server, page):
    headers = {"Content-Type": "application/yaml"}
    answer = server.call("PUT", "/api/v1/pipelines/nesting", content=LETTERS.encode(), headers=headers)
    assert answer.status_code < 300, answer.text
    page.goto("/pipelines/nesting/edit")
    card(page, "shout").wait_for()
    page.get_by_role("button", name="Fit View").click()
    page.wait_for_timeout(300)
    yield page
    server.call("DELETE", "/api/v1/pipelines/nesting")


def frame(page):
    return page.locator(".react-flow__node[data-id=each]")


def saved(server, page):
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".flash").last).to_contain_text("Saved as version")
    return text_of(server, "nesting")


def is_inside(page, node):
    inner, outer = card(page, node).bounding_box(), frame(page).bounding_box()
    return (
        outer["x"] <= inner["x"]
        and inner["x"] + inner["width"] <= outer["x"] + outer["width"]
        and outer["y"] <= inner["y"]
        and inner["y"] + inner["height"] <= outer["y"] + outer["height"]
    )


def until_inside(page, node):
    """The frame grows with what is in it, a moment after a node was let go of."""
    until = time.monotonic() + 10
    while not is_inside(page, node):
        assert time.monotonic() < until, f"{node} is not within the frame of its loop"
        page.wait_for_timeout(50)


def test_a_node_is_dragged_into_a_loop_with_its_comments_and_the_edge_that_would_lead_into_it_goes(server, letters):
    page = letters
    drag(page, card(page, "read"), frame(page), to=(0.5, 0.9))
    expect(page.locator(".flash").last).to_contain_text("would lead into the loop or out of it: read to next")
    text = saved(server, page)
    assert "          # what is read\n          - id: read\n            type: typing\n" in text
    assert "            inputs: { text: 'a' } # as it was\n" in text
    assert "{from: read, to: next}" not in text
    until_inside(page, "read")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".react-flow__edge")).to_have_count(3)
    assert saved(server, page) == LETTERS


def test_a_node_is_dragged_out_of_a_loop_to_where_it_is_let_go(server, letters):
    page = letters
    box = frame(page).bounding_box()
    drag(page, card(page, "after"), (box["x"] + box["width"] / 2, box["y"] + box["height"] + 60))
    expect(page.locator(".flash").last).to_contain_text("shout to after")
    expect(page.locator(".react-flow__edge")).to_have_count(2)
    assert not is_inside(page, "after")
    text = saved(server, page)
    assert "\n  - {id: after, type: log, inputs: {message: done}}\nedges:\n" in text
    assert "\nlayout:\n" in text
    page.get_by_role("button", name="Undo").click()
    assert saved(server, page) == LETTERS


def test_a_node_that_is_moved_in_its_loop_stays_in_it(server, letters):
    page = letters
    box = card(page, "after").bounding_box()
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    drag(page, middle, (middle[0] + 40, middle[1] + 30))
    expect(page.get_by_role("button", name="Tidy up")).to_be_enabled()
    until_inside(page, "after")
    assert saved(server, page).startswith(LETTERS)


def test_nodes_are_moved_into_a_loop_and_out_of_it_by_commands(server, letters):
    page = letters
    choose(page, "next")
    page.keyboard.press("Control+k")
    page.keyboard.type("into a loop")
    page.keyboard.press("Enter")
    expect(page.get_by_role("combobox", name="Move into which loop?")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".flash").last).to_contain_text("2 edges are gone")
    expect(page.get_by_role("complementary", name="Node next")).to_be_visible()
    expect(card(page, "next")).to_be_focused()
    page.keyboard.press("Control+k")
    page.keyboard.type("out of the loop")
    page.keyboard.press("Enter")
    expect(page.locator(".cm-content")).to_contain_text("  - {id: next, type: typing, inputs: {text: b}}")
    assert "          - {id: next" not in yaml_of(page)
    page.keyboard.press("Control+k")
    page.keyboard.type("out of the loop")
    page.keyboard.press("Enter")
    expect(page.locator(".flash--problem")).to_contain_text("No node is selected that is in a loop")
    for _ in range(2):
        page.get_by_role("button", name="Undo").click()
    expect(page.locator(".editor-bar__standing")).to_have_text("Saved")
