"""Node types that are images: what one replica is told, all know, without a restart."""

import asyncio

import pytest

from tests.e2e.replicas.conftest import replica_on

pytestmark = pytest.mark.slow

SHOUT = {"image": "registry.example.org/shout:1", "inputSchema": {"type": "object"}}
AT = "/api/v1/nodes/shout"
NODE = {"id": "say", "type": "shout", "runOn": "cpu"}


async def put(replica, **more):
    answer = await replica.client.put(AT, json={**SHOUT, **more})
    assert answer.status_code < 300, answer.text


async def test_what_is_saved_at_one_is_known_at_the_other_when_it_is_asked_for(two) -> None:
    one, other = two
    await put(one)
    assert (await other.client.get(AT)).status_code == 200
    await put(one, version=2)
    assert (await other.client.get(AT)).json()["version"] == 2
    assert (await one.client.delete(AT)).status_code == 204
    assert (await other.client.get(AT)).status_code == 404


async def test_a_document_that_needs_a_type_can_be_saved_at_the_other_at_once(two) -> None:
    one, other = two
    await put(one)
    record = await other.save(NODE)
    assert record.version == 1


async def test_a_run_that_starts_at_the_other_right_after_the_type_came_finds_it(two) -> None:
    one, other = two
    await put(one)
    record = await one.save(NODE)
    # The other has not looked since: its plan is the first thing that asks.
    assert "shout" not in other.orchestrator.registry
    plan = await other.orchestrator.plans.of_version(record.id, record.version)
    assert (plan.unusable, plan.nodes["say"].type.image) == ({}, SHOUT["image"])


async def test_what_nobody_asks_for_is_noticed_soon_and_plans_are_made_anew(two) -> None:
    one, other = two
    await put(one)
    record = await one.save(NODE)
    await other.orchestrator.plans.of_version(record.id, record.version)
    await one.client.delete(AT)
    async with asyncio.timeout(10):
        while "shout" in other.orchestrator.registry:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.05)
    plan = await other.orchestrator.plans.of_version(record.id, record.version)
    assert "is gone" in plan.unusable["say"]


async def test_types_outlive_all_replicas(store, open_replica) -> None:
    async with replica_on(store) as first:
        await put(first)
    async with replica_on(store) as second:
        # Before anything is asked: runs that were left are taken up with the types that they need.
        assert second.orchestrator.registry.get("shout").image == SHOUT["image"]


async def test_while_the_store_is_away_what_is_known_is_used(two) -> None:
    one, _ = two
    await put(one)
    one.line.is_cut = True
    assert (await one.client.get(AT)).status_code == 200
    assert (await one.client.put(AT, json=SHOUT)).status_code == 503
    one.line.is_cut = False
    assert (await one.client.put(AT, json=SHOUT)).status_code == 200
