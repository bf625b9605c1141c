"""Commits: one step of a run, as a compare-and-swap on its document with all that belongs to it.

The run's document is the commit point. Payloads and log lines are written before it, under keys that the commit fixes:
if it loses, nobody refers to them. Loop items and events are part of it, and carried out after it (see
`orchestrator.stores.mongo.pending`). Inbox entries go last; one that stays because the process died is taken again, and
recognized.

A list of commits is a few bulks. The server reports counts; where they do not add up, the documents say by their
``commit`` who won.
"""

from collections import Counter
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, replace

from bson.errors import BSONError
from bson.raw_bson import RawBSONDocument
from pymongo import InsertOne, UpdateOne

from flume.errors import UnavailableError
from flume.ids import RunId
from orchestrator.store import Commit, CommitResult, Verdict
from orchestrator.stores.mongo.awaited import forget_awaited, note_awaited
from orchestrator.stores.mongo.database import Operation, together
from orchestrator.stores.mongo.documents import from_node, keys_within
from orchestrator.stores.mongo.failures import TOO_LARGE
from orchestrator.stores.mongo.line_places import keep_first_lines, keep_lines
from orchestrator.stores.mongo.logs import line_document
from orchestrator.stores.mongo.part import Part
from orchestrator.stores.mongo.payloads import payload_writes, release_all
from orchestrator.stores.mongo.pending import Pending, apply_pending, clear, pending_of
from orchestrator.stores.mongo.run_documents import from_head, from_origin
from orchestrator.stores.mongo.values import COMMIT_TOO_LARGE, Document, bounded, to_key
from orchestrator.stores.succession import LOST, WON, predecessors, with_winners

_HEAD = {"rev": 1, "commit": 1, "pending.at": 1}


@dataclass(frozen=True, slots=True)
class Step:
    """A commit as it goes to the server. ``ahead`` and ``lines`` are written before ``write``, which is the commit point."""

    commit: Commit
    write: Operation
    pending: Pending | None
    ahead: Sequence[Operation]
    lines: Sequence[RawBSONDocument]

    @property
    def is_first(self) -> bool:
        """Whether the commit makes its run."""
        return self.commit.expected_rev == 0

    @property
    def was_awaited(self) -> bool:
        """Whether something was saved for the run before this commit made it, so that a note was left."""
        is_fed = self.commit.run.origin.retry_of is not None
        return self.is_first and bool(is_fed or self.ahead or self.lines)

    @property
    def needs_clearing(self) -> bool:
        """Whether no further commit of this process will take the pending changes out of the run's document."""
        commit = self.commit
        return self.pending is not None and (
            bool(commit.outbox)
            or commit.owner is None
            or commit.run.status.is_ended
            or self.pending.spilled is not None
        )


@dataclass(slots=True)
class Group:
    """A list of commits under way. A step is None, and its result final, where the commit can't be written down."""

    steps: Sequence[Step | None]
    before: Sequence[int | None]
    results: list[CommitResult]

    def may_go(self, place: int) -> bool:
        """Whether a commit goes on from nothing in the list, or from one that won."""
        predecessor = self.before[place]
        return predecessor is None or self.results[predecessor] == WON


