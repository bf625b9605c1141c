"""A list of ten thousand runs is as quick as one of ten."""

import asyncio
import time

import pytest
from playwright.sync_api import expect

from flume.cli.local import Composition, local_orchestrator
from flume.cli.settings import Settings
from flume.source import read_source
from orchestrator.runs import Start

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

RUNS = 10_000
AT_ONCE = 200


@pytest.fixture(scope="module")
def server(tmp_path_factory, make_server):
    """Its runs are made before it starts, in this process: over HTTP that takes a minute."""
    made = make_server(tmp_path_factory.mktemp("many"))
    asyncio.run(_fill(made.data, (made.site / "many.yaml").read_text()))
    made.start()
    yield made
    made.stop()


async def _fill(data, document):
    async with local_orchestrator(Composition(Settings(grace=10), {}, data)) as orchestrator:
        saved = await orchestrator.pipelines.save(read_source(document, format="yaml"), namespace="default")
        for _ in range(RUNS // AT_ONCE):
            await asyncio.gather(*(orchestrator.runs.start(saved.record, Start()) for _ in range(AT_ONCE)))


def test_a_list_of_ten_thousand_runs_is_there_at_once_and_goes_on_page_by_page(server, page):
    page.goto("/runs")
    began = time.perf_counter()
    page.goto("/runs")
    expect(page.locator("tbody tr")).to_have_count(50)
    # Loose: machines that test are busy. Alone it takes a tenth of that.
    assert time.perf_counter() - began < 3
    first = page.locator("tbody tr").first.get_attribute("id")
    for _ in range(3):
        page.get_by_role("link", name="More runs").click()
        page.wait_for_url("**cursor=**")
    assert page.locator("tbody tr").first.get_attribute("id") != first
    page.get_by_role("link", name="Newest").click()
    expect(page.locator("tbody tr").first).to_have_id(first or "")


def test_a_busy_namespace_does_not_make_the_page_busy(server, page):
    page.goto("/runs?pipeline=many")
    expect(page.locator("[data-live-state]")).to_have_text("Live")
    loads: list[str] = []
    page.on("request", lambda request: loads.append(request.url) if "/runs?" in request.url else None)
    began = time.perf_counter()
    newest = [server.run("many", waits=False) for _ in range(100)][-1]
    expect(page.locator(f"#run-{newest}")).to_be_visible()
    took = time.perf_counter() - began
    assert len(loads) <= took / 0.5 + 2, "the list is loaded at most twice a second"


def test_the_dashboard_counts_them_all(server, page):
    page.goto("/")
    expect(page.locator(".tile__value").first).to_contain_text(f"{RUNS // 1000},")
