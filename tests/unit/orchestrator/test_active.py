"""A run in memory: what goes with a commit goes with it once."""

import asyncio

from flume.ids import Instance
from orchestrator.active import ActiveRun
from orchestrator.store import LogLine, Payload
from orchestrator.values import RunValues
from tests.unit.orchestrator.plans import new_run, plan_of

LINE = LogLine(Instance("a"), 1, 0, 5, "info", "hello")


def active() -> ActiveRun:
    plan = plan_of("a")
    run = new_run(plan)
    return ActiveRun(plan, run, 0, RunValues(None), run)


def test_what_was_sent_with_a_commit_is_not_sent_again():
    made = active()
    made.inbox.append("entry")
    made.logs.append(LINE)
    made.dropped_lines[Instance("a"), 1] = LINE
    made.payloads.append(Payload("f" * 24, b"1"))
    first = made.next_commit("c1", owner=None, wake_at=None, expires_at=None)
    made.rev = first.rev
    assert (first.inbox, first.logs, len(first.payloads)) == (("entry",), (LINE, LINE), 1)
    assert not made.has_changed()
    second = made.next_commit("c2", owner=None, wake_at=None, expires_at=None)
    assert (second.inbox, second.logs, second.payloads) == ((), (), ())


async def test_a_task_that_was_let_go_of_is_cancelled_and_waited_for_no_longer():
    made = active()
    task = made.tasks[Instance("a"), 1] = asyncio.create_task(asyncio.sleep(60))
    made.let_go_of(Instance("a"), 2)
    assert list(made.tasks.values()) == [task]
    made.let_go_of_all()
    await asyncio.wait([task])
    assert (task.cancelled(), made.tasks) == (True, {})
