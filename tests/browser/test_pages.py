"""Each page in a browser: no serious fault for those who can't see or point, in both themes, on a phone; sizes and times."""

import json

import pytest
from axe_playwright_python.sync_playwright import Axe

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

PAGES = {
    "dashboard": "/",
    "pipelines": "/pipelines",
    "pipeline": "/pipelines/support-triage",
    "pipeline-yaml": "/pipelines/support-triage/edit",
    "pipeline-text": "/pipelines/support-triage/edit?view=text",
    "pipeline-versions": "/pipelines/support-triage/versions",
    "pipeline-run": "/pipelines/support-triage/run",
    "pipeline-new": "/pipelines/new",
    "pipeline-empty": "/pipelines/new?example=empty",
    "runs": "/runs",
    "run": "/runs/{failed}?node=archive",
    "run-completed": "/runs/{completed}",
    "node-of-run": "/runs/{failed}/nodes/archive",
    "logs": "/logs",
    "triggers": "/triggers",
    "nodes": "/nodes",
    "node-type": "/nodes/http-request",
    "settings": "/settings",
    "login": "/login",
    "not-found": "/nothing",
}

OPTIONS = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}


@pytest.fixture(scope="module")
def paths(server):
    failed = server.run("support-triage", {"breaks": True})
    completed = server.run("support-triage")
    return {name: path.format(failed=failed, completed=completed) for name, path in PAGES.items()}


STILL = """() => new Promise(resolve => {
    const still = () => { watching.disconnect(); resolve() }
    let timer = setTimeout(still, 150)
    const watching = new MutationObserver(() => { clearTimeout(timer); timer = setTimeout(still, 150) })
    watching.observe(document, {subtree: true, childList: true, attributes: true, characterData: true})
})"""

DRAWN = {
    "pipeline": "[data-node]",
    "run": "[data-node]",
    "run-completed": "[data-node]",
    "pipeline-yaml": ".editor-bar",
    "pipeline-new": ".editor-bar",
    "pipeline-empty": ".editor-bar",
}
"""What scripts have drawn once a page is whole."""


def open_whole(page, name, path):
    """Opens a page, and waits until its scripts have drawn all that they draw by themselves."""
    page.goto(path)
    if name in DRAWN:
        page.wait_for_selector(DRAWN[name])
    page.evaluate(STILL)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_no_serious_fault_for_those_who_can_not_see_or_point(page, watch, paths, name):
    if name == "not-found":
        watch.allow("404")
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    open_whole(page, name, paths[name])
    faults = {"light": faults_of(page)}
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    faults["dark"] = faults_of(page)
    assert faults == {"light": [], "dark": []}


def faults_of(page):
    found = Axe().run(page, options=OPTIONS).response["violations"]
    return [
        f"{each['id']} ({each['impact']}): {node['html'][:200]} {node.get('failureSummary', '')}"
        for each in found
        for node in each["nodes"]
        if each["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_a_phone(page, watch, paths, name):
    if name == "not-found":
        watch.allow("404")
    page.set_viewport_size({"width": 390, "height": 800})
    open_whole(page, name, paths[name])
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= 390, "the page itself scrolls sideways"


def test_the_list_of_runs_is_light(page, paths):
    open_whole(page, "runs", paths["runs"])
    sizes = json.loads(
        page.evaluate(
            "JSON.stringify(performance.getEntriesByType('resource')"
            ".filter(each => /\\.(js|css)$/.test(each.name)).map(each => [each.name, each.encodedBodySize]))"
        )
    )
    assert sum(size for _, size in sizes) < 60_000, sizes
    assert not any("react" in name for name, _ in sizes)
