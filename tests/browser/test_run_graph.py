"""The graph of a run: found by mouse, by keyboard and by those who see none, also where it is large."""

import re
from datetime import datetime, timedelta

import pytest
from playwright.sync_api import expect

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


def inspector(page, node):
    return page.get_by_role("complementary", name=f"Node {node}")


def card(page, node):
    return page.locator(f"button[data-node='{node}']")


def save(server, name, nodes, edges=()):
    document = {"apiVersion": "flume/v1", "kind": "Pipeline", "metadata": {"name": name}}
    answer = server.call("POST", "/api/v1/pipelines", json={**document, "nodes": nodes, "edges": list(edges)})
    answer.raise_for_status()


ONE_STEP = {"nodes": [{"id": "step", "type": "log", "inputs": {"message": "item {{ index }}"}}]}


def test_a_click_on_a_node_shows_what_it_was_given_and_what_it_gave(server, page):
    run = server.run("support-triage")
    page.goto(f"/runs/{run}")
    card(page, "fetch-ticket").click()
    shown = inspector(page, "fetch-ticket")
    shown.get_by_role("tab", name="Output").click()
    expect(shown).to_contain_text("내보내기가 멈춰요")
    shown.get_by_role("tab", name="Input").click()
    expect(shown).to_contain_text("4711")


def test_the_address_names_the_node_and_brings_it_back(server, page):
    run = server.run("support-triage")
    page.goto(f"/runs/{run}")
    card(page, "history").click()
    page.wait_for_url(re.compile(r"node=history"))
    page.reload()
    expect(inspector(page, "history")).to_be_visible()
    inspector(page, "history").get_by_role("button", name="Close").click()
    expect(inspector(page, "history")).to_have_count(0)
    assert "node=" not in page.url


def test_arrow_keys_lead_from_node_to_node_and_escape_leads_back(server, page):
    run = server.run("support-triage")
    page.goto(f"/runs/{run}")
    card(page, "fetch-ticket").focus()
    page.keyboard.press("Enter")
    expect(inspector(page, "fetch-ticket")).to_be_visible()
    page.keyboard.press("ArrowRight")
    expect(page.locator("button[data-node]:focus")).not_to_have_attribute("data-node", "fetch-ticket")
    page.keyboard.press("ArrowLeft")
    expect(card(page, "fetch-ticket")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator(".inspector")).to_have_count(0)


def test_tab_stops_at_one_node_of_the_graph(server, page):
    run = server.run("support-triage")
    page.goto(f"/runs/{run}")
    expect(card(page, "draft")).to_be_visible()
    expect(page.locator("button[data-node][tabindex='0']")).to_have_count(1)
    card(page, "draft").click()
    expect(page.locator("button[data-node][tabindex='0']")).to_have_attribute("data-node", "draft")


def test_nodes_are_also_a_table(server, page):
    run = server.run("support-triage")
    page.goto(f"/runs/{run}")
    page.get_by_role("tab", name=re.compile("Nodes")).click()
    row = page.get_by_role("row", name=re.compile("^page"))
    expect(row).to_contain_text("Skipped")
    page.get_by_role("button", name="draft", exact=True).click()
    expect(inspector(page, "draft")).to_be_visible()


def test_of_a_loop_the_items_that_failed_are_found_and_what_failed_in_them(server, page):
    run = server.run("each")
    page.goto(f"/runs/{run}?node=items")
    shown = inspector(page, "items")
    shown.get_by_role("tab", name=re.compile("Items")).click()
    expect(shown.locator("tbody tr")).to_have_count(100)
    shown.get_by_role("combobox", name="Status of items").select_option("failed")
    expect(shown.locator("tbody tr")).to_have_count(10)
    shown.locator("tbody tr", has_text="item 13 is not wanted").get_by_role("button", name=re.compile("refuse")).click()
    expect(inspector(page, "items[13].refuse")).to_contain_text("item 13 is not wanted")
    inspector(page, "items[13].refuse").get_by_role("button", name=re.compile("^odd")).click()
    expect(inspector(page, "items[13].odd").get_by_role("button", name=re.compile("^odd"))).to_have_attribute(
        "aria-current", "true"
    )
    inspector(page, "items[13].odd").get_by_role("button", name="Item 13 of items").click()
    expect(inspector(page, "items")).to_be_visible()


def test_items_come_page_by_page_and_from_any_index_on(server, page):
    save(server, "many-items", [{"id": "items", "type": "loop", "config": {"times": 250, "body": ONE_STEP}}])
    run = server.run("many-items")
    page.goto(f"/runs/{run}?node=items")
    shown = inspector(page, "items")
    shown.get_by_role("button", name="Show items").click()
    expect(shown.locator("tbody tr")).to_have_count(100)
    shown.get_by_role("button", name="More items").click()
    expect(shown.locator("tbody tr")).to_have_count(200)
    shown.get_by_role("spinbutton", name="From item").fill("245")
    expect(shown.locator("tbody tr")).to_have_count(5)
    expect(shown.locator("tbody tr").first).to_contain_text("245")
    shown.get_by_role("combobox", name="Status of items").select_option("failed")
    expect(shown).to_contain_text("There is no such item")


