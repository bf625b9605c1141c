"""The working copy of a run: what was not touched is shared, what was is new."""

from dataclasses import replace

from flume.ids import ROOT, Millis, NodeId, ScopePath
from orchestrator.draft import Draft
from orchestrator.records import inline
from orchestrator.state import NodeState, NodeStatus, PayloadRef, RunStatus, Stored
from tests.unit.orchestrator.plans import plan_of
from tests.unit.orchestrator.story import Story

AT = Millis(7)
STATE = NodeState(NodeStatus.RUNNING, attempt=1)


def looping() -> Story:
    return Story(plan_of("each, a", loops={"each": "x"})).open_loop("each", 2)


def test_a_draft_that_was_only_read_gives_back_the_very_same_run() -> None:
    story = looping()
    draft = Draft(story.plan, story.run, AT)
    assert draft.scope(ROOT) is story.run.root
    assert draft.node(ScopePath("each[0].x")) is story.node("each[0].x")  # type: ignore[arg-type]
    assert draft.finish() == (story.run, ())
    assert draft.finish()[0] is story.run


def test_a_changed_scope_is_new_and_the_others_are_shared() -> None:
    story = looping()
    draft = Draft(story.plan, story.run, AT)
    draft.put(ScopePath("each[0]"), NodeId("x"), STATE)
    run, _ = draft.finish()
    assert run.scopes[ScopePath("each[0]")].nodes == {"x": STATE}
    assert run.root is story.run.root
    assert run.scopes[ScopePath("each[1]")] is story.run.scopes[ScopePath("each[1]")]
    assert story.node("each[0].x") is not STATE


def test_what_was_changed_is_what_is_read() -> None:
    story = looping()
    draft = Draft(story.plan, story.run, AT)
    opened = draft.open(ROOT)
    opened.status = RunStatus.FAILED
    assert draft.open(ROOT) is opened
    assert draft.scope(ROOT) is opened
    assert [scope.status for _, scope in draft.scopes()] == ["failed", "running", "running"]


def test_a_scope_changed_while_all_are_gone_through_shows_its_change() -> None:
    story = looping()
    draft = Draft(story.plan, story.run, AT)
    seen = []
    for path, scope in draft.scopes():
        seen.append((path, scope.status.value))
        if path == ROOT:
            draft.open(ScopePath("each[1]")).status = RunStatus.CANCELLED
            draft.add_scope(ScopePath("each[2]"), story.plan.scope(ScopePath("each[2]")))
    assert seen == [("", "running"), ("each[0]", "running"), ("each[1]", "cancelled")]


def test_a_new_scope_is_under_way_with_all_its_nodes_unsettled() -> None:
    story = looping()
    draft = Draft(story.plan, story.run, AT)
    draft.add_scope(ScopePath("each[2]"), story.plan.scope(ScopePath("each[2]")))
    scope = draft.finish()[0].scopes[ScopePath("each[2]")]
    assert (scope.status, scope.unsettled, scope.started_at, dict(scope.nodes)) == ("running", 1, AT, {})


def test_a_scope_that_is_not_under_way_has_no_nodes() -> None:
    story = looping()
    draft = Draft(story.plan, story.run, AT)
    assert draft.scope(ScopePath("each[9]")) is None
    assert draft.node(ScopePath("each[9].x")) is None  # type: ignore[arg-type]


def test_only_values_kept_in_the_run_count_as_inline_and_only_while_they_are() -> None:
    story = looping()
    held = story.run.inline_bytes

    def held_with(output: Stored | None) -> int:
        draft = Draft(story.plan, story.run, AT)
        draft.put(ROOT, NodeId("a"), replace(STATE, output=inline("in its place")))
        draft.put(ROOT, NodeId("a"), replace(STATE, output=output))
        return draft.finish()[0].inline_bytes

    assert held_with(inline("12")) == held + len('"12"')
    assert held_with(PayloadRef("f" * 24, 1_000_000)) == held
    assert held_with(None) == held
