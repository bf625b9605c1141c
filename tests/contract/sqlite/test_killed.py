"""What is left of a process that is killed with SIGKILL in the middle of its work: all that it acknowledged, and whole steps."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.stores.sqlite.store import SqliteStore
from tests.contract.sqlite.building import commit_of, run_id

ROOT = Path(__file__).parents[3]


def killed_after(lines, folder, tasks):
    """The latest revision of each run that the process had named when it died."""
    command = [sys.executable, "-m", "tests.contract.sqlite.committing_process", str(folder), str(tasks)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    with process:
        acknowledged = [process.stdout.readline() for _ in range(lines)]
        process.kill()
        # What stands in the pipe was acknowledged too; only the last line may be cut off.
        acknowledged += [line for line in process.stdout if line.endswith("\n")]
    assert len(acknowledged) >= lines
    steps = [tuple(map(int, line.split())) for line in acknowledged]
    return dict(sorted(steps))


@pytest.mark.slow
@pytest.mark.parametrize(("lines", "tasks"), [(1, 1), (37, 1), (1, 50), (400, 50)])
async def test_a_killed_process_leaves_all_that_it_acknowledged_and_nothing_torn(tmp_path, lines, tasks):
    acknowledged = killed_after(lines, tmp_path, tasks)
    # The lock file still names the dead process.
    assert (tmp_path / "flume.lock").read_text().strip().isdigit()
    async with SqliteStore.open(tmp_path) as store:
        stored = {int(each.run.id, 16): each async for each in store.stored_runs()}
        for number, rev in acknowledged.items():
            assert stored[number].rev >= rev
        for number, each in stored.items():
            assert each.node_revs == {"first": each.rev, "second": each.rev}
            assert [node.attempt for node in each.run.root.nodes.values()] == [each.rev, each.rev]
            assert len((await store.read_logs(each.run.id)).items) == each.rev
            for rev in range(1, each.rev + 1):
                payload = await store.read_payload(f"{number:012x}{rev:012x}")
                assert len(payload.content) == 5000
            # And it goes on from there.
            await store.commit([commit_of(number, each.rev)])
            assert (await store.load_run(run_id(number))).rev == each.rev + 1
    connection = sqlite3.connect(tmp_path / "flume.db")
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert connection.execute("SELECT count(DISTINCT run_id) FROM payload_holders").fetchone() == (len(stored),)
    connection.close()
