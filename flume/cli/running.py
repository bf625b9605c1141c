"""``flume run``: one run on a store of its own, with its steps on stderr and its output on stdout."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from flume.cli.arguments import read_text
from flume.cli.interrupts import INTERRUPTED, run_interruptible
from flume.cli.local import Composition, local_orchestrator
from flume.cli.logging import configure_logging
from flume.cli.options import Format
from flume.cli.printing import as_yaml, line_of_function, print_output, print_text, say
from flume.cli.problem_lines import line_of
from flume.cli.progress import Progress, make_progress
from flume.cli.settings import Settings, read_secrets, read_settings
from flume.cli.showing import show_run
from flume.errors import DefinitionError
from flume.ids import NodeId
from flume.plan import Plan
from flume.values import JsonValue
from orchestrator.api.loading import load_values
from orchestrator.api.presentation import Record, run_record, to_json
from orchestrator.runs import TestRun
from orchestrator.service import Orchestrator
from orchestrator.state import Run, RunStatus
from orchestrator.stored_apart import payloads_of_run
from orchestrator.values import RunValues

_WHOLE = 2**62
"""Bytes of values that are loaded for a run that is printed whole: all there are."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to run, and how to show it. ``file`` is ``-`` for the standard input, and empty for a text that is in no file.

    ``is_output_alone``: JSON and YAML hold the run's output, not the run with all its nodes.
    """

    file: str
    data: JsonValue = None
    pins: Mapping[NodeId, JsonValue] | None = None
    until: str | None = None
    node_paths: Sequence[Path] = ()
    format: Format = Format.TEXT
    is_output_alone: bool = False


def run_file(wanted: Wanted) -> int:
    """Run a pipeline to its end; the exit code. Raises `FlumeError` for what can't be started."""
    try:
        return run_text(read_text(wanted.file, "FILE"), wanted)
    except DefinitionError as error:
        for problem in error.problems:
            say(line_of(problem, wanted.file))
        return 1


def run_text(text: str, wanted: Wanted) -> int:
    """Run a document's text to its end; the exit code. Raises `FlumeError` for what can't be started."""
    until = None if wanted.until is None else NodeId(wanted.until)
    test = TestRun(text, wanted.data, wanted.pins or {}, until)
    settings = read_settings()
    return run_interruptible(lambda stopping: _run(settings, test, wanted, stopping), patience_s=settings.grace + 1)


async def _run(settings: Settings, test: TestRun, wanted: Wanted, interrupted: asyncio.Event) -> int:
    configure_logging(settings, least=logging.WARNING)
    # It is there before the orchestrator and after it, since functions may have something to say in their last moments.
    with closing(make_progress()) as progress:
        run = await _run_and_show(settings, test, wanted, interrupted, progress)
    if run.status is not RunStatus.COMPLETED:
        _tell_failure(run, wanted)
    return _exit_code(run)


async def _run_and_show(
    settings: Settings, test: TestRun, wanted: Wanted, interrupted: asyncio.Event, progress: Progress
) -> Run:
    """The run once it has ended; its output was printed."""
    composition = Composition(
        settings,
        read_secrets(settings),
        None,
        wanted.node_paths,
        on_line=lambda name, line: progress.note(line_of_function(name, line)),
        fires_schedules=False,
    )
    async with local_orchestrator(composition) as orchestrator:
        for failure in orchestrator.registry.failures:
            say(f"{failure.source}: {failure.reason}")
        started = await orchestrator.runs.test("default", test)
        if started.run is None:
            raise AssertionError("a run without a start key can't be a repetition")
        plan = await orchestrator.plans.of_run(started.run.origin)
        run, rev = await _follow(orchestrator, plan, started.run, interrupted, progress)
        if wanted.is_output_alone or wanted.format not in (Format.JSON, Format.YAML):
            await _print_output(orchestrator, run, wanted.format)
        else:
            print_text(_as_text(await _whole(orchestrator, plan, run, rev), wanted.format))
    return run


async def _follow(
    orchestrator: Orchestrator, plan: Plan, run: Run, interrupted: asyncio.Event, progress: Progress
) -> tuple[Run, int]:
    """Show what happens until the run has ended; the run then, and its revision. ``progress`` is closed then."""
    cancelling = asyncio.create_task(_cancel_when(interrupted, orchestrator, run, progress), name="cancel")
    try:
        return await show_run(orchestrator, plan, run, progress)
    finally:
        cancelling.cancel()
        await asyncio.gather(cancelling, return_exceptions=True)
        progress.close()


async def _cancel_when(interrupted: asyncio.Event, orchestrator: Orchestrator, run: Run, progress: Progress) -> None:
    await interrupted.wait()
    progress.note("cancelling the run; press Ctrl-C again to leave at once")
    await orchestrator.engine.cancel(run.id)


async def _print_output(orchestrator: Orchestrator, run: Run, format: Format) -> None:
    if run.status is RunStatus.COMPLETED:
        print_output(await RunValues(orchestrator.store).load_output(run.root.output), format)


async def _whole(orchestrator: Orchestrator, plan: Plan, run: Run, rev: int) -> Record:
    return run_record(run, rev, plan, await load_values(orchestrator.store, payloads_of_run(run), _WHOLE))


def _as_text(record: Record, format: Format) -> str:
    from orjson import OPT_INDENT_2, dumps, loads

    # Values stand in the record as the JSON they have already, which is only laid out well once it was read again.
    value = loads(to_json(record))
    return as_yaml(value) if format is Format.YAML else dumps(value, option=OPT_INDENT_2).decode()


def _tell_failure(run: Run, wanted: Wanted) -> None:
    error = run.root.error
    if error is None:
        say(f"run {run.status}")
        return
    state = run.root.nodes.get(NodeId(error.node)) if error.node else None
    tries = f" (after {state.attempt} attempts)" if state is not None and state.attempt > 1 else ""
    where = f"{error.node}: " if error.node else ""
    say(f"run {run.status}: {where}{error.code}: {error.message}{tries}")
    if run.status is RunStatus.FAILED and wanted.format is Format.TEXT and wanted.file:
        say(f"every node with its output and attempts: flume run {wanted.file} … -o json")


def _exit_code(run: Run) -> int:
    match run.status:
        case RunStatus.COMPLETED:
            return 0
        case RunStatus.CANCELLED:
            return INTERRUPTED
        case _:
            return 1
