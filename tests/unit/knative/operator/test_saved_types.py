"""What the API is told of node types: those of resources, each once, and of none that has no resource any more."""

from dataclasses import replace

import pytest

from flume.problems import Problem
from knative.operator.actions import DeleteNodeType, SaveNodeType, SavePipeline, SetStatus
from knative.operator.deciding import decide
from knative.operator.reconciling import _stages
from knative.operator.world import Refusal, TypeAcceptance
from tests.unit.knative.operator.conftest import conditions, known, resource, saved

RESIZE = resource(
    "NodeType",
    "resize",
    "flume",
    image="resize:1",
    lanes=["cpu", "job"],
    schema={"input": {"type": "object", "required": ["url"]}},
)
UID = RESIZE["metadata"]["uid"]
USING = resource(nodes=[{"id": "n", "type": "resize"}])
PROBLEM = Problem("bad-schema", "/inputSchema/type", "not a JSON Schema that can be used here", "JSON Schema 2020-12")


def of_types(world):
    return [each for each in decide(world) if isinstance(each, (SaveNodeType, DeleteNodeType))]


def test_a_new_type_is_saved_as_its_resource_says_and_nothing_is_told_before_the_answer(world):
    found = world(RESIZE)
    [action] = decide(found)
    assert isinstance(action, SaveNodeType)
    assert (action.target.name, action.target.uid, action.generation) == ("resize", UID, 1)
    described = action.description
    assert (described["name"], described["image"], described["lanes"]) == ("resize", "resize:1", ["cpu", "job"])
    assert described["inputSchema"] == {"type": "object", "required": ["url"]}


def test_types_are_saved_before_the_pipelines_that_need_them(world):
    first, second, *_ = _stages(decide(world(USING, RESIZE)))
    assert [type(each) for each in first] == [SaveNodeType]
    assert [type(each) for each in second] == [SavePipeline]


def test_a_type_that_the_api_has_is_left_alone_and_said_to_be_saved(world):
    found = world(RESIZE, **known(RESIZE))
    assert of_types(found) == []
    assert conditions(found, "resize")["Saved"] == ("True", "Saved", "")
    assert conditions(found, "resize")["Ready"][0] == "True"


@pytest.mark.parametrize(
    "further",
    [
        {"answers": {UID: TypeAcceptance(0, "h")}, "saved_types": {"resize": "h"}},
        {"answers": {UID: TypeAcceptance(1, "h")}, "saved_types": {"resize": "another"}},
        {"answers": {UID: TypeAcceptance(1, "h")}, "saved_types": {}},
        {"answers": {}, "saved_types": {"resize": "h"}},
    ],
    ids=["the resource has changed", "somebody changed it there", "somebody deleted it there", "the operator is new"],
)
def test_a_type_is_saved_again_when(world, further):
    [action] = of_types(world(RESIZE, **further))
    assert isinstance(action, SaveNodeType)


def test_a_refusal_is_told_with_the_place_and_not_asked_for_again_at_once(world):
    refused = Refusal(1, "invalid-definition", "it is wrong", (PROBLEM,))
    found = world(RESIZE, answers={UID: refused})
    assert of_types(found) == []
    assert conditions(found, "resize")["Saved"][:2] == ("False", "InvalidDefinition")
    assert "/inputSchema/type" in conditions(found, "resize")["Saved"][2]
    taken = world(RESIZE, answers={UID: Refusal(1, "duplicate-node-type", "it comes with this installation")})
    assert conditions(taken, "resize")["Ready"] == ("False", "DuplicateNodeType", "it comes with this installation")


def test_a_type_without_a_live_resource_in_the_installations_namespace_is_deleted(world):
    elsewhere = resource("NodeType", "resize", "shop", image="resize:1")
    leaving = {**RESIZE, "metadata": {**RESIZE["metadata"], "deletionTimestamp": "2026-11-24T09:00:00Z"}}
    for resources in ((), (elsewhere,), (leaving,)):
        assert of_types(world(*resources, saved_types={"resize": "h"})) == [DeleteNodeType("resize")]


def test_one_that_has_become_wrong_stays_as_it_was_saved(world):
    wrong = {**RESIZE, "spec": {**RESIZE["spec"], "runOn": "gpu"}}
    found = world(wrong, saved_types={"resize": "h"})
    assert of_types(found) == []
    assert conditions(found, "resize")["Valid"][0] == "False"


def test_the_built_in_types_are_none_of_it(world):
    template = resource("NodeType", "script", "flume", env={"A": "b"})
    found = world(template)
    assert of_types(found) == []
    assert "Saved" not in conditions(found, "script")


def test_nothing_is_saved_or_deleted_while_the_api_can_not_be_reached(world):
    assert of_types(world(RESIZE, is_reachable=False, saved_types={"crop": "h"})) == []


def test_a_pipeline_whose_type_is_gone_says_so(world):
    nodes = [{"id": "n", "type": "resize"}]
    at_api = [saved(nodes=nodes)]
    status = {"observedGeneration": 1, "version": 1, "hash": at_api[0].hash}
    given = {**USING, "status": {**status, "conditions": [{"type": "Saved", "status": "True"}]}}
    [told] = [each for each in decide(world(given, at_api=at_api)) if isinstance(each, SetStatus)]
    ready = next(each for each in told.status["conditions"] if each["type"] == "Ready")
    assert (ready["status"], ready["reason"]) == ("False", "UnknownNodeType")
    assert "no node type 'resize'" in ready["message"]


def saved_with(version):
    return [replace(saved(nodes=[{"id": "n", "type": "resize"}]), types={"resize": version, "log": 9})]


def test_a_pipeline_whose_type_has_another_version_is_saved_again_once_the_api_knows_that(world):
    newer = {**RESIZE, "spec": {**RESIZE["spec"], "version": 2}}
    answers = known(newer, pipelines=[USING])
    [again] = [
        each for each in decide(world(USING, newer, at_api=saved_with(1), **answers)) if isinstance(each, SavePipeline)
    ]
    assert again.target.name == "greet"
    untold = decide(world(USING, newer, at_api=saved_with(1), answers=answers["answers"]))
    settled = decide(world(USING, newer, at_api=saved_with(2), **answers))
    assert not [each for each in (*untold, *settled) if isinstance(each, SavePipeline)]


def test_a_refusal_of_the_pipeline_with_the_new_version_is_told_and_not_repeated_at_once(world):
    newer = {**RESIZE, "spec": {**RESIZE["spec"], "version": 2}}
    further = known(newer)
    further["answers"] = {
        **further["answers"],
        USING["metadata"]["uid"]: Refusal(1, "invalid-definition", "it is wrong"),
    }
    found = world(USING, newer, at_api=saved_with(1), **further)
    assert not [each for each in decide(found) if isinstance(each, SavePipeline)]
    assert conditions(found, "greet")["Ready"][:2] == ("False", "InvalidDefinition")
