"""What the operator decides, world by world."""

from dataclasses import replace

import pytest

from flume.problems import Problem
from knative.operator.actions import SavePipeline, SetStatus, StartRun
from knative.operator.deciding import decide
from knative.operator.kinds import reference_to
from knative.operator.made_objects import marked
from knative.operator.world import Refusal
from knative.platform.findings import Finding
from tests.unit.knative.operator.conftest import (
    CRON,
    SCRIPT,
    accepted,
    actions,
    applied,
    conditions,
    known,
    observed,
    resource,
    saved,
)

GREET = resource(nodes=[])
RUN = resource("Run", "once", pipeline="greet", data={"n": 1})
PROBLEM = Problem("unknown-node-type", "/spec/nodes/0/type", "no node type 'x'", "did you mean 'y'?")


def made_of(world, **how):
    """The objects that are wanted beside those of every installation, as they are once made."""
    return [observed(marked(each), **how) for each in world.planned.wanted.objects]


def test_nothing_is_done_where_all_is_as_it_should_be(world):
    assert actions(world()) == []


def test_a_new_resource_is_saved_and_nothing_is_said_before_the_answer(world):
    [action] = decide(world(GREET))
    assert isinstance(action, SavePipeline)
    assert action.document["metadata"] == {"name": "greet", "namespace": "shop"}
    assert (action.generation, action.target.uid) == (1, "Pipeline-greet")


def test_a_saved_resource_is_told_its_version_and_the_address_for_events(world):
    [action] = decide(world(GREET, at_api=[saved()], answers=accepted(GREET)))
    address = "http://flume-orchestrator.flume.svc.cluster.local:8000/events/shop/greet?key=k"
    assert action.status["address"] == {"url": address}
    assert (action.status["version"], action.status["hash"], action.status["observedGeneration"]) == (1, "hash-1", 1)
    assert action.news == "ready"


def test_what_was_told_is_not_told_again_and_needs_no_memory(world):
    before = world(GREET, at_api=[saved()], answers=accepted(GREET))
    assert actions(world(*applied(before, [GREET]), at_api=[saved()])) == []


@pytest.mark.parametrize(
    ("generation", "at_api"),
    [(2, saved()), (1, saved(version=2)), (1, None)],
    ids=["another generation", "another version", "gone at the API"],
)
def test_it_is_saved_again_when_resource_and_api_part(world, generation, at_api):
    [told] = applied(world(GREET, at_api=[saved()], answers=accepted(GREET)), [GREET])
    told = {**told, "metadata": {**told["metadata"], "generation": generation}}
    assert ("SavePipeline", "", "greet") in actions(world(told, at_api=[at_api] if at_api else []))


def test_a_name_that_the_api_has_is_left_to_it(world):
    at_api = [saved(manager="api")]
    assert conditions(world(GREET, at_api=at_api))["Ready"][:2] == ("False", "NameTaken")
    assert actions(world(GREET, at_api=at_api)) == [("SetStatus", "Pipeline", "greet")]


def test_a_refusal_is_told_with_pointer_code_and_hint(world):
    refusal = Refusal(1, "invalid-definition", "…", (PROBLEM,))
    told = conditions(world(GREET, answers={"Pipeline-greet": refusal}))["Ready"]
    message = "/spec/nodes/0/type: no node type 'x' (unknown-node-type); did you mean 'y'?"
    assert told == ("False", "InvalidDefinition", message)


def test_a_refusal_of_an_older_generation_says_nothing_of_this_one(world):
    newer = resource(generation=2, nodes=[])
    answers = {"Pipeline-greet": Refusal(1, "invalid-definition", "…", (PROBLEM,))}
    assert actions(world(newer, answers=answers)) == [("SavePipeline", "", "greet")]


def test_a_pipeline_whose_resource_is_gone_is_deleted_and_that_of_the_api_stays(world):
    at_api = [saved("gone"), saved("other", manager="api")]
    assert actions(world(at_api=at_api)) == [("DeletePipeline", "", "gone")]


def test_a_resource_that_a_foreign_finalizer_holds_is_as_good_as_gone(world):
    held = {**GREET, "metadata": {**GREET["metadata"], "deletionTimestamp": "2026-11-24T09:00:00Z"}}
    assert actions(world(held, at_api=[saved()])) == [("DeletePipeline", "", "greet")]


