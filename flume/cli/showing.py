"""Shows a run that this process moves, until it has ended."""

import asyncio

from flume.cli.progress import Progress
from flume.cli.streamed_text import Piece
from flume.ids import ROOT, NodeId
from flume.plan import Plan
from orchestrator.api.presentation import log_record, node_record
from orchestrator.bus import LogsWritten, Subscription, run_topic
from orchestrator.bus import Progress as PieceOfOutput
from orchestrator.service import Orchestrator
from orchestrator.state import NodeState, Run


async def show_run(orchestrator: Orchestrator, plan: Plan, run: Run, progress: Progress) -> tuple[Run, int]:
    """Show what happens from ``run`` on, a state at revision 1; the run when it has ended, and its revision then.

    Call it without waiting for anything since the run was started, so that nothing is missed in between.
    """
    shown: dict[NodeId, NodeState] = {}
    with (
        orchestrator.engine.watch(run.id) as watch,
        orchestrator.bus.subscribe(run_topic(run.id)) as subscription,
    ):
        showing = asyncio.create_task(_show_output(subscription, progress), name="show output")
        try:
            await _show_first_lines(orchestrator, run, progress)
            _show_changes(plan, run, shown, progress)
            while not run.status.is_ended:
                run = await watch.next()
                _show_changes(plan, run, shown, progress)
            _show_messages(subscription, progress)
        finally:
            showing.cancel()
            await asyncio.gather(showing, return_exceptions=True)
    return run, max(watch.rev, 1)


async def _show_output(subscription: Subscription, progress: Progress) -> None:
    while True:
        await subscription.wait()
        _show_messages(subscription, progress)


def _show_messages(subscription: Subscription, progress: Progress) -> None:
    for message in subscription.take():
        match message:
            case PieceOfOutput():
                progress.text(Piece(message.instance, message.attempt, message.offset, message.text))
            case LogsWritten():
                for line in message.lines:
                    progress.log(log_record(line))
            case _:
                # States are shown from the watch, which misses none.
                pass


async def _show_first_lines(orchestrator: Orchestrator, run: Run, progress: Progress) -> None:
    """What was logged with the commit that made the run, before anyone could listen."""
    page = await orchestrator.store.read_logs(run.id)
    for line in page.items:
        progress.log(log_record(line))


def _show_changes(plan: Plan, run: Run, shown: dict[NodeId, NodeState], progress: Progress) -> None:
    for node_id, state in run.root.nodes.items():
        if shown.get(node_id) is not state:
            shown[node_id] = state
            progress.node(node_id, node_record(run, ROOT, node_id, plan.root.nodes[node_id], state))
