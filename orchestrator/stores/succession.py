"""Which commits of a list go on from one another, and what that says about who won."""

from collections.abc import Sequence

from flume.ids import RunId
from orchestrator.store import Commit, CommitResult, Verdict

WON = CommitResult(Verdict.WON)
LOST = CommitResult(Verdict.LOST)


def predecessors(commits: Sequence[Commit]) -> list[int | None]:
    """For each commit the place of the one before it in the list that it goes on from, if there is one."""
    latest: dict[tuple[RunId, int], int] = {}
    found: list[int | None] = []
    for place, commit in enumerate(commits):
        found.append(latest.get((commit.run.id, commit.expected_rev)))
        latest[commit.run.id, commit.rev] = place
    return found


def with_winners(results: Sequence[CommitResult], before: Sequence[int | None]) -> list[CommitResult]:
    """Where a commit won, the one that it goes on from has won too, if only when the same list came before."""
    found = list(results)
    for place in reversed(range(len(found))):
        predecessor = before[place]
        if predecessor is not None and found[place] == WON:
            found[predecessor] = WON
    return found
