"""The editor with a pipeline of 500 nodes: it opens, and what one does in it comes back while one waits for it."""

import pytest
from playwright.sync_api import expect

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

NODES = 500
WIDTH = 7


@pytest.fixture(scope="module")
def large(server):
    """Seven chains beside each other."""
    lines = ["apiVersion: flume/v1", "kind: Pipeline", "metadata: {name: large}", "nodes:"]
    for number in range(NODES):
        before = f"{{{{ n{number - WIDTH}.output }}}}" if number >= WIDTH else "hello"
        lines += [f"  - id: n{number}", "    type: log", "    inputs:", f'      message: "{before}"']
    lines += ["edges:", *(f"  - {{from: n{number - WIDTH}, to: n{number}}}" for number in range(WIDTH, NODES))]
    headers = {"Content-Type": "application/yaml"}
    server.call("PUT", "/api/v1/pipelines/large", content="\n".join(lines).encode(), headers=headers)
    yield "large"
    server.call("DELETE", "/api/v1/pipelines/large")


def test_a_graph_of_500_nodes_is_edited(page, large):
    page.goto(f"/pipelines/{large}/edit")
    first = page.locator("[data-node=n0]")
    first.click()
    drawn = page.locator(".react-flow__node").count()
    assert drawn < NODES / 2, f"{drawn} of {NODES} nodes are drawn, though most are out of sight"
    page.get_by_label("Message").fill("good morning")
    expect(page.locator(".cm-content")).to_contain_text('message: "good morning"')
    page.locator(".palette__entry", has_text="delay").click()
    expect(page.locator("[data-node=delay]")).to_be_visible()
    page.keyboard.press("Control+z")
    expect(page.locator("[data-node=delay]")).to_have_count(0)
    page.keyboard.press("Control+z")
    expect(page.locator(".editor-bar__standing")).to_have_text("Saved")


def test_letters_in_a_field_draw_nothing_on_the_canvas(page, large):
    page.goto(f"/pipelines/{large}/edit")
    page.locator("[data-node=n0]").click()
    field = page.get_by_label("Message")
    field.focus()
    page.wait_for_timeout(500)
    page.evaluate(
        """() => {
          window.changed = 0;
          const watch = new MutationObserver((found) => { window.changed += found.length; });
          watch.observe(document.querySelector(".react-flow__viewport"), {subtree: true, childList: true, attributes: true});
        }"""
    )
    page.keyboard.type("abc")
    expect(page.locator(".cm-content")).to_contain_text("abc")
    assert page.evaluate("window.changed") == 0
