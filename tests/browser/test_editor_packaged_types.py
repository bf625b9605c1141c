"""A node type that is an image, in the editor: from the palette, with the form of its schema, and checked by it."""

import pytest
from playwright.sync_api import expect

from .editing import card, from_palette, names, text_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

RESIZE = {
    "image": "registry.example.org/resize:1",
    "category": "custom",
    "description": "Makes pictures smaller.",
    "configSchema": {
        "type": "object",
        "properties": {"width": {"type": "integer", "title": "Width", "minimum": 1}},
        "required": ["width"],
    },
    "inputSchema": {"type": "object", "properties": {"url": {"type": "string", "title": "Url"}}, "required": ["url"]},
    "ports": ["done", "too-small"],
}


@pytest.fixture
def editor(server, page):
    before = names(server)
    assert server.call("PUT", "/api/v1/nodes/resize", json=RESIZE).status_code == 201
    page.goto("/pipelines/new?example=hello")
    page.locator("[data-node=greet]").wait_for()
    yield page
    for name in names(server) - before:
        server.call("DELETE", f"/api/v1/pipelines/{name}")
    server.call("DELETE", "/api/v1/nodes/resize")


def test_it_is_chosen_from_the_palette_filled_in_by_its_schema_and_saved(server, editor):
    page = editor
    from_palette(page, "resize").click()
    expect(card(page, "resize")).to_be_visible()
    expect(card(page, "resize")).to_contain_text("too-small")
    page.get_by_label("Width").fill("640")
    page.get_by_label("Url").fill("https://example.com/a.png")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".flash")).to_contain_text("Saved as version 1.")
    [name] = [each for each in names(server) if "type: resize" in text_of(server, each)]
    assert "width: 640" in text_of(server, name)