def test_while_the_api_is_away_only_what_it_has_not_heard_of_is_told(world):
    old = applied(world(GREET, at_api=[saved()], answers=accepted(GREET)), [GREET])
    new = resource(name="new", nodes=[])
    away = world(*old, new, is_reachable=False, made=[observed(marked(each)) for each in [cron_source(world)]])
    assert actions(away) == [("SetStatus", "Pipeline", "new")]
    assert conditions(away, "new")["Ready"][:2] == ("Unknown", "EngineUnreachable")


def cron_source(world):
    [source] = world(at_api=[saved(manager="api", triggers=[CRON])]).planned.wanted.objects
    return source


def test_a_pipeline_of_the_api_gets_its_objects_too(world):
    [action] = actions(world(at_api=[saved(manager="api", triggers=[CRON])]))
    assert action[:2] == ("Apply", "PingSource")


@pytest.mark.parametrize("status", ["paused", "draft"])
def test_what_is_paused_or_a_draft_has_no_objects(world, status):
    source = observed(marked(cron_source(world)))
    found = world(at_api=[saved(manager="api", triggers=[CRON], status=status)], made=[source])
    assert [each[:2] for each in actions(found)] == [("Remove", "PingSource")]


def test_a_paused_pipeline_is_ready_and_a_draft_is_not(world):
    found = {
        status: conditions(world(GREET, at_api=[saved(status=status)], answers=accepted(GREET)))["Ready"][:2]
        for status in ("active", "paused", "draft")
    }
    assert found == {"active": ("True", "Ready"), "paused": ("True", "Paused"), "draft": ("False", "Draft")}


@pytest.mark.parametrize(
    ("ready", "told"),
    [
        ("True", ("True", "Ready")),
        ("False", ("False", "ObjectNotReady")),
        ("Unknown", ("Unknown", "ObjectNotReadyYet")),
    ],
)
def test_a_pipeline_is_as_ready_as_its_objects(world, ready, told):
    at_api = [saved(triggers=[CRON])]
    made = made_of(world(GREET, at_api=at_api), ready=ready)
    found = conditions(world(GREET, at_api=at_api, made=made, answers=accepted(GREET)))
    assert found["TriggersReady"][:2] == found["Ready"][:2] == told
    if ready != "True":
        assert "of this" in found["Ready"][2]
        assert "PingSource" in found["Ready"][2]


def test_an_object_that_the_api_server_refuses_is_told_with_its_words_whether_it_is_there_or_not(world):
    at_api = [saved(triggers=[CRON])]
    [source] = made_of(world(GREET, at_api=at_api))
    refused = {reference_to(source).key: "spec.schedule: not one (422)"}
    for made in ([], [source]):
        found = conditions(world(GREET, at_api=at_api, made=made, answers=accepted(GREET), refused=refused))
        assert found["Ready"] == found["TriggersReady"]
        assert found["Ready"][:2] == ("False", "ObjectRefused")
        told = f"{source['metadata']['name']}: the API server refuses it: spec.schedule: not one (422)"
        assert told in found["Ready"][2]


def test_a_pipeline_whose_model_nobody_serves_is_not_ready_until_somebody_does(world):
    needing = [
        saved(
            nodes=[
                {
                    "id": "n",
                    "type": "llm-generate",
                    "runOn": "gpu",
                    "config": {"model": "phi"},
                    "inputs": {"prompt": "x"},
                }
            ]
        )
    ]
    found = conditions(world(GREET, at_api=needing, answers=accepted(GREET)))
    assert found["Ready"] == found["FunctionsReady"]
    assert found["Ready"][:2] == ("False", "NoModel")
    assert "nothing serves a model for 'llm-generate'" in found["Ready"][2]
    model = {**resource("Model", "phi", "flume"), "spec": {"name": "phi"}}
    served = conditions(world(GREET, model, at_api=needing, answers=accepted(GREET)))
    assert served["FunctionsReady"][1] != "NoModel"


