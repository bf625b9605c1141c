"""Pictures of every page in both themes. `FLUME_REWRITE_IMAGES=1` puts them into docs/images."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import expect

from .history import live_through_a_day

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(240),
    pytest.mark.skipif("FLUME_REWRITE_IMAGES" not in os.environ, reason="made on demand, by FLUME_REWRITE_IMAGES=1"),
]

IMAGES = Path(__file__).parents[2] / "docs" / "images"

PAGES = {
    "dashboard": "/",
    "pipelines": "/pipelines",
    "pipeline": "/pipelines/support-triage",
    "pipeline-yaml": "/pipelines/support-triage/edit?view=text",
    "editor": "/pipelines/support-triage/edit",
    "run-form": "/pipelines/support-triage/run",
    "versions": "/pipelines/support-triage/versions",
    "runs": "/runs",
    "run": "/runs/{running}?node=draft",
    "run-failed": "/runs/{failed}?node=archive",
    "logs": "/logs",
    "triggers": "/triggers",
    "nodes": "/nodes",
    "settings": "/settings",
    "login": "/login",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory, make_server):
    made = make_server(tmp_path_factory.mktemp("pictures"))
    live_through_a_day(made.data, made.site)
    made.start()
    file = made.site / "triage.yaml"
    file.write_text(file.read_text().replace("Hello Mira", "Dear Mira"))
    yield made
    made.stop()


@pytest.fixture(scope="module")
def failed(server):
    return server.run("support-triage", {"breaks": True})


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_can_be_shown(server, failed, page, name, theme):
    running = server.run("support-triage", {"pace": 0.15}, waits=False) if name == "run" else ""
    page.emulate_media(color_scheme=theme)
    page.goto(PAGES[name].format(failed=failed, running=running))
    if name == "run":
        expect(page.get_by_role("complementary", name="Node draft")).to_contain_text("the export")
    page.wait_for_timeout(400)
    IMAGES.mkdir(exist_ok=True)
    page.screenshot(path=IMAGES / f"{name}-{theme}.png")
