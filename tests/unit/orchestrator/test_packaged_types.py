"""What a replica's registry holds of node types that are images, whatever the store has and other sources provide."""

from dataclasses import replace

import pytest

from flume.errors import ConflictError, NotFoundError, UnavailableError
from flume.nodes.descriptions import as_json, read_description
from flume.nodes.registry import Registry
from flume.nodes.types import NodeType
from flume.pipeline import Lane
from orchestrator.outage import StoreOutage
from orchestrator.packaged_types import PackagedTypes
from orchestrator.store import PackagedTypeRecord

SHOUT = NodeType(
    name="shout",
    version=1,
    category="custom",
    description="Says it louder.",
    lanes=(Lane.CPU,),
    run_on=Lane.CPU,
    input_schema={"type": "object"},
    output_schema={},
    image="shout:1",
)


class Shelf:
    """A store with nothing but node types, which counts how many descriptions were read."""

    def __init__(self):
        self.records = {}
        self.read = 0
        self.is_away = False

    async def save_packaged_type(self, record):
        self.records[record.name] = record

    async def delete_packaged_type(self, name):
        return self.records.pop(name, None) is not None

    async def packaged_type_hashes(self):
        if self.is_away:
            raise UnavailableError("the store is away")
        return {name: record.hash for name, record in sorted(self.records.items())}

    async def read_packaged_types(self, names):
        self.read += len(names)
        return tuple(self.records[name] for name in sorted(names) if name in self.records)


class Replica:
    """One replica's part, and how often it was told of a change."""

    def __init__(self, shelf):
        self.registry = Registry()
        self.outage = StoreOutage()
        self.changes = 0
        self.types = PackagedTypes(shelf, self.registry, on_change=self._changed, outage=self.outage)

    def _changed(self):
        self.changes += 1


@pytest.fixture
def shelf():
    return Shelf()


@pytest.fixture
def replica(shelf):
    return Replica(shelf)


async def test_what_did_not_change_is_neither_read_nor_told_again(shelf, replica):
    for name in ("shout", "crop"):
        await replica.types.save(replace(SHOUT, name=name))
    assert (shelf.read, replica.changes) == (2, 2)
    await replica.types.catch_up()
    await replica.types.save(SHOUT)
    assert (shelf.read, replica.changes) == (2, 2)
    await replica.types.save(replace(SHOUT, version=2))
    assert (shelf.read, replica.changes, replica.registry.get("shout").version) == (3, 3, 2)


async def test_what_another_replica_saved_changed_and_deleted_is_taken_over(shelf, replica):
    other = Replica(shelf)
    await other.types.save(SHOUT)
    await replica.types.catch_up()
    assert replica.registry.get("shout") == read_description(as_json(SHOUT))
    await other.types.save(replace(SHOUT, image="shout:2"))
    await replica.types.catch_up()
    assert replica.registry.get("shout").image == "shout:2"
    await other.types.delete("shout")
    await replica.types.catch_up()
    assert ("shout" in replica.registry, dict(replica.types.hashes)) == (False, {})
    with pytest.raises(NotFoundError):
        await replica.types.delete("shout")


async def test_a_name_that_a_node_file_of_one_replica_has_stays_with_the_file_there_and_is_told(shelf, replica, caplog):
    file = replace(SHOUT, description="of the file")
    replica.registry.add(file, source="nodes/shout.py")
    await Replica(shelf).types.save(SHOUT)

    await replica.types.catch_up()

    assert replica.registry.get("shout") is file
    [failure] = replica.registry.failures
    assert (failure.source, "nodes/shout.py" in failure.reason) == ("NodeType shout", True)
    assert "a node type that is an image can't be used" in caplog.messages
    with pytest.raises(ConflictError, match="comes with this installation"):
        await replica.types.save(SHOUT)


async def test_a_description_that_a_newer_flume_wrote_is_told_and_harms_no_other(shelf, replica):
    newer = {**as_json(SHOUT), "lanes": ["cpu", "quantum"]}
    shelf.records["shout"] = PackagedTypeRecord("shout", "h1", newer)
    crop = as_json(replace(SHOUT, name="crop"))
    shelf.records["crop"] = PackagedTypeRecord("crop", "h2", crop)

    await replica.types.catch_up()

    assert ("shout" in replica.registry, "crop" in replica.registry) == (False, True)
    assert "lanes" in replica.registry.failures[0].reason
    shelf.records["shout"] = PackagedTypeRecord("shout", "h3", as_json(SHOUT))
    await replica.types.catch_up()
    assert ("shout" in replica.registry, replica.registry.failures) == (True, ())


async def test_while_the_store_is_away_what_is_known_stays_and_the_outage_is_told(shelf, replica):
    await replica.types.save(SHOUT)
    shelf.is_away = True
    await replica.types.look()
    assert "shout" in replica.registry
    assert replica.outage.failure is not None
    with pytest.raises(UnavailableError):
        await replica.types.catch_up()
    shelf.is_away = False
    await replica.types.look()
    assert replica.outage.failure is None


async def test_one_that_is_deleted_between_two_reads_is_gone_with_the_next_look(shelf, replica):
    await Replica(shelf).types.save(SHOUT)
    reading = shelf.read_packaged_types

    async def too_late(names):
        shelf.records.clear()
        return await reading(names)

    shelf.read_packaged_types = too_late
    await replica.types.catch_up()
    assert "shout" not in replica.registry
    await replica.types.catch_up()
    assert dict(replica.types.hashes) == {}
