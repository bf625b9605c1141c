from orchestrator.api.pipeline_models import TriggerDetailRecord
from orchestrator.api.run_models import Page

TIMED = """\
apiVersion: flume/v1
kind: Pipeline
metadata: {name: hello}
triggers:
  - {type: cron, id: nightly, schedule: "0 3 * * *", timezone: Asia/Seoul, data: {n: 1}}
  - {type: webhook, path: in/box}
  - {type: interval, id: off, every: 1h, enabled: false}
nodes:
  - {id: echo, type: json-transform, inputs: {data: "{{ trigger }}"}, config: {expression: "@"}}
"""
URL = "/api/v1/triggers/hello"


async def test_triggers_are_listed_with_settings_addresses_and_next_firing(site) -> None:
    await site.save(TIMED)
    await site.orchestrator.scheduler.round()

    page = (await site.call("GET", "/api/v1/triggers")).json()

    Page[TriggerDetailRecord].model_validate(page)
    nightly, hook, off = page["items"]
    assert [each["id"] for each in page["items"]] == ["nightly", "webhook", "off"]
    assert (nightly["settings"]["schedule"], nightly["settings"]["timezone"]) == ("0 3 * * *", "Asia/Seoul")
    assert nightly["nextFiring"].endswith("T18:00:00.000Z")
    assert (hook["url"], hook["nextFiring"]) == ("http://localhost:8000/hooks/default/in/box", None)
    assert (off["enabled"], off["nextFiring"]) == (False, None)


async def test_a_trigger_is_switched_off_without_a_new_version_and_does_not_fire_next(site) -> None:
    await site.save(TIMED)
    await site.orchestrator.scheduler.round()

    off = (await site.call("PATCH", f"{URL}/nightly", json={"enabled": False})).json()
    on = (await site.call("PATCH", f"{URL}/nightly", json={"enabled": True})).json()
    await site.call("POST", "/api/v1/pipelines/hello/pause")
    paused = (await site.call("GET", f"{URL}/nightly")).json()

    assert (off["enabled"], off["nextFiring"], on["enabled"]) == (False, None, True)
    assert (paused["pipelineStatus"], paused["nextFiring"]) == ("paused", None)
    assert (await site.call("GET", "/api/v1/pipelines/hello")).json()["version"] == 1
    audit = (await site.call("GET", "/api/v1/audit?target=triggers/hello/nightly")).json()["items"]
    assert [(each["before"], each["after"]) for each in audit] == [
        ({"enabled": False}, {"enabled": True}),
        ({"enabled": True}, {"enabled": False}),
    ]


async def test_what_can_not_be_switched_is_a_conflict_or_unknown(site) -> None:
    await site.save(TIMED)

    manual = await site.call("PATCH", f"{URL}/manual", json={"enabled": False})
    fixed = await site.call("PATCH", f"{URL}/off", json={"enabled": True})
    unknown = await site.call("PATCH", f"{URL}/none", json={"enabled": True})
    odd = await site.call("PATCH", f"{URL}/nightly", json={"enabled": True, "schedule": "* * * * *"})

    assert [(each.status_code, each.json()["code"]) for each in (manual, fixed, unknown, odd)] == [
        (409, "always-enabled"),
        (409, "disabled-by-definition"),
        (404, "not-found"),
        (400, "bad-request"),
    ]


async def test_firing_starts_a_run_as_that_trigger_with_its_data_or_the_callers(site) -> None:
    await site.save(TIMED)
    wait = {"Prefer": "wait=5"}

    own = (await site.call("POST", f"{URL}/nightly/fire", headers=wait)).json()
    given = (await site.call("POST", f"{URL}/webhook/fire", json=[1], headers=wait)).json()
    later = await site.call("POST", f"{URL}/manual/fire")

    assert (own["trigger"]["type"], own["trigger"]["id"], own["trigger"]["data"]) == ("cron", "nightly", {"n": 1})
    assert own["trigger"]["dueAt"].endswith("Z")
    assert (given["trigger"]["type"], given["trigger"]["data"], given["trigger"]["query"]) == ("webhook", [1], {})
    assert (later.status_code, later.headers["location"]) == (202, later.json()["links"]["self"])
    entry = (await site.call("GET", "/api/v1/audit?target=triggers/hello/nightly")).json()["items"][0]
    assert (entry["action"], entry["after"]) == ("trigger.fire", {"run": own["id"]})


async def test_an_event_trigger_is_fired_with_an_event_that_might_have_come(site) -> None:
    triggers = """\
  - {type: event, attributes: {type: com.example.paid}}
  - {type: event, id: any, filters: [{prefix: {source: /shop}}]}
"""
    await site.save(TIMED.replace("nodes:", f"{triggers}nodes:"))
    wait = {"Prefer": "wait=5"}

    paid = (await site.call("POST", f"{URL}/event/fire", json={"item": "lamp"}, headers=wait)).json()
    any_type = (await site.call("POST", f"{URL}/any/fire", headers=wait)).json()

    event = paid["output"]["event"]
    assert (event["specversion"], event["type"], event["source"]) == ("1.0", "com.example.paid", f"{URL}/event")
    assert (event["time"][-1], paid["output"]["data"], paid["trigger"]["id"]) == ("Z", {"item": "lamp"}, "event")
    assert any_type["output"]["event"]["type"] == "dev.flume.trigger.fired"
