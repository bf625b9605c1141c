"""Plans that are long, wide or deep: no recursion, and work that grows with the size and no faster."""

import sys
from collections.abc import Callable

import pytest

from flume.nodes.types import ERROR
from orchestrator.recovery import pending, restored
from tests.unit.orchestrator.plans import plan_of
from tests.unit.orchestrator.story import Story


def chain(length: int, *, arrow: str = "->") -> str:
    return f" {arrow} ".join(f"n{index}" for index in range(length))


def fan(width: int) -> str:
    return ", ".join(f"top -> n{index} -> bottom" for index in range(width))


def test_a_chain_of_two_thousand_nodes_is_skipped_in_one_step() -> None:
    story = Story(plan_of(f"start -true-> n0, {chain(2000)}"))
    story.complete("start", port="false")
    assert story.status == "completed"
    assert sum(status == "skipped" for status in story.statuses().values()) == 2000


def test_a_chain_of_two_thousand_nodes_runs_to_its_end() -> None:
    story = Story(plan_of(chain(2000)))
    for index in range(2000):
        story.complete(f"n{index}", index)
    assert (story.status, story.output) == ("completed", ("n1999", 1999))


def test_a_thousand_nodes_start_from_one_and_meet_in_one() -> None:
    story = Story(plan_of(fan(1000))).complete("top")
    assert len(story.commands) == 1000
    for index in range(999):
        assert not story.complete(f"n{index}").commands
    assert len(story.complete("n999").commands) == 1
    assert story.complete("bottom", "met").output == ("bottom", "met")


def test_a_thousand_failures_are_forgiven_one_by_one() -> None:
    text = ", ".join(f"n{index} -{ERROR}-> bottom" for index in range(1000))
    story = Story(plan_of(text))
    for index in range(1000):
        story.fail(f"n{index}")
    assert story.statuses()["bottom"] == "running"


def test_two_thousand_items_with_nothing_to_do_are_done_in_one_step() -> None:
    story = Story(plan_of("each", loops={"each": ""})).open_loop("each", 2_000)
    assert (story.loop("each").succeeded, len(story.commands)) == (2_000, 1)


def test_a_thousand_items_at_once_are_cancelled_in_one_step() -> None:
    story = Story(plan_of("each", loops={"each": "x"}, concurrency={"each": 1000})).open_loop("each", 1000)
    assert len(pending(story.plan, story.run)) == 1000
    assert len(story.cancel().commands) == 1000


def test_loops_may_be_thirty_deep() -> None:
    depth = 30
    loops = {f"l{level}": f"l{level + 1}" for level in range(depth)}
    story = Story(plan_of("l0", loops=loops))
    instance = "l0"
    for level in range(depth):
        story.open_loop(instance, 1)
        instance += f"[0].l{level + 1}"
    assert len(story.cancel().run.scopes) == depth + 1
    assert {scope.status.value for scope in story.run.scopes.values()} == {"cancelled"}


def calls_in(step: Callable[[], object]) -> int:
    """How many functions a step calls: a measure of work that is the same on every machine."""
    calls = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event == "call"

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        step()
    finally:
        sys.setprofile(before)
    return calls


def skipping(size: int) -> Callable[[], object]:
    story = Story(plan_of(f"start -true-> n0, {chain(size)}"))
    return lambda: story.complete("start", port="false")


def starting(size: int) -> Callable[[], object]:
    story = Story(plan_of(fan(size)))
    return lambda: story.complete("top")


def cancelling(size: int) -> Callable[[], object]:
    story = Story(plan_of(fan(size))).complete("top")
    return story.cancel


def restoring(size: int) -> Callable[[], object]:
    story = Story(plan_of(fan(size))).complete("top")
    return lambda: restored(story.plan, story.run)


def joining(size: int) -> Callable[[], object]:
    text = ", ".join(f"n{index} -> bottom" for index in range(size))
    story = Story(plan_of(text))
    return lambda: [story.complete(f"n{index}") for index in range(size)]


def looping(size: int) -> Callable[[], object]:
    story = Story(plan_of("each", loops={"each": ""}))
    return lambda: story.open_loop("each", size)


@pytest.mark.parametrize("make_step", [skipping, starting, cancelling, restoring, joining, looping])
def test_work_grows_with_the_size_and_no_faster(make_step: Callable[[int], Callable[[], object]]) -> None:
    assert calls_in(make_step(800)) < 4.2 * calls_in(make_step(200))