class Commits(Part):
    """The part of the store that moves runs forward."""

    async def commit(self, commits: Sequence[Commit]) -> list[CommitResult]:
        """Carry out each commit whole or not at all, and say for each what became of it, in the same order."""
        steps: list[Step | None] = []
        results: list[CommitResult] = []
        for commit in commits:
            try:
                steps.append(self._step(commit))
                results.append(LOST)
            except (TypeError, ValueError, OverflowError, BSONError) as error:
                steps.append(None)
                results.append(CommitResult(Verdict.LOST, error=str(error)))
        group = Group(steps, predecessors(commits), results)
        await self._write_ahead([step for step in steps if step is not None])
        for wave in _waves(commits):
            await self._carry_out(group, wave)
        return with_winners(group.results, group.before)

    def _step(self, commit: Commit) -> Step:
        pending = pending_of(commit)
        fields = from_head(commit)
        if pending is not None:
            fields["pending"] = pending.document(self._world.clock())
        payloads = (
            commit.payloads if pending is None or pending.spilled is None else (*commit.payloads, pending.spilled)
        )
        run = commit.run
        return Step(
            commit,
            _write(commit, fields),
            pending,
            [write for payload in payloads for write in payload_writes(run.id, payload)],
            [bounded(line_document(run.origin, line, commit.rev, self._places())) for line in commit.logs],
        )

    async def _write_ahead(self, steps: Sequence[Step]) -> None:
        """Write what commits refer to. Of runs that do not exist yet, a note is left in case they never will."""
        await note_awaited(
            self._database, [step.commit.run.id for step in steps if step.is_first and (step.ahead or step.lines)]
        )
        logs = self._database.collection("logs")
        await together(
            self._database.collection("payloads").write([write for step in steps for write in step.ahead]),
            keep_first_lines(logs, [line for step in steps if step.is_first for line in step.lines]),
            keep_lines(logs, [line for step in steps if not step.is_first for line in step.lines], self._places),
        )

    async def _carry_out(self, group: Group, wave: Sequence[int]) -> None:
        """The commits of a list at these places, which are of different runs, and whose predecessors are decided."""
        steps = {place: step for place in wave if (step := group.steps[place]) is not None}
        going = [place for place in steps if group.may_go(place)]
        written = await self._runs.write([steps[place].write for place in going])
        for number, code in written.refused.items():
            if code in TOO_LARGE:
                group.results[going[number]] = CommitResult(Verdict.LOST, error=COMMIT_TOO_LARGE)
                del steps[going[number]]
        if written.done == len(steps):
            group.results[:] = [WON if place in steps else result for place, result in enumerate(group.results)]
            await self._follow_up(list(steps.values()))
        else:
            await self._sort_out(group, steps)

    async def _sort_out(self, group: Group, steps: Mapping[int, Step]) -> None:
        """Tell from the documents who won, now or when the same commit came before."""
        keys = [to_key(step.commit.run.id) for step in steps.values()]
        heads = {str(head["_id"]): head for head in await self._runs.find({"_id": {"$in": keys}}, _HEAD)}
        winners = []
        for place, step in steps.items():
            head = heads.get(step.commit.run.id)
            group.results[place] = await self._verdict(step, head)
            if head is not None and group.results[place] == WON:
                # What is not pending any more was carried out when the same commit came before.
                winners.append(step if "pending" in head else replace(step, pending=None))
        await self._follow_up(winners)

    async def _verdict(self, step: Step, head: Document | None) -> CommitResult:
        commit = step.commit
        if head is not None:
            return WON if (head["rev"], head["commit"]) == (commit.rev, commit.id) else LOST
        return await self._repeated(step) if commit.expected_rev == 0 else LOST

    async def _repeated(self, step: Step) -> CommitResult:
        """The run that used the start key first; what was written ahead for the one that is not made goes."""
        origin = step.commit.run.origin
        first = None
        if origin.start_key is not None:
            wanted = {"pipelineId": to_key(origin.pipeline_id), "startKey": origin.start_key}
            first = await self._runs.find_one(wanted, {"bodyHash": 1})
        if first is None:
            # It was there when the commit was refused, and has been deleted since.
            problem = f"run {origin.id} was refused for another that is gone by now; try again"
            raise UnavailableError(f"{self._database.where}: {problem}")
        if step.ahead:
            await release_all(self._database, origin.id)
        if step.lines:
            await self._database.collection("logs").delete_all({"_id": keys_within(origin.id)})
        if step.ahead or step.lines:
            await forget_awaited(self._database, [to_key(origin.id)])
        return CommitResult(Verdict.REPEATED, RunId(str(first["_id"])), first.get("bodyHash"))

    async def _follow_up(self, steps: Sequence[Step]) -> None:
        """Carry out what commits that won change elsewhere."""
        pending = [step.pending for step in steps if step.pending is not None]
        made = [to_key(step.commit.run.id) for step in steps if step.was_awaited]
        await together(
            apply_pending(self._database, pending),
            forget_awaited(self._database, made),
            *self._inbox_deletions(steps),
        )
        await clear(
            self._database, [_cleared(step, step.pending) for step in steps if step.pending and step.needs_clearing]
        )

    def _inbox_deletions(self, steps: Sequence[Step]) -> list[Awaitable[object]]:
        inbox = self._database.collection("inbox")
        commits = [step.commit for step in steps]
        entries = [entry for commit in commits if not commit.run.status.is_ended for entry in commit.inbox]
        # A run that is new has nothing in its inbox.
        ended = [to_key(commit.run.id) for commit in commits if commit.run.status.is_ended and commit.expected_rev > 0]
        deletions: list[Awaitable[object]] = []
        if entries:
            deletions.append(inbox.delete_all({"_id": {"$in": entries}}))
        if ended:
            deletions.append(inbox.delete_all({"run": {"$in": ended}}))
        return deletions


def _waves(commits: Sequence[Commit]) -> list[list[int]]:
    """The places of commits in rounds: each holds one commit of a run, in the order of the list."""
    waves: list[list[int]] = []
    counts: Counter[RunId] = Counter()
    for place, commit in enumerate(commits):
        if counts[commit.run.id] == len(waves):
            waves.append([])
        waves[counts[commit.run.id]].append(place)
        counts[commit.run.id] += 1
    return waves


def _write(commit: Commit, fields: Document) -> Operation:
    """The compare-and-swap itself. Raises `ValueError` for what is too large."""
    nodes = {node: {**from_node(state), "rev": commit.rev} for node, state in commit.nodes.items()}
    if commit.expected_rev == 0:
        return InsertOne(bounded({**from_origin(commit.run.origin), **fields, "nodes": nodes}))
    change: Document = {"$set": bounded(fields | {f"nodes.{node}": state for node, state in nodes.items()})}
    if "pending" not in fields:
        change["$unset"] = {"pending": ""}
    return UpdateOne({"_id": to_key(commit.run.id), "rev": commit.expected_rev}, change)


def _cleared(step: Step, pending: Pending) -> Document:
    """What `clear` takes: the document of a run as the commit has left it."""
    return {"_id": to_key(step.commit.run.id), "rev": step.commit.rev, "pending": pending.document(0)}
