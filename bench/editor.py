"""Frames of the visual editor in a real browser: processor time of the page per frame, which hardly depends on other load."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from tempfile import TemporaryDirectory

from playwright.async_api import CDPSession, Page, async_playwright

from bench.harness import Row
from bench.servers import Connection, console_server, flume_server
from tests.browser.browser import FLAGS, find_browser

WIDTH = 7
"""Chains of nodes beside each other."""

VIEWPORT = {"width": 1280, "height": 860}
FRAMES = 90
ROUNDS = 5

EMPTY = "<!doctype html><title>empty</title><style>*{margin:0}</style><div class=place style='height:860px'></div>"

DRAG = """async ([selector, frames]) => {
  const place = document.querySelector(selector);
  const box = place.getBoundingClientRect();
  const [x, y] = [box.x + box.width / 2, box.y + Math.min(box.height / 2, 20)];
  const send = (target, type, step) => target.dispatchEvent(new MouseEvent(type, {
    bubbles: true, cancelable: true, view: window, button: 0, buttons: type === "mouseup" ? 0 : 1,
    clientX: x - 2 * step, clientY: y + step,
  }));
  const frame = () => new Promise(requestAnimationFrame);
  send(place, "mousedown", 0);
  for (let step = 1; step <= frames; step += 1) {
    send(window, "mousemove", step < frames / 2 ? step : frames - step);
    await frame();
  }
  send(window, "mouseup", 0);
}"""
"""There and back, a little in each frame."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A page and the way to its counters."""

    page: Page
    session: CDPSession

    async def cpu_ms(self) -> float:
        """The processor time that the page's main thread has used in its tasks."""
        metrics = (await self.session.send("Performance.getMetrics"))["metrics"]
        return float(next(each["value"] for each in metrics if each["name"] == "TaskDuration")) * 1000

    async def per_frame(self, selector: str) -> float:
        """Milliseconds per frame while what the selector finds is dragged."""
        before = await self.cpu_ms()
        await self.page.evaluate(DRAG, [selector, FRAMES])
        return (await self.cpu_ms() - before) / FRAMES


async def measure_editor_frames(scale: float) -> list[Row]:
    """Moving the canvas and a node, with 200 and with 1,000 nodes; the floor is an empty page of the same size."""
    rounds = max(int(ROUNDS * scale), 2)
    rows = []
    async with _console() as port, _browser() as open_page:
        floor = await _repeated(await open_page(EMPTY), ".place", rounds)
        for count in (200, 1000):
            await _save(port, count)
            began = time.perf_counter()
            opened = await open_page(f"http://127.0.0.1:{port}/pipelines/large-{count}/edit")
            await opened.page.wait_for_selector("[data-node=n0]")
            ready = time.perf_counter() - began
            rows.append(Row(f"editor, {count} nodes: from its address to its graph", (ready,), unit="s"))
            at_first = await _repeated(opened, ".react-flow__pane", rounds)
            rows.append(Row(f"editor, {count} nodes: move the canvas", at_first, unit="ms CPU a frame", floor=floor))
            node = await _repeated(opened, "[data-node=n0]", rounds)
            rows.append(Row(f"editor, {count} nodes: move a node", node, unit="ms CPU a frame", floor=floor))
            await opened.page.click("button[aria-label='Fit View']")
            await opened.page.wait_for_timeout(500)
            fitted = await _repeated(opened, ".react-flow__pane", rounds)
            rows.append(Row(f"editor, {count} nodes: move, all in sight", fitted, unit="ms CPU a frame", floor=floor))
    return rows


async def _repeated(opened: Opened, selector: str, rounds: int) -> tuple[float, ...]:
    await opened.per_frame(selector)
    return tuple([await opened.per_frame(selector) for _ in range(rounds)])


@asynccontextmanager
async def _console() -> AsyncIterator[int]:
    with TemporaryDirectory(prefix="flume-bench-") as folder:
        async with flume_server({"FLUME_DATA": folder}) as engine, console_server(engine) as console:
            yield console.port


@asynccontextmanager
async def _browser():  # type: ignore[no-untyped-def]
    path = find_browser()
    if path is None:
        raise SystemExit("no Chromium here; install one (apt-get install chromium), or name it in FLUME_TEST_BROWSER")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=list(FLAGS))

        async def open_page(address: str) -> Opened:
            page = await browser.new_page(viewport=VIEWPORT)
            session = await page.context.new_cdp_session(page)
            await session.send("Performance.enable", {"timeDomain": "threadTicks"})
            await (page.goto(address) if address.startswith("http") else page.set_content(address))
            return Opened(page, session)

        yield open_page
        await browser.close()


async def _save(port: int, count: int) -> None:
    """Seven chains, each node of which reads the one before it."""
    lines = ["apiVersion: flume/v1", "kind: Pipeline", f"metadata: {{name: large-{count}}}", "nodes:"]
    for number in range(count):
        before = f"{{{{ n{number - WIDTH}.output }}}}" if number >= WIDTH else "hello"
        lines.append(f'  - {{id: n{number}, type: log, inputs: {{message: "{before}"}}}}')
    lines += ["edges:", *(f"  - {{from: n{number - WIDTH}, to: n{number}}}" for number in range(WIDTH, count))]
    status, said = await Connection.call(
        port,
        "POST",
        "/api/v1/pipelines",
        "\n".join(lines).encode(),
        content_type="application/yaml",
        x_flume_console="1",
    )
    if status != 201:
        raise AssertionError(f"the pipeline was not saved: {status} {said!r}")
