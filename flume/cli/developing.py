"""``flume dev``: an orchestrator whose pipelines and node types are files, taken up anew whenever one is written."""

import asyncio
import json
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

from watchfiles import awatch

import flume
from flume.cli.documents import is_left_out
from flume.cli.interrupts import run_interruptible
from flume.cli.logging import configure_logging
from flume.cli.node_files import make_describer
from flume.cli.printing import print_output, print_text, say
from flume.cli.progress import make_progress
from flume.cli.serving import Serving, patience_of, prepared
from flume.cli.settings import Settings, read_settings
from flume.cli.showing import show_run
from flume.cli.stores import mongodb_url_of, place_of
from flume.cli.workspace import Workspace, shown
from flume.errors import RequestError
from flume.pipeline import InputDefinition, PipelineStatus
from flume.values import JsonObject
from orchestrator.runs import Start
from orchestrator.state import RunStatus
from orchestrator.store import PipelineRecord
from orchestrator.values import RunValues

DEBOUNCE_MS = 200
"""Writes that come this close together are taken up together."""

FIRST_LOOK_MS = 500
"""So long after a watcher was set up, files are compared even if it told nothing."""


@dataclass(frozen=True, slots=True)
class Session:
    """What a session serves. ``is_demo``: run the first pipeline before anything else."""

    paths: Sequence[Path]
    host: str
    port: int
    is_demo: bool = False


def develop(session: Session) -> int:
    """Serve and watch until a signal comes; the exit code. Raises `RequestError` for a path that does not exist."""
    for path in session.paths:
        if not path.exists():
            raise RequestError(f"there is no file or folder '{path}'")
    settings = read_settings()
    configure_logging(settings)
    run_interruptible(lambda stopping: _develop(settings, session, stopping), patience_s=patience_of(settings))
    return 0


async def _develop(settings: Settings, session: Session, stopping: asyncio.Event) -> None:
    mongodb_url = mongodb_url_of(settings, is_enough=False)
    # Who develops may well have the settings of a cluster at hand, for `flume render` and for what speaks to it.
    async with prepared(settings, session.host, mongodb_url=mongodb_url, may_be_on_cluster=False) as ready:
        workspace = Workspace(ready.orchestrator, session.paths, say, make_describer().describe, ready.refresh)
        workspace.load_nodes()
        # Here, because only a server needs it, and it takes a while to import.
        from flume.cli.console import console_beside

        ready = replace(ready, app=console_beside(ready.app, ready.access, settings))
        async with ready.serving(session.port) as server:
            await workspace.load_pipelines()
            if session.is_demo:
                await _run_first(server, workspace)
            await _print_addresses(server, workspace, settings, place_of(settings, mongodb_url))
            await _watch(workspace, settings, stopping)
            say("stopping; press Ctrl-C again to leave at once")


async def _watch(workspace: Workspace, settings: Settings, stopping: asyncio.Event) -> None:
    """Take up changes until ``stopping`` is set. Folders that come or go are watched from then on, or no more.

    What is told by the system only wakes us: what changed is seen by comparing files, so that nothing is missed which
    was written before a watcher stood.
    """
    data = settings.data.resolve()
    while not stopping.is_set():
        watched = watched_places(workspace.paths, data)
        batches = awatch(
            *watched,
            recursive=False,
            debounce=DEBOUNCE_MS,
            stop_event=stopping,
            raise_interrupt=False,
            rust_timeout=FIRST_LOOK_MS,
            yield_on_timeout=True,
            watch_filter=lambda _, path: workspace.owns(Path(path)) or not Path(path).suffix,
        )
        is_first = True
        async with aclosing(batches):
            async for batch in batches:
                if not (batch or is_first):
                    continue
                is_first = False
                await workspace.update(workspace.changes())
                if watched_places(workspace.paths, data) != watched:
                    break


