"""The rest of the editor: how edges are drawn, cutting, the forms of inputs and triggers, coming back to a tab, pins."""

import pytest
from playwright.sync_api import expect

from .editing import card, text_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

AROUND = """\
apiVersion: flume/v1
kind: Pipeline
metadata: {name: around}
nodes:
  - {id: first, type: typing, inputs: {text: a}}
  - {id: high, type: typing, inputs: {text: b}}
  - {id: middle, type: typing, inputs: {text: c}}
  - {id: low, type: typing, inputs: {text: d}}
  - {id: high-later, type: typing, inputs: {text: e}}
  - {id: middle-later, type: typing, inputs: {text: f}}
  - {id: low-later, type: typing, inputs: {text: g}}
  - {id: last, type: typing, inputs: {text: h}}
edges:
  - {from: first, to: high}
  - {from: first, to: middle}
  - {from: first, to: low}
  - {from: high, to: high-later}
  - {from: middle, to: middle-later}
  - {from: low, to: low-later}
  - {from: high-later, to: last}
  - {from: middle-later, to: last}
  - {from: low-later, to: last}
  - {from: first, to: high-later}
  - {from: first, to: low-later}
  - {from: high, to: last}
  - {from: low, to: last}
  - {from: first, to: last}
"""

NESTED = """\
apiVersion: flume/v1
kind: Pipeline
metadata: {name: around}
nodes:
  - id: each
    type: loop
    inputs: {items: [[alpha], [beta, gamma]]}
    config:
      onItemError: collect
      body:
        nodes:
          - id: inner
            type: loop
            inputs: {items: "{{ item }}"}
            config:
              onItemError: collect
              body:
                nodes:
                  - {id: shout, type: template, config: {template: "{{ item | upper }}"}}
                  - {id: refuse, type: error, when: "item == 'gamma'", config: {message: "no {{ shout.output }}"}}
                edges:
                  - {from: shout, to: refuse}
"""

CROSSED = """
(isStraight) => {
  const inside = (point, box) =>
    point.x > box.left + 3 && point.x < box.right - 3 && point.y > box.top + 3 && point.y < box.bottom - 3;
  const cards = [...document.querySelectorAll("[data-node]")].map((each) => [each.dataset.node, each.getBoundingClientRect()]);
  const crossed = [];
  for (const path of document.querySelectorAll(".react-flow__edge-path")) {
    const [from, , to] = path.closest(".react-flow__edge").dataset.id.split("/");
    const matrix = path.getScreenCTM();
    const length = path.getTotalLength();
    const [start, end] = [path.getPointAtLength(0), path.getPointAtLength(length)];
    for (let at = 0; at <= length; at += 2) {
      const part = at / length;
      const between = new DOMPoint(start.x + (end.x - start.x) * part, start.y + (end.y - start.y) * part);
      const point = (isStraight ? between : path.getPointAtLength(at)).matrixTransform(matrix);
      for (const [name, box] of cards)
        if (name !== from && name !== to && inside(point, box)) crossed.push(`${from} to ${to} crosses ${name}`);
    }
  }
  return [...new Set(crossed)];
}
"""


def test_edges_go_round_the_cards_that_are_between_their_ends(page, pipeline):
    pipeline(AROUND)
    page.goto("/pipelines/around/edit")
    expect(page.locator(".react-flow__edge")).to_have_count(14)
    assert page.evaluate(CROSSED, True) != [], "no card is in the way of a straight line, so that nothing is shown here"
    assert page.evaluate(CROSSED, False) == []


def test_what_is_cut_is_in_the_clipboard_and_gone_and_comes_back_by_pasting(context):
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.goto("/pipelines/support-triage/edit")
    card(page, "draft").click()
    page.keyboard.press("Control+x")
    expect(card(page, "draft")).to_have_count(0)
    assert "id: draft" in page.evaluate("navigator.clipboard.readText()")
    page.keyboard.press("Control+v")
    expect(card(page, "draft")).to_be_visible()
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+z")
    expect(page.locator(".editor-bar__standing")).to_have_text("Saved")


