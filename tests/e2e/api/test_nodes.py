from flume.nodes.registry import LoadFailure
from orchestrator.api.nodes import NodeTestRecord, NodeTypePage, NodeTypeRecord


async def test_the_registry_is_listed_with_what_could_not_be_loaded(site) -> None:
    site.orchestrator.registry.report(LoadFailure("", "nodes/broken.py", "line 1: SyntaxError"))

    page = (await site.call("GET", "/api/v1/nodes")).json()

    NodeTypePage.model_validate(page)
    names = [each["name"] for each in page["items"]]
    assert names == sorted(names)
    assert {"template", "condition", "loop", "http-request"} <= set(names)
    assert page["failures"] == [{"name": "", "source": "nodes/broken.py", "reason": "line 1: SyntaxError"}]


async def test_a_type_shows_schemas_ports_and_lanes(site) -> None:
    condition = (await site.call("GET", "/api/v1/nodes/condition")).json()
    switch = (await site.call("GET", "/api/v1/nodes/switch")).json()
    unknown = await site.call("GET", "/api/v1/nodes/templat")

    NodeTypeRecord.model_validate(condition)
    assert (condition["ports"], switch["ports"]) == (["true", "false"], None)
    assert "engine" in condition["lanes"]
    assert (unknown.status_code, "template" in unknown.json()["detail"]) == (404, True)


async def test_one_node_is_run_with_given_config_and_inputs(site) -> None:
    body = {"config": {"template": "{{ 1 + 1 }} {{ name }}"}, "inputs": {"name": "apples"}}

    answer = (await site.call("POST", "/api/v1/nodes/template:test", json=body)).json()

    NodeTestRecord.model_validate(answer)
    assert (answer["node"]["status"], answer["node"]["output"]) == ("completed", "2 apples")
    run = (await site.call("GET", answer["links"]["run"])).json()
    assert (run["test"], run["pipeline"]) == (True, "node-test")


async def test_a_node_that_logs_or_fails_shows_its_lines_and_its_error(site) -> None:
    logged = await site.call("POST", "/api/v1/nodes/log:test", json={"inputs": {"message": "words"}})
    failed = await site.call("POST", "/api/v1/nodes/error:test", json={"config": {"message": "it broke"}})
    invalid = await site.call("POST", "/api/v1/nodes/template:test", json={"config": {"tempalte": "x"}})
    absent = await site.call("POST", "/api/v1/nodes/none:test", json={})

    assert [line["message"] for line in logged.json()["logs"]] == ["words"]
    assert (failed.status_code, failed.json()["node"]["error"]["message"]) == (200, "it broke")
    assert (invalid.status_code, absent.status_code) == (422, 404)
    assert invalid.json()["problems"]