@pytest.mark.parametrize(
    ("finding", "told"),
    [
        (Finding("image-pull", "the image x can't be pulled"), ("False", "ImagePull")),
        (Finding("oom-killed", "the process was killed"), ("False", "OomKilled")),
        (Finding("unschedulable", "waiting for a GPU: 0/3 nodes"), ("Unknown", "Unschedulable")),
    ],
    ids=lambda each: getattr(each, "code", None),
)
def test_what_keeps_pods_of_a_function_from_being_ready_is_told_of_its_type_and_its_pipelines(world, finding, told):
    needing = [saved(nodes=[{"id": "n", "type": "resize"}])]
    resize = resource("NodeType", "resize", "flume", image="resize:1")
    [function] = made_of(world(GREET, resize, at_api=needing))
    found = world(
        GREET,
        resize,
        at_api=needing,
        made=[function],
        **known(resize, pipelines=[GREET]),
        troubles={function["metadata"]["name"]: finding},
    )
    for name in ("greet", "resize"):
        assert conditions(found, name)["FunctionsReady"][:2] == conditions(found, name)["Ready"][:2] == told
        assert conditions(found, name)["Ready"][2] == f"Service fn-resize-cpu: {finding.message}"


def test_what_keeps_pods_of_a_model_from_being_ready_is_told_of_it(world):
    model = resource("Model", "phi", "flume")
    [service] = made_of(world(model))
    finding = Finding("unschedulable", "waiting for a GPU: 0/3 nodes")
    found = world(model, made=[service], troubles={"model-phi": finding})
    assert conditions(found, "phi")["Ready"][:2] == ("Unknown", "Unschedulable")


def test_trouble_of_a_function_is_none_of_an_object_that_happens_to_be_called_so(world):
    at_api = [saved(triggers=[CRON])]
    [source] = made_of(world(GREET, at_api=at_api))
    troubles = {source["metadata"]["name"]: Finding("image-pull", "the image x can't be pulled")}
    found = world(GREET, at_api=at_api, made=[source], answers=accepted(GREET), troubles=troubles)
    assert conditions(found)["Ready"][0] == "True"


def test_a_schedule_that_no_pingsource_can_do_is_the_orchestrators_and_no_fault(world):
    at_api = [saved(triggers=[{**CRON, "schedule": "0 0 L * *"}])]
    found = conditions(world(GREET, at_api=at_api, answers=accepted(GREET)))
    assert found["TriggersReady"][:2] == ("True", "Ready")


def test_a_function_is_kept_as_long_as_old_runs_may_need_it(world):
    needing = [saved(manager="api", nodes=SCRIPT)]
    [function] = made_of(world(at_api=needing))
    assert actions(world(at_api=needing, made=[function])) == []
    assert actions(world(made=[function], has_old_runs=True)) == []
    assert [each[0] for each in actions(world(made=[function]))] == ["Remove"]


def test_triggers_end_at_once_whatever_runs_are_under_way(world):
    source = observed(marked(cron_source(world)))
    assert [each[:2] for each in actions(world(made=[source], has_old_runs=True))] == [("Remove", "PingSource")]


def test_what_a_pipeline_has_stays_while_its_node_types_are_missing(world):
    at_api = [saved(manager="api", triggers=[CRON])]
    source = observed(marked(cron_source(world)))
    unknown = [saved(manager="api", triggers=[CRON], nodes=[{"id": "x", "type": "nowhere"}])]
    assert actions(world(at_api=at_api, made=[source])) == []
    assert actions(world(at_api=unknown, made=[source])) == []


def test_an_object_that_is_on_its_way_out_is_left_alone(world):
    source = observed(marked(cron_source(world)), deletionTimestamp="2026-11-24T09:00:00Z")
    assert actions(world(made=[source])) == []
    assert actions(world(at_api=[saved(manager="api", triggers=[CRON])], made=[source])) == []


def test_an_object_that_somebody_changed_is_applied_again_and_what_the_server_writes_otherwise_once(world):
    at_api = [saved(manager="api", triggers=[CRON])]
    source = observed(marked(cron_source(world)), generation=3)
    changed = {**source, "spec": {**source["spec"], "schedule": "0 0 * * *"}}
    with_more = {**source, "spec": {**source["spec"], "added": "by a webhook"}}
    assert actions(world(at_api=at_api, made=[with_more])) == []
    assert [each[0] for each in actions(world(at_api=at_api, made=[changed]))] == ["Apply"]
    uid = changed["metadata"]["uid"]
    assert actions(world(at_api=at_api, made=[changed], settled={uid: 3})) == []
    assert [each[0] for each in actions(world(at_api=at_api, made=[changed], settled={uid: 2}))] == ["Apply"]