def test_what_failed_is_open_already(server, page):
    run = server.run("support-triage", {"breaks": True})
    page.goto(f"/runs/{run}")
    expect(page.get_by_role("alert")).to_contain_text("archive failed")
    expect(inspector(page, "archive").locator(".note--problem")).to_be_visible()


def test_the_focus_goes_into_the_details_and_comes_back_to_the_card(server, page):
    run = server.run("support-triage", {"breaks": True})
    page.goto(f"/runs/{run}?node=draft")
    page.get_by_role("button", name="Show archive").click()
    expect(inspector(page, "archive")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Escape")
    expect(page.locator(".inspector")).to_have_count(0)
    expect(card(page, "archive")).to_be_focused()
    card(page, "draft").click()
    inspector(page, "draft").get_by_role("button", name="Close").press("Enter")
    expect(card(page, "draft")).to_be_focused()


def test_no_card_is_under_the_buttons_for_the_zoom(server, page):
    run = server.run("support-triage", {"breaks": True})
    page.goto(f"/runs/{run}")
    expect(card(page, "archive")).to_be_visible()
    buttons = page.locator(".react-flow__controls").bounding_box()
    for each in page.locator("button[data-node]").all():
        box = each.bounding_box()
        is_above = box["y"] + box["height"] <= buttons["y"]
        is_beside = box["x"] >= buttons["x"] + buttons["width"] or box["x"] + box["width"] <= buttons["x"]
        assert is_above or is_beside, each.get_attribute("data-node")


@pytest.fixture(scope="module")
def large(server):
    """A run of 500 nodes."""
    nodes = [{"id": f"step-{n}", "type": "json-transform", "config": {"mapping": n}} for n in range(500)]
    edges = [{"from": f"step-{n // 3}", "to": f"step-{n + 1}"} for n in range(499)]
    save(server, "large", nodes, edges)
    return server.run("large")


def test_a_large_graph_is_drawn_also_where_the_worker_that_arranges_it_can_not_be_loaded(page, watch, large):
    watch.allow("layout.worker|ERR_FAILED")
    page.route("**/layout.worker*", lambda route: route.abort())
    page.goto(f"/runs/{large}")
    expect(card(page, "step-0")).to_be_visible(timeout=15_000)


def test_of_500_nodes_those_in_sight_are_drawn_and_all_are_listed(page, large):
    page.goto(f"/runs/{large}")
    expect(card(page, "step-0")).to_be_visible(timeout=15_000)
    assert page.locator("button[data-node]").count() < 200
    expect(page.locator(".timeline__row")).to_have_count(500)
    page.locator(".timeline__row", has_text="step-499").click()
    expect(card(page, "step-499")).to_be_in_viewport()
    expect(inspector(page, "step-499")).to_be_visible()


def test_the_graph_of_a_pipeline_shows_a_node_as_it_is_defined(page):
    page.goto("/pipelines/each")
    card(page, "items").click()
    expect(inspector(page, "items")).to_contain_text("onItemError")


def test_a_run_that_fails_before_ones_eyes_opens_what_is_to_blame(server, page):
    run = server.run("support-triage", {"breaks": True, "pause": "1500ms"}, waits=False)
    page.goto(f"/runs/{run}")
    expect(page.locator(".run-bar .pill")).to_have_text("Running")
    expect(page.locator(".inspector")).to_have_count(0)
    expect(inspector(page, "archive").locator(".note--problem")).to_be_visible()


def test_what_a_model_says_is_on_its_card_while_it_says_it(server, page):
    run = server.run("support-triage", {"pace": 0.1}, waits=False)
    page.goto(f"/runs/{run}")
    expect(card(page, "draft").locator(".node__says")).to_contain_text("Mira")
    expect(page.locator(".run-bar .pill")).to_have_text("Completed")
    expect(card(page, "draft").locator(".node__says")).to_have_count(0)


def test_what_is_said_in_the_items_of_a_loop_is_on_its_card_and_leads_to_the_item(server, page):
    writing = {"id": "write", "type": "typing", "inputs": {"text": "Dear customer {{ index }}, hello", "pause": 0.2}}
    save(server, "letters", [{"id": "letters", "type": "loop", "config": {"times": 2, "body": {"nodes": [writing]}}}])
    run = server.run("letters", waits=False)
    page.goto(f"/runs/{run}?node=letters")
    expect(card(page, "letters").locator(".node__says")).to_have_text(re.compile(r"^[01]: .*customer"))
    inspector(page, "letters").get_by_role("button", name=re.compile(r"^letters\[[01]\]\.write")).click()
    expect(page.get_by_role("complementary", name=re.compile(r"^Node letters\[[01]\]\.write"))).to_be_visible()


def test_a_node_that_is_tried_again_shows_the_whole_of_its_time_and_each_attempt(server, page):
    retry = {"attempts": 2, "delay": "300ms"}
    save(server, "stubborn", [{"id": "insist", "type": "breaking", "inputs": {"breaks": True}, "retry": retry}])
    run = server.run("stubborn")
    node = server.call("GET", f"/api/v1/runs/{run}").json()["nodes"]["insist"]
    begun, ended = (datetime.fromisoformat(at) for at in (node["attempts"][0]["startedAt"], node["completedAt"]))
    whole = f"{(ended - begun) // timedelta(milliseconds=1)} ms"
    page.goto(f"/runs/{run}")
    shown = inspector(page, "insist")
    expect(shown.get_by_role("heading", name=re.compile("in 2 attempts"))).to_be_visible()
    expect(shown.get_by_role("region", name="Where the time went")).to_contain_text(re.compile(r"Waiting\d+ ms"))
    expect(shown.get_by_role("region", name="Attempts").get_by_role("listitem")).to_have_count(2)
    row = page.locator(".timeline__row", has_text="insist")
    expect(row).to_contain_text("×2")
    expect(row.locator(".timeline__took")).to_have_text(whole)
    expect(row.get_by_title(re.compile("^Failed, attempt 2"))).to_be_attached()
    expect(card(page, "insist").locator(".node__time")).to_have_text(whole)


def test_of_a_long_log_the_newest_1000_lines_are_drawn(server, page):
    save(server, "chatty", [{"id": "items", "type": "loop", "config": {"times": 1200, "body": ONE_STEP}}])
    run = server.run("chatty")
    page.goto(f"/runs/{run}")
    page.get_by_role("tab", name="Log").click()
    lines, earlier = page.locator(".log__line"), page.get_by_role("button", name="Earlier lines")
    for read in (500, 1000, 1200):
        expect(lines).to_have_count(read)
        if read < 1200:
            earlier.click()
    page.get_by_role("tab", name="Timeline").click()
    page.get_by_role("tab", name="Log").click()
    expect(lines).to_have_count(1000)
    expect(page.locator(".log")).to_contain_text("item 1199")
    earlier.click()
    expect(lines).to_have_count(1200)


def panel_of(page):
    return page.get_by_role("region", name="The run over time")


def height_of(page):
    return round(panel_of(page).bounding_box()["height"])


def test_the_panel_is_as_high_as_its_border_is_dragged_and_remembers_it(server, page):
    run = server.run("support-triage")
    page.goto(f"/runs/{run}")
    border = page.get_by_role("separator", name="Height of the panel")
    usual, box = height_of(page), border.bounding_box()
    page.mouse.move(box["x"] + 300, box["y"] + 4)
    page.mouse.down()
    page.mouse.move(box["x"] + 300, box["y"] - 96, steps=4)
    page.mouse.up()
    dragged = height_of(page)
    assert usual + 90 <= dragged <= usual + 110
    page.reload()
    expect(border).to_be_visible()
    assert height_of(page) == dragged
    border.dblclick()
    assert height_of(page) == usual


def test_the_panel_is_resized_by_the_keyboard_within_bounds(server, page):
    run = server.run("support-triage")
    page.goto(f"/runs/{run}")
    border = page.get_by_role("separator", name="Height of the panel")
    usual = height_of(page)
    border.press("ArrowUp")
    assert height_of(page) == usual + 32
    expect(border).to_have_attribute("aria-valuenow", str(usual + 32))
    border.press("End")
    assert page.locator(".run__graph").bounding_box()["height"] >= 160
    border.press("Home")
    assert height_of(page) == 96


def test_long_names_and_errors_stay_within_the_inspector(server, page):
    long = "charge-the-customer-for-the-invoice-and-send-the-receipt"
    node = {"id": long, "name": "N" * 100, "type": "error", "config": {"message": "https://example.org/" + "a" * 300}}
    save(server, "long", [node])
    run = server.run("long")
    page.goto(f"/runs/{run}")
    shown = inspector(page, long)
    expect(shown.locator(".failure")).to_be_visible()
    for area in (shown, page.locator(".run-problem")):
        assert area.evaluate("element => element.scrollWidth <= element.clientWidth")
        assert area.evaluate(
            "element => [...element.querySelectorAll('*')].every("
            "each => each.getBoundingClientRect().right <= element.getBoundingClientRect().right + 1)"
        )
    message, code = shown.locator(".failure__message"), shown.locator(".failure .error-code")
    assert message.bounding_box()["y"] + message.bounding_box()["height"] <= code.bounding_box()["y"]