def test_nodes_of_a_loop_in_a_loop_show_how_they_did(page, pipeline):
    pipeline(NESTED)
    page.goto("/pipelines/around/edit")
    card(page, "shout").wait_for()
    page.get_by_role("button", name="Test run").click()
    expect(page.locator(".editor-bar__run")).to_contain_text("Completed")
    card(page, "refuse").click()
    trial = page.get_by_role("region", name="Try it")
    expect(trial.get_by_role("status")).to_have_text("Item 1: Failed: no GAMMA")


def test_a_loop_in_a_loop_shows_its_latest_item_where_none_failed(page, pipeline):
    pipeline(NESTED.replace("item == 'gamma'", "item == 'none'"))
    page.goto("/pipelines/around/edit")
    card(page, "shout").click()
    page.get_by_role("button", name="Test run").click()
    expect(page.locator(".editor-bar__run")).to_contain_text("Completed")
    trial = page.get_by_role("region", name="Try it")
    expect(trial.get_by_role("status")).to_have_text("Item 1: Completed")
    expect(trial.get_by_role("region", name="Output", exact=True)).to_contain_text("GAMMA")


def test_an_input_has_a_type_a_default_and_the_values_that_are_allowed(page):
    page.goto("/pipelines/each/edit")
    yaml = page.locator(".cm-content")
    page.get_by_role("button", name="Add an input").click()
    inputs = page.get_by_role("region", name="Inputs")
    inputs.locator("summary", has_text="input").last.click()
    for more in inputs.locator("details.more:not([open]) > summary", has_text="more:").all():
        more.click()
    inputs.get_by_label("Type", exact=True).last.select_option("integer")
    expect(yaml).to_contain_text("type: integer")
    default = inputs.get_by_label("Default", exact=True).last
    default.fill("3")
    expect(yaml).to_contain_text("default: 3")
    default.fill("null")
    expect(yaml).to_contain_text("default: null")
    default.fill("")
    expect(yaml).not_to_contain_text("default:")
    inputs.get_by_label("Enum", exact=True).last.fill("[1, 2]")
    expect(yaml).to_contain_text("enum:")
    expect(page.get_by_role("region", name="Problems")).to_have_count(0)


@pytest.mark.parametrize("kind", ["webhook", "cron", "interval", "event"])
def test_a_new_trigger_of_each_kind_is_right_from_the_beginning_and_has_a_form(page, kind):
    page.goto("/pipelines/each/edit")
    choice = page.get_by_label("What else starts it")
    choice.select_option(label=choice.locator("option", has_text=f"({kind})").inner_text())
    triggers = page.get_by_role("region", name="Triggers")
    with page.expect_response("**/pipelines:validate*") as answer:
        triggers.get_by_role("button", name="Add", exact=True).click()
    assert answer.value.json()["problems"] == []
    assert triggers.locator("[data-field]").count() > 0
    page.get_by_role("button", name=f"Remove trigger {kind}").click()
    expect(page.locator(".editor-bar__standing")).to_have_text("Saved")


def test_whoever_comes_back_to_a_tab_is_told_what_another_saved_meanwhile(server, page, pipeline):
    pipeline(AROUND)
    page.goto("/pipelines/around/edit")
    page.locator(".cm-content").click()
    page.keyboard.press("Control+End")
    page.keyboard.type("# mine")
    pipeline(text_of(server, "around") + "# theirs\n")
    page.evaluate("window.dispatchEvent(new Event('focus'))")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Somebody else saved this pipeline meanwhile")
    expect(dialog.locator(".line--removed").first).to_contain_text("# theirs")
    dialog.get_by_role("button", name="Keep mine").click()
    expect(page.locator(".cm-content")).to_contain_text("# mine")


def test_pins_that_the_browser_can_not_keep_are_told(page):
    page.goto("/pipelines/support-triage/edit")
    page.evaluate(
        "() => { Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError') } }"
    )
    card(page, "fetch-ticket").click()
    page.get_by_role("button", name="Run up to here").click()
    page.get_by_role("button", name="Pin this output").click()
    expect(page.locator(".flash--problem")).to_contain_text("no room to keep the pins")
    expect(card(page, "fetch-ticket")).to_contain_text("pinned")
