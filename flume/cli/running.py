"""``flume run``: one run on a store of its own, with its steps on stderr and its output on stdout."""

import asyncio
import json
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

import typer

from flume.cli.local import Composition, local_orchestrator
from flume.cli.settings import read_secrets, read_settings
from flume.ids import NodeId
from flume.values import JsonValue
from orchestrator.runs import TestRun
from orchestrator.service import Orchestrator
from orchestrator.state import NodeState, NodeStatus, Run, RunStatus
from orchestrator.values import RunValues

_MARKS = {
    NodeStatus.COMPLETED: "done",
    NodeStatus.FAILED: "failed",
    NodeStatus.SKIPPED: "skipped",
    NodeStatus.CANCELLED: "cancelled",
    NodeStatus.WAITING: "asleep",
    NodeStatus.RETRYING: "to be tried again",
    NodeStatus.RUNNING: "running",
}


def run_file(
    file: Path,
    *,
    data: JsonValue,
    pins: Mapping[NodeId, JsonValue],
    until: str | None,
    node_paths: Sequence[Path],
    whole_run: bool,
) -> int:
    """Run the pipeline in ``file`` to its end; the exit code. Raises `FlumeError` for what can't be started."""
    source = file.read_text(errors="surrogateescape")
    test = TestRun(source, data, pins, None if until is None else NodeId(until))
    return asyncio.run(_run(test, node_paths, whole_run=whole_run))


async def _run(test: TestRun, node_paths: Sequence[Path], *, whole_run: bool) -> int:
    settings = read_settings()
    composition = Composition(settings, read_secrets(settings), None, node_paths, fires_schedules=False)
    async with local_orchestrator(composition) as orchestrator:
        for failure in orchestrator.registry.failures:
            typer.echo(f"{failure.source}: {failure.reason}", err=True)
        started = await orchestrator.runs.test("default", test)
        if started.run is None:
            raise AssertionError("a run without a start key can't be a repetition")
        run = await _follow(orchestrator, started.run)
        output = await RunValues(orchestrator.store).load_output(run.root.output)
    if whole_run:
        typer.echo(json.dumps(_shown(run, output), ensure_ascii=False, indent=2))
    elif run.status is RunStatus.COMPLETED:
        typer.echo(output if isinstance(output, str) else json.dumps(output, ensure_ascii=False, indent=2))
    return _exit_code(run)


async def _follow(orchestrator: Orchestrator, run: Run) -> Run:
    """Show what happens until the run has ended. The first Ctrl-C cancels the run, the next one ends the process."""
    loop = asyncio.get_running_loop()
    interrupted = asyncio.Event()

    def interrupt() -> None:
        loop.remove_signal_handler(signal.SIGINT)
        interrupted.set()

    shown: dict[NodeId, NodeState] = {}
    with orchestrator.engine.watch(run.id) as watch:
        loop.add_signal_handler(signal.SIGINT, interrupt)
        cancelling = loop.create_task(_cancel_when(interrupted, orchestrator, run))
        try:
            _show_changes(run, shown)
            while not run.status.is_ended:
                run = await watch.next()
                _show_changes(run, shown)
        finally:
            loop.remove_signal_handler(signal.SIGINT)
            cancelling.cancel()
    return run


async def _cancel_when(interrupted: asyncio.Event, orchestrator: Orchestrator, run: Run) -> None:
    await interrupted.wait()
    typer.echo("cancelling the run; press Ctrl-C again to leave at once", err=True)
    await orchestrator.engine.cancel(run.id)


def _show_changes(run: Run, shown: dict[NodeId, NodeState]) -> None:
    for node_id, state in run.root.nodes.items():
        if shown.get(node_id) is state:
            continue
        shown[node_id] = state
        took = ""
        if state.status.is_settled and state.started_at is not None and state.completed_at is not None:
            took = f" in {state.completed_at - state.started_at} ms"
        why = f": {state.error.code}: {state.error.message}" if state.error is not None else ""
        typer.echo(f"  {node_id}: {_MARKS.get(state.status, state.status)}{took}{why}", err=True)
    if run.status.is_ended and run.root.error is not None:
        error = run.root.error
        typer.echo(
            f"run {run.status}: {f'{error.node}: ' if error.node else ''}{error.code}: {error.message}", err=True
        )


def _shown(run: Run, output: JsonValue) -> dict[str, JsonValue]:
    """The run as ``-o json`` prints it."""
    error = run.root.error
    return {
        "id": run.id,
        "pipeline": run.origin.pipeline,
        "status": run.status.value,
        "output": output,
        "error": None
        if error is None
        else {"code": error.code, "message": error.message, "node": error.node, "retryable": error.retryable},
        "nodes": {
            node_id: {"status": state.status.value, "attempt": state.attempt}
            for node_id, state in run.root.nodes.items()
        },
    }


def _exit_code(run: Run) -> int:
    match run.status:
        case RunStatus.COMPLETED:
            return 0
        case RunStatus.CANCELLED:
            return 130
        case _:
            return 1
