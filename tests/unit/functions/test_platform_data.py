"""What database nodes refuse, whatever server they speak to."""

from typing import Any

import pytest
from bson import ObjectId

from flume.errors import NodeError
from functions.nodes.platform_data import COLLECTIONS, PlatformData, check_key

PLATFORM = PlatformData("flume")


def refusal(query: Any, database: str = "flume") -> NodeError:
    with pytest.raises(NodeError) as refused:
        PLATFORM.check_query(query, database, "/inputs/pipeline")
    assert refused.value.retryable is False
    return refused.value


@pytest.mark.parametrize("collection", sorted(COLLECTIONS))
def test_each_of_the_platforms_collections_is_refused(collection: str) -> None:
    for database in ("flume", "Flume"):
        with pytest.raises(NodeError) as refused:
            PLATFORM.check_collection(database, collection, "/config/collection")
        assert (refused.value.code, refused.value.retryable) == ("platform-data", False)


@pytest.mark.parametrize("collection", ["articles", "run", "Runs", "my.runs", "runs_of_mine"])
def test_other_collections_beside_them_are_not(collection: str) -> None:
    PLATFORM.check_collection("flume", collection, "")


def test_the_platforms_database_may_have_another_name() -> None:
    PlatformData("engine").check_collection("flume", "runs", "")
    with pytest.raises(NodeError, match="'runs' in 'engine'"):
        PlatformData("engine").check_collection("engine", "runs", "")


REACHING = [
    {"$out": "runs"},
    {"$out": {"db": "flume", "coll": "runs"}},
    {"$out": {"coll": "runs"}},
    {"$merge": "runs"},
    {"$merge": {"into": "runs"}},
    {"$merge": {"into": {"db": "flume", "coll": "runs"}}},
    {"$merge": {"into": {"coll": "runs"}, "whenMatched": "replace"}},
    {"$lookup": {"from": "runs", "localField": "a", "foreignField": "b", "as": "c"}},
    {"$lookup": {"from": {"db": "flume", "coll": "runs"}, "as": "c"}},
    {"$graphLookup": {"from": "runs", "startWith": "$a"}},
    {"$unionWith": "runs"},
    {"$unionWith": {"coll": "runs", "pipeline": []}},
    {"$unionWith": {"db": "local", "coll": "oplog.rs"}},
    {"$unionWith": "system.views"},
    {"$unionWith": "payloads.chunks"},
    {"$unionWith": "runs\0"},
]


@pytest.mark.parametrize("stage", REACHING, ids=str)
def test_a_stage_that_reaches_the_platforms_data_is_refused_at_any_depth(stage: dict[str, Any]) -> None:
    around = {
        "/0": [stage],
        "/0/$facet/a/1": [{"$facet": {"a": [{"$match": {}}, stage]}}],
        "/0/$lookup/pipeline/0": [{"$lookup": {"from": "mine", "pipeline": [stage], "as": "x"}}],
        "/0/$unionWith/pipeline/0/$facet/a~1b/0": [
            {"$unionWith": {"coll": "mine", "pipeline": [{"$facet": {"a/b": [stage]}}]}}
        ],
    }
    for place, pipeline in around.items():
        error = refusal(pipeline)
        assert error.code == "platform-data"
        assert str(error).startswith(f"/inputs/pipeline{place}/$")


@pytest.mark.parametrize("stage", [stage for stage in REACHING if "'db'" in str(stage)], ids=str)
def test_another_database_is_no_way_around(stage: dict[str, Any]) -> None:
    assert refusal([stage], database="mine").code == "platform-data"


@pytest.mark.parametrize(
    "stage",
    [
        {"$out": "copies"},
        {"$out": {"db": "mine", "coll": "runs"}},
        {"$merge": {"into": {"db": "mine", "coll": "runs"}}},
        {"$lookup": {"from": "people", "as": "p"}},
        {"$lookup": {"pipeline": [{"$documents": [{"a": 1}]}], "as": "p"}},
        {"$unionWith": {"pipeline": [{"$documents": [{"a": 1}]}]}},
        {"$match": {"from": "runs", "text": "$out", "_id": ObjectId("6b05c36faec42ee183f646d4")}},
        {"$project": {"runs": 1}},
    ],
    ids=str,
)
def test_what_reaches_something_else_passes(stage: dict[str, Any]) -> None:
    PLATFORM.check_query([stage], "flume", "")


@pytest.mark.parametrize(
    "stage",
    [
        {"$out": {}},
        {"$out": ["runs"]},
        {"$merge": {"into": {"db": "flume"}}},
        {"$merge": {"on": "a"}},
        {"$lookup": {"from": {"$concat": ["ru", "ns"]}}},
        {"$lookup": {"from": {"coll": "runs", "db": None}}},
        {"$graphLookup": {"startWith": "$a"}},
        {"$unionWith": {"coll": ["runs"], "pipeline": []}},
    ],
    ids=str,
)
def test_a_stage_whose_collection_is_not_to_be_seen_is_refused(stage: dict[str, Any]) -> None:
    assert refusal([stage]).code == "bad-query"


@pytest.mark.parametrize(
    "query",
    [
        {"$where": "sleep(10)"},
        {"$or": [{"a": 1}, {"b": {"$elemMatch": {"$where": "1"}}}]},
        {"$expr": {"$function": {"body": "f", "args": [], "lang": "js"}}},
        [{"$group": {"_id": None, "x": {"$accumulator": {}}}}],
        [{"$changeStream": {}}],
        [{"$_internalInhibitOptimization": {}}],
    ],
    ids=str,
)
def test_code_and_endless_or_internal_stages_are_refused(query: Any) -> None:
    assert refusal(query).code == "bad-query"


def test_keys_of_the_platform_are_refused() -> None:
    with pytest.raises(NodeError, match=r"^/config/key: keys that begin with 'flume:'"):
        check_key("flume:", "/config/key")
    check_key("flume", "")
    check_key("my:flume:", "")
