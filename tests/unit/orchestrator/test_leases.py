import pytest

from orchestrator.leases import LEASE_MS, OLD_MS, RENEW_S, WATCH_S, Leases
from orchestrator.store import OrchestratorRecord

NOW = 1_800_000_000_000


class Fleet:
    """What the store holds, with a wall clock and one that only goes forward."""

    def __init__(self):
        self.records, self.writes, self.wall, self.steady = {}, 0, NOW, 100.0

    async def renew_lease(self, record):
        self.writes += 1
        self.records[record.id] = record

    async def list_orchestrators(self):
        return list(self.records.values())

    async def delete_orchestrator(self, id):
        self.records.pop(id, None)

    def add(self, id, lease_until=NOW + LEASE_MS, started_at=1):
        self.records[id] = OrchestratorRecord(id, "box", 1, started_at, lease_until)

    def pass_s(self, seconds):
        self.steady += seconds
        self.wall += int(seconds * 1000)


@pytest.fixture
def fleet():
    return Fleet()


@pytest.fixture
def leases(fleet):
    record = OrchestratorRecord("me", "box", 1, 5, 0, version="1.2.3")
    return Leases(fleet, record, runs=lambda: 7, clock=lambda: fleet.wall, now=lambda: fleet.steady)


async def test_a_lease_is_renewed_in_time_with_what_there_is_to_tell(fleet, leases):
    assert not await leases.renew()
    fleet.pass_s(RENEW_S - 0.1)
    await leases.renew()
    assert fleet.writes == 1
    fleet.pass_s(0.1)
    assert not await leases.renew()
    written = fleet.records["me"]
    assert (written.lease_until, written.runs, written.version) == (fleet.wall + LEASE_MS, 7, "1.2.3")


async def test_one_that_was_away_for_longer_than_its_lease_is_told_so_whatever_the_wall_clock_says(fleet, leases):
    await leases.renew()
    fleet.steady += LEASE_MS / 1000
    assert not await leases.renew()
    fleet.steady += LEASE_MS / 1000 + 0.1
    fleet.wall -= 3_600_000
    assert await leases.renew()


async def test_a_wall_clock_that_was_set_back_does_not_keep_a_lease_from_being_renewed(fleet, leases):
    await leases.renew()
    fleet.wall -= 3_600_000
    fleet.steady += RENEW_S
    await leases.renew()
    assert fleet.writes == 2


async def test_one_that_renews_no_more_is_dead_when_its_lease_ends(fleet, leases):
    fleet.add("you")
    assert set(await leases.live_owners()) == {"me", "you"}
    fleet.pass_s(LEASE_MS / 1000 - 0.01)
    assert "you" in await leases.live_owners()
    assert leases.has_company
    fleet.pass_s(0.02)
    assert await leases.live_owners() == ("me",)
    assert not leases.has_company


@pytest.mark.parametrize("skew_ms", [-3_600_000, -OLD_MS + 1000, 3_600_000])
async def test_one_whose_clock_is_wrong_lives_for_as_long_as_it_renews(fleet, leases, skew_ms):
    fleet.add("you", lease_until=fleet.wall + skew_ms - 1)
    await leases.live_owners()
    for _ in range(10):
        fleet.add("you", lease_until=fleet.wall + skew_ms)
        assert "you" in await leases.live_owners()
        fleet.pass_s(RENEW_S)


@pytest.mark.parametrize("jump_ms", [-3_600_000, 3_600_000])
async def test_a_jump_of_the_own_clock_makes_nobody_dead_who_renews(fleet, leases, jump_ms):
    for number in range(10):
        fleet.add("you", lease_until=NOW + LEASE_MS + number)
        assert "you" in await leases.live_owners()
        fleet.wall += jump_ms if number == 5 else 0
        fleet.pass_s(RENEW_S)


async def test_a_lease_that_ends_in_hours_by_a_wrong_clock_is_over_when_it_was_not_renewed_for_its_length(
    fleet, leases
):
    fleet.add("you", lease_until=NOW + 3_600_000)
    assert "you" in await leases.live_owners()
    fleet.pass_s(LEASE_MS / 1000 - 0.01)
    assert "you" in await leases.live_owners()
    fleet.pass_s(0.02)
    assert await leases.live_owners() == ("me",)


async def test_one_that_died_long_before_is_dead_at_once_and_one_that_did_just_now_after_a_while(fleet, leases):
    fleet.add("old", lease_until=NOW - OLD_MS - 1)
    fleet.add("late", lease_until=NOW - 1)
    assert set(await leases.live_owners()) == {"me", "late"}
    fleet.pass_s(WATCH_S)
    assert await leases.live_owners() == ("me",)


async def seconds_pass(fleet, leases, seconds, *others):
    """Time in which this replica and the others keep their leases; who was alive at the end."""
    for _ in range(seconds):
        fleet.pass_s(1)
        await leases.renew()
        for id in others:
            fleet.add(id, lease_until=fleet.wall + LEASE_MS)
        alive = set(await leases.live_owners())
    return alive


@pytest.mark.parametrize("looks_during", [0, 20])
async def test_nobody_is_dead_for_having_been_silent_while_this_replica_could_not_renew_either(
    fleet, leases, looks_during
):
    await leases.renew()
    await seconds_pass(fleet, leases, 4, "you")
    # As when a database can be read and not written to, which is worse than one that is away.
    for _ in range(looks_during):
        fleet.pass_s(1)
        assert "you" in await leases.live_owners()
    fleet.pass_s(600)
    assert "you" in await leases.live_owners()
    assert await leases.renew()
    assert "you" in await leases.live_owners()
    fleet.pass_s(WATCH_S)
    await leases.renew()
    assert "you" in await leases.live_owners()
    assert "you" in await seconds_pass(fleet, leases, 20, "you")


async def test_one_that_died_while_the_store_was_away_is_dead_a_lease_after_it_is_back(fleet, leases):
    await leases.renew()
    await seconds_pass(fleet, leases, 4, "you")
    fleet.pass_s(600)
    assert await leases.renew()
    assert "you" in await seconds_pass(fleet, leases, int(WATCH_S))
    assert "you" not in await seconds_pass(fleet, leases, int(LEASE_MS / 1000 - WATCH_S))


async def test_the_eldest_that_is_alive_does_what_one_is_enough_for(fleet, leases):
    assert await leases.is_eldest()
    fleet.records["me"] = OrchestratorRecord("me", "box", 1, 5, NOW + LEASE_MS)
    fleet.add("dead", lease_until=NOW - OLD_MS - 1, started_at=1)
    fleet.add("younger", started_at=6)
    assert await leases.is_eldest()
    fleet.add("elder", started_at=4)
    assert not await leases.is_eldest()
    fleet.pass_s(LEASE_MS / 1000)
    assert await leases.is_eldest()


async def test_records_of_the_dead_are_removed_in_time_and_others_never(fleet, leases):
    fleet.add("old", lease_until=NOW - OLD_MS - 1)
    fleet.add("late", lease_until=NOW - 1)
    fleet.add("you")
    await leases.forget_dead()
    assert set(fleet.records) == {"late", "you"}
