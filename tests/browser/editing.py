"""What hands do in the editor, for tests: drag, choose from the palette, rename; and where things are."""

import re

from playwright.sync_api import expect


def names(server):
    return {each["name"] for each in server.call("GET", "/api/v1/pipelines?limit=500").json()["items"]}


def text_of(server, name):
    return server.call("GET", f"/api/v1/pipelines/{name}", headers={"Accept": "application/yaml"}).text


def yaml_of(page):
    return page.locator(".cm-content").inner_text()


def card(page, node):
    return page.locator(f"[data-node={node}]")


def choose(page, node):
    """Choose a card of a page that was just opened: while the graph finds its place, a card may move away under a press."""
    for _ in range(3):
        card(page, node).click()
        try:
            expect(card(page, node)).to_have_attribute("aria-pressed", "true", timeout=2000)
        except AssertionError:
            continue
        return
    raise AssertionError(f"the card of '{node}' can't be chosen")


def drag(page, source, target, *, to=(0.5, 0.5)):
    """From the middle of one element, or a place, to another's, in steps as a hand does it; ``to`` is where in the target."""
    start, end = place_of(source), place_of(target, at=to)
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(start[0] + 12, start[1] + 4, steps=3)
    page.mouse.move(*end, steps=12)
    page.mouse.up()


def place_of(thing, *, at=(0.5, 0.5)):
    if isinstance(thing, tuple):
        return thing
    thing.scroll_into_view_if_needed()
    box = thing.bounding_box()
    return box["x"] + box["width"] * at[0], box["y"] + box["height"] * at[1]


def port(page, node, kind="source"):
    return page.locator(f".react-flow__node[data-id={node}] .react-flow__handle.{kind}:not(.port--spare)").first


def canvas_point(page, x, y):
    box = page.locator(".react-flow__pane").bounding_box()
    return box["x"] + x, box["y"] + y


def from_palette(page, name):
    return page.locator(".palette__entry", has_text=re.compile(f"^{name}$"))


def rename(page, wanted):
    page.get_by_label("Id", exact=True).fill(wanted)
    page.keyboard.press("Enter")
    expect(card(page, wanted)).to_be_visible()