def test_a_run_is_started_by_a_key_that_is_its_own_for_ever(world):
    [action] = decide(world(RUN))
    assert isinstance(action, StartRun)
    assert (action.pipeline, action.data, action.key) == ("greet", {"n": 1}, "kubernetes-Run-once")


def test_a_run_that_was_started_but_can_not_be_read_is_not_started_again(world):
    assert actions(world({**RUN, "status": {"runId": "r1", "status": "running"}})) == []
    assert actions(world(RUN, is_reachable=False)) == []


def test_a_run_is_mirrored_and_says_at_which_node_it_failed(world):
    run = {
        "id": "r1",
        "status": "failed",
        "startedAt": "2026-11-24T09:00:00.000Z",
        "completedAt": "2026-11-24T09:00:03.200Z",
        "output": None,
        "error": {"code": "http-500", "message": "the server said no", "node": "fetch"},
    }
    found = world(RUN, runs={"Run-once": run})
    [action] = decide(found)
    assert action.status["duration"] == "3.2s"
    assert action.status["error"] == run["error"]
    assert conditions(found, "once")["Completed"] == ("False", "Failed", "node 'fetch': the server said no (http-500)")
    [ended] = applied(found, [RUN])
    assert actions(world(ended)) == []


def test_an_output_that_is_too_large_for_a_status_is_left_out_and_told(world):
    run = {"id": "r1", "status": "completed", "output": "x" * 70_000}
    found = world(RUN, runs={"Run-once": run})
    [action] = decide(found)
    assert "output" not in action.status
    assert "flume describe run r1" in conditions(found, "once")["Completed"][2]


def test_a_run_that_the_api_refuses_says_why(world):
    found = world(RUN, answers={"Run-once": Refusal(1, "not-found", "no pipeline 'greet'")})
    assert conditions(found, "once")["Started"] == ("False", "NotFound", "no pipeline 'greet'")


def test_a_run_that_the_api_has_forgotten_says_so(world):
    found = world({**RUN, "status": {"runId": "r1", "status": "running"}}, runs={"Run-once": {}})
    assert conditions(found, "once")["Completed"][:2] == ("Unknown", "RunGone")


def test_node_types_of_another_namespace_and_bad_ones_are_told(world):
    elsewhere = resource("NodeType", "resize", "shop")
    bad = resource("NodeType", "bad", "flume", lanes=["cpu"], runOn="gpu")
    assert conditions(world(elsewhere), "resize")["Ready"][:2] == ("False", "WrongNamespace")
    assert conditions(world(bad), "bad")["Ready"][:2] == ("False", "LaneNotAllowed")
    good = resource("NodeType", "good", "flume", image="resize:1")
    assert conditions(world(good, **known(good)), "good")["FunctionsReady"][:2] == ("True", "NotUsed")


def test_of_two_models_that_serve_one_name_the_second_is_refused(world):
    first, second = ({**resource("Model", name, "flume"), "spec": {"name": "phi"}} for name in ("a", "b"))
    found = world(first, second)
    assert conditions(found, "b")["Ready"][:2] == ("False", "NameTaken")
    assert ("Apply", "Service", "model-phi") in actions(found)
    [names] = [each for each in found.planned.further if each["kind"] == "ConfigMap"]
    assert names["data"] == {"models": "phi\n"}


def test_a_type_that_may_take_longer_than_the_cluster_allows_is_told_with_the_fix(world):
    slow = resource("NodeType", "slow", "flume", image="slow:1", timeout="1h")
    at_api = [saved(manager="api", nodes=[{"id": "n", "type": "slow", "timeout": "1h"}])]
    [found] = world(slow, at_api=at_api).planned.unplanned.values()
    assert found.code == "timeout-too-long"


def test_only_a_new_state_is_news(world):
    [told] = applied(world(GREET, at_api=[saved()], answers=accepted(GREET)), [GREET])
    newer = {**told, "metadata": {**told["metadata"], "generation": 2}}
    found = world(newer, at_api=[saved(version=2)])
    found = replace(found, answers=accepted(newer, 2))
    [action] = [each for each in decide(found) if isinstance(each, SetStatus)]
    assert (action.status["version"], action.news) == (2, "")