def watched_places(paths: Sequence[Path], data: Path) -> list[Path]:
    """The folders in which a change matters. Each is watched by itself: what is left out is not even looked at."""
    places: dict[Path, None] = {}
    for path in paths:
        resolved = path.resolve()
        if resolved.is_file():
            places[resolved.parent] = None
            continue
        pending = [resolved]
        while pending:
            folder = pending.pop()
            places[folder] = None
            pending += sorted(
                each for each in folder.iterdir() if each.is_dir() and not is_left_out(each.name) and each != data
            )
    return sorted(places)


async def _run_first(server: Serving, workspace: Workspace) -> None:
    """Run one pipeline before the reader's eyes: ``hello`` if it is there, the first one otherwise."""
    orchestrator = server.orchestrator
    records = sorted(workspace.pipelines.items(), key=lambda each: each[1].name != "hello")
    if not records:
        say("there is no pipeline to run yet")
        return
    (file, _), record = records[0]
    say(f"\nrunning {record.name} ({shown(file)})")
    started = await orchestrator.runs.start(record, Start())
    if started.run is None:
        raise AssertionError("a run without a start key can't be a repetition")
    plan = await orchestrator.plans.of_run(started.run.origin)
    progress = make_progress()
    try:
        run, _ = await show_run(orchestrator, plan, started.run, progress)
    finally:
        progress.close()
    if run.status is RunStatus.COMPLETED:
        say("result:")
        print_output(await RunValues(orchestrator.store).load_output(run.root.output))
    elif run.root.error is not None:
        say(f"run {run.status}: {run.root.error.code}: {run.root.error.message}")


async def _print_addresses(server: Serving, workspace: Workspace, settings: Settings, place: str) -> None:
    token = ' -H "Authorization: Bearer $FLUME_TOKEN"' if settings.api_token and settings.auth != "none" else ""
    print_text(f"\nflume {flume.__version__} at {server.url}  (API: {server.url}/docs, data: {place})")
    for record in {record.name: record for record in workspace.pipelines.values()}.values():
        print_text(f"\n  {record.name} ({record.status})")
        print_text(f"    {await _curl_line(server, record, token)}")
        for url in _hook_urls(server, record):
            print_text(f"    {url}")
    if not workspace.pipelines:
        print_text("\n  no pipelines yet: write one, or begin with 'flume init'")
    print_text("\nWatching for changes. Ctrl-C stops; runs that are under way go on with the next start.")


async def _curl_line(server: Serving, record: PipelineRecord, token: str) -> str:
    namespace = "" if record.namespace == "default" else f"?namespace={quote(record.namespace)}"
    url = f"{server.url}/api/v1/pipelines/{record.name}/invoke{namespace}"
    data: dict[str, object] = {}
    if record.status is not PipelineStatus.DRAFT:
        plan = await server.orchestrator.plans.of_version(record.id, record.version)
        data = {each.name: sample_of(each) for each in plan.inputs}
    body = json.dumps(data, ensure_ascii=False).replace("'", "'\\''")
    return f"curl '{url}' -H 'Content-Type: application/json' -H 'Prefer: wait=20'{token} -d '{body}'"


def sample_of(given: InputDefinition) -> object:
    """A value for an input: its default, else one that it takes, else, for a text, a gap that shows what belongs there."""
    if not given.required:
        return given.default
    choices = given.schema.get("enum")
    if isinstance(choices, list) and choices:
        return choices[0]
    samples: dict[object, object] = {
        "integer": given.schema.get("minimum", 1),
        "number": given.schema.get("minimum", 1),
        "boolean": True,
        "array": [],
        "object": {},
    }
    return samples.get(given.schema.get("type"), f"<{given.name}>")


def _hook_urls(server: Serving, record: PipelineRecord) -> list[str]:
    return [
        f"{_trigger_label(trigger)}: {server.url}/hooks/{quote(record.namespace)}/{quote(trigger['path'])}"
        for trigger in record.triggers
        if trigger["type"] == "webhook"
    ]


def _trigger_label(trigger: JsonObject) -> str:
    """``webhook``, and which one if it has a name of its own."""
    return "webhook" if trigger["id"] == "webhook" else f"webhook {trigger['id']}"
