"""Plans in memory: made once, kept within bounds, and checked whole when a text is new."""

from dataclasses import replace

import pytest

from flume.cli.local import make_registry
from flume.errors import DefinitionError, NotFoundError
from flume.ids import NodeId, PipelineId
from flume.planning import Circumstances
from orchestrator import plans as module
from orchestrator.plans import Plans, plan_without_nodes
from orchestrator.state import RunOrigin
from tests.unit.orchestrator.plans import new_run, plan_of

HEAD = "apiVersion: flume/v1\nkind: Pipeline\nmetadata: {name: trial}\nnodes:\n"
ASKING = HEAD + "  - {id: a, type: http-request, config: {url: 'http://x/', headers: {k: '{{ secrets.KEY }}'}}}\n"


class NoStore:
    async def read_version(self, pipeline_id, version):
        return None


def text(*nodes: str) -> str:
    return HEAD + "".join(f"  - {{id: {node}, type: template, config: {{template: x}}}}\n" for node in nodes)


def origin(definition: str, until: str | None = None) -> RunOrigin:
    made = new_run(plan_of("a")).origin
    return replace(made, version=0, definition=definition, until=None if until is None else NodeId(until))


@pytest.fixture
def plans() -> Plans:
    async def catch_up():
        pass

    return Plans(NoStore(), make_registry([]), Circumstances(secrets=frozenset()), catch_up=catch_up)


async def test_a_text_is_planned_once_for_all_its_runs(plans):
    whole = await plans.of_text(text("a", "b"))
    assert await plans.of_run(origin(text("a", "b"))) is whole
    part = await plans.of_run(origin(text("a", "b"), until="a"))
    assert set(part.root.nodes) == {"a"}
    assert await plans.of_run(origin(text("a", "b"), until="a")) is part


async def test_a_text_is_refused_with_its_problems_although_a_run_of_it_may_go_on(plans):
    with pytest.raises(DefinitionError, match="KEY"):
        await plans.of_text(ASKING)
    assert set((await plans.of_run(origin(ASKING))).nodes) == {"a"}
    with pytest.raises(DefinitionError, match="KEY"):
        await plans.of_text(ASKING)


async def test_a_version_that_is_gone_is_named(plans):
    with pytest.raises(NotFoundError, match="7"):
        await plans.of_version(PipelineId("f" * 24), 7)


async def test_plans_are_made_anew_after_node_types_were_reloaded(plans):
    before = await plans.of_text(text("a"))
    plans.forget()
    assert await plans.of_run(origin(text("a"))) is not before


async def test_what_was_used_longest_ago_makes_room_by_number(plans, monkeypatch):
    monkeypatch.setattr(module, "CAPACITY", 2)
    first, second = await plans.of_text(text("a")), await plans.of_text(text("b"))
    assert await plans.of_run(origin(text("a"))) is first
    await plans.of_text(text("c"))
    assert await plans.of_run(origin(text("a"))) is first
    assert await plans.of_run(origin(text("b"))) is not second


async def test_what_was_used_longest_ago_makes_room_by_nodes(plans, monkeypatch):
    monkeypatch.setattr(module, "MAX_NODES", 4)
    small, large = await plans.of_text(text("a")), await plans.of_text(text("a", "b", "c"))
    # The same text again takes no more room.
    for _ in range(3):
        large = await plans.of_text(text("a", "b", "c"))
    assert await plans.of_run(origin(text("a"))) is small
    await plans.of_text(text("d"))
    assert await plans.of_run(origin(text("a"))) is small
    assert await plans.of_run(origin(text("a", "b", "c"))) is not large


async def test_a_plan_too_large_for_all_bounds_is_kept_until_the_next(plans, monkeypatch):
    monkeypatch.setattr(module, "MAX_NODES", 1)
    large = await plans.of_text(text("a", "b", "c"))
    assert await plans.of_run(origin(text("a", "b", "c"))) is large


def test_a_plan_for_a_run_that_can_only_end_knows_its_name_and_nothing_else():
    plan = plan_without_nodes(origin(""))
    assert (plan.name, dict(plan.nodes), plan.root.order) == ("tested", {}, ())
