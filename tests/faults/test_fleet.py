"""Orchestrators are killed and frozen at any moment with runs in flight: what was acknowledged ends, once."""

import asyncio
import random
from collections.abc import Sequence

import pytest

from tests.faults.breakage import (
    end_and_start_again,
    freeze_beyond_the_lease,
    freeze_shortly,
    kill_and_start_again,
)
from tests.faults.fleet import Replica
from tests.faults.trial import Trial, held
from tests.servers.line import Line

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


async def test_one_orchestrator_on_its_folder_that_is_killed_again_and_again(tmp_path, chance, is_long):
    runs, kills, events = (500, 15, 300) if is_long else (30, 2, 20)
    settings = {"FLUME_DATA": str(tmp_path / "data")}
    await held(Trial(settings, runs, [kill_and_start_again] * kills, events=events), tmp_path, chance)


@pytest.mark.parametrize("has_bus", [True, False], ids=["with-redis", "without-redis"])
async def test_a_fleet_whose_members_and_lines_fail(tmp_path, chance, is_long, has_bus, mongodb_server, redis_server):
    if not (has_bus or is_long):
        pytest.skip("with the bus it shows as much within the time: `make faults`")
    runs, rounds = (500, 4) if is_long else (30, 1)
    async with Line(mongodb_server.port).laid() as to_mongodb, Line(redis_server.port).laid() as to_redis:

        async def cut_the_store(replicas: Sequence[Replica], chance: random.Random) -> None:
            to_mongodb.cut()
            await asyncio.sleep(chance.uniform(0.1, 3))
            to_mongodb.mend()

        async def hold_the_bus(replicas: Sequence[Replica], chance: random.Random) -> None:
            to_redis.hold()
            await asyncio.sleep(chance.uniform(0.1, 3))
            to_redis.mend()

        async def cut_the_bus(replicas: Sequence[Replica], chance: random.Random) -> None:
            to_redis.cut()
            await asyncio.sleep(chance.uniform(0.1, 3))
            to_redis.mend()

        async def kill_the_store(replicas: Sequence[Replica], chance: random.Random) -> None:
            mongodb_server.stop()
            await asyncio.sleep(chance.uniform(0, 2))
            mongodb_server.start()

        short = [kill_and_start_again, cut_the_store, freeze_shortly]
        long = [*short, end_and_start_again, kill_the_store, freeze_beyond_the_lease]
        faults = (long if is_long else short) + ([hold_the_bus, cut_the_bus] if has_bus else [])
        faults = chance.sample(faults * rounds, k=len(faults) * rounds if is_long else 3)
        settings = {
            "MONGODB_URL": f"mongodb://127.0.0.1:{to_mongodb.port}/flume?retryWrites=false&directConnection=true"
        }
        settings |= {"REDIS_URL": f"redis://127.0.0.1:{to_redis.port}/0"} if has_bus else {}
        trial = Trial(settings, runs, faults, replicas=3, events=300 if is_long else 20)
        await held(trial, tmp_path, chance)
