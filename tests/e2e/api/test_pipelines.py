import asyncio
import threading

import pytest

from flume import validation
from flume.errors import StoreError
from flume.source import read_source
from orchestrator.api.pipeline_models import (
    DifferenceRecord,
    PipelineDetailRecord,
    PipelineSummaryRecord,
    ValidationRecord,
    VersionDetailRecord,
    VersionSummaryRecord,
)
from orchestrator.api.run_models import Page

YAML = {"Content-Type": "application/yaml"}
MERGE = {"Content-Type": "application/merge-patch+json"}
URL = "/api/v1/pipelines/hello"


def hello(template="Hello", more=""):
    return (
        "apiVersion: flume/v1\nkind: Pipeline\n"
        "metadata: {name: hello, description: Greets, labels: {team: news}}  # kept\n"
        f"{more}nodes:\n  - {{id: greet, type: template, config: {{template: {template}}}}}\n"
    )


BROKEN = hello().replace("type: template", "type: no-such-type")


async def test_a_yaml_document_becomes_a_pipeline_with_address_and_revision(site) -> None:
    answer = await site.call("POST", "/api/v1/pipelines", content=hello(), headers=YAML)

    record = answer.json()
    PipelineDetailRecord.model_validate(record)
    assert (answer.status_code, answer.headers["location"], answer.headers["etag"]) == (201, URL, '"1"')
    assert (record["name"], record["status"], record["version"]) == ("hello", "active", 1)
    assert record["definition"]["nodes"] == [{"id": "greet", "type": "template", "config": {"template": "Hello"}}]


async def test_the_text_comes_back_as_it_was_written_to_whom_accepts_yaml(site) -> None:
    await site.call("POST", "/api/v1/pipelines", content=hello(), headers=YAML)

    text = await site.call("GET", URL, headers={"Accept": "application/yaml"})
    both = await site.call("GET", URL, headers={"Accept": "application/json, application/yaml;q=0.5"})

    assert (text.text, text.headers["content-type"].split(";")[0]) == (hello(), "application/yaml")
    assert both.json()["name"] == "hello"


async def test_a_taken_name_is_a_conflict_and_a_bad_document_tells_every_problem(site) -> None:
    await site.save(hello())

    taken = await site.call("POST", "/api/v1/pipelines", content=hello(), headers=YAML)
    broken = await site.call("POST", "/api/v1/pipelines", content=BROKEN, headers=YAML)

    assert (taken.status_code, taken.json()["code"]) == (409, "name-taken")
    assert (broken.status_code, broken.headers["content-type"]) == (422, "application/problem+json")
    assert [(each["code"], each["line"]) for each in broken.json()["problems"]] == [("unknown-node-type", 5)]


async def test_put_makes_replaces_and_leaves_alone_what_is_the_same(site) -> None:
    made = await site.call("PUT", URL, content=hello(), headers=YAML)
    same = await site.call("PUT", URL, content=hello(), headers=YAML)
    changed = await site.call("PUT", URL, content=hello("Bye"), headers=YAML)

    assert [(each.status_code, each.json()["version"]) for each in (made, same, changed)] == [
        (201, 1),
        (200, 1),
        (200, 2),
    ]


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_nobody_overwrites_a_revision_that_they_have_not_seen(site, method) -> None:
    await site.save(hello())
    await site.call("PUT", URL, content=hello("Bye"), headers=YAML)
    body = {"PUT": {"content": hello("Late")}, "PATCH": {"content": b'{"status": "paused"}'}, "DELETE": {}}[method]
    kind = {"PUT": YAML, "PATCH": MERGE, "DELETE": {}}[method]

    stale = await site.call(method, URL, **body, headers={**kind, "If-Match": '"1"'})
    weak = await site.call(method, URL, **body, headers={**kind, "If-Match": 'W/"2"'})
    current = await site.call(method, URL, **body, headers={**kind, "If-Match": '"9", "2"'})

    assert [(each.status_code, each.json()["code"]) for each in (stale, weak)] == [(412, "stale")] * 2
    assert current.status_code == (204 if method == "DELETE" else 200)


async def test_put_can_ask_that_the_pipeline_exists_or_does_not(site) -> None:
    absent = await site.call("PUT", URL, content=hello(), headers={**YAML, "If-Match": "*"})
    made = await site.call("PUT", URL, content=hello(), headers={**YAML, "If-None-Match": "*"})
    again = await site.call("PUT", URL, content=hello("Bye"), headers={**YAML, "If-None-Match": "*"})

    assert [each.status_code for each in (absent, made, again)] == [412, 201, 412]


async def test_saves_that_ask_for_no_revision_do_not_get_into_each_others_way(site) -> None:
    saves = [site.call("PUT", URL, content=hello(f"Hello-{number}"), headers=YAML) for number in range(8)]
    answers = await asyncio.gather(*saves)

    assert sorted(each.status_code for each in answers) == [200] * 7 + [201]
    assert sorted(each.json()["version"] for each in answers) == list(range(1, 9))


@pytest.mark.parametrize(
    ("method", "url", "options"),
    [
        ("PATCH", URL, {"content": b'{"status": "paused"}', "headers": MERGE}),
        ("PATCH", URL, {"content": b'{"definition": {"metadata": {"description": "Waves"}}}', "headers": MERGE}),
        ("POST", f"{URL}/pause", {}),
        ("POST", f"{URL}/versions/1/restore", {}),
        ("PATCH", "/api/v1/triggers/hello/nightly", {"json": {"enabled": False}}),
    ],
    ids=["status", "definition", "pause", "restore", "trigger"],
)
async def test_a_change_that_asks_for_no_revision_is_made_of_what_others_wrote_meanwhile(
    site, monkeypatch, method, url, options
) -> None:
    scheduled = hello() + "triggers:\n  - {id: nightly, type: cron, schedule: '0 3 * * *'}\n"
    await site.save(scheduled)
    await site.call("PUT", URL, content=scheduled.replace("Hello", "Bye"), headers=YAML)
    read, others = site.orchestrator.pipelines.read, ["Late", "Later"]

    async def read_before_somebody_writes(namespace, name):
        record = await read(namespace, name)
        if others:
            text = scheduled.replace("Hello", others.pop())
            source = read_source(text, format="yaml")
            await site.orchestrator.pipelines.save(source, namespace=namespace, name=name, actor="another")
        return record

    monkeypatch.setattr(site.orchestrator.pipelines, "read", read_before_somebody_writes)

    assert (await site.call(method, url, **options)).status_code == 200
    assert others == []
    assert (await site.call("GET", URL)).json()["version"] >= 4


async def test_of_saves_that_ask_for_a_revision_one_wins(site) -> None:
    await site.save(hello())
    asked = {**YAML, "If-Match": '"1"'}
    saves = [site.call("PUT", URL, content=hello(f"Hello-{number}"), headers=asked) for number in range(4)]
    answers = await asyncio.gather(*saves)

    assert sorted(each.status_code for each in answers) == [200, 412, 412, 412]


LAYOUT = "layout: {greet: {x: 3, y: 4}}\n"


async def test_a_save_in_another_layout_keeps_its_text_and_makes_no_version(site) -> None:
    await site.save(hello())
    moved = "# moved\n" + hello(more=LAYOUT)
    answer = await site.call("PUT", URL, content=moved, headers=YAML)
    again = await site.call("PUT", URL, content=moved, headers=YAML)

    assert (answer.json()["version"], answer.headers["etag"], again.headers["etag"]) == (1, '"2"', '"2"')
    assert answer.json()["definition"]["layout"] == {"greet": {"x": 3, "y": 4}}
    assert (await site.call("GET", URL)).json()["definition"] == answer.json()["definition"]
    assert (await site.call("GET", URL, headers={"Accept": "application/yaml"})).text == moved
    assert (await site.call("GET", f"{URL}/versions/1")).json()["source"] == hello()


async def test_the_next_version_takes_the_place_of_a_text_in_another_layout(site) -> None:
    await site.save(hello())
    await site.call("PUT", URL, content=hello(more=LAYOUT), headers=YAML)
    patched = await site.call("PATCH", URL, json={"definition": {"variables": {"a": 1}}}, headers=MERGE)

    assert (patched.json()["version"], patched.json()["definition"]["layout"]) == (2, {"greet": {"x": 3, "y": 4}})
    restored = await site.call("POST", f"{URL}/versions/1/restore")
    assert (restored.json()["version"], "layout" in restored.json()["definition"]) == (3, False)


def hooked(name, more=""):
    return hello(more=f"{more}triggers: [{{type: webhook, path: in}}]\n").replace("name: hello", f"name: {name}")


async def test_a_webhook_path_that_another_pipeline_has_is_refused_when_saved_and_when_activated(site) -> None:
    await site.save(hooked("draft", "state: draft\n"))
    await site.save(hooked("first"))

    saved = await site.call("POST", "/api/v1/pipelines", content=hooked("second"), headers=YAML)
    activated = await site.call("POST", "/api/v1/pipelines/draft/activate")

    for answer in (saved, activated):
        assert (answer.status_code, answer.json()["code"]) == (409, "webhook-path-taken")
        assert "'first' has the webhook path 'in'" in answer.json()["detail"]
    await site.call("DELETE", "/api/v1/pipelines/first")
    assert (await site.call("POST", "/api/v1/pipelines/draft/activate")).status_code == 200
    assert (await site.call("POST", "/hooks/default/in")).status_code == 202


async def test_the_event_loop_is_free_while_a_document_is_checked(site, monkeypatch) -> None:
    going, checked_in = threading.Event(), []

    def wait(*arguments, **named):
        checked_in.append(threading.current_thread())
        assert going.wait(5), "nothing else went on"
        return real(*arguments, **named)

    real = validation._validate
    monkeypatch.setattr(validation, "_validate", wait)
    calls = [
        asyncio.create_task(site.call("POST", f"/api/v1/{path}", content=hello(), headers=YAML))
        for path in ("pipelines:validate", "pipelines")
    ]
    assert (await site.call("GET", "/healthz")).status_code == 200
    going.set()
    assert [(await call).status_code for call in calls] == [200, 201]
    assert threading.main_thread() not in checked_in


async def test_an_unchanged_pipeline_is_not_sent_twice(site) -> None:
    etag = (await site.save(hello())).headers["etag"]

    answer = await site.call("GET", URL, headers={"If-None-Match": etag})

    assert (answer.status_code, answer.content) == (304, b"")


async def test_a_merge_patch_changes_definition_and_status(site) -> None:
    await site.save(hello())
    patch = {"definition": {"variables": {"a": 1}, "metadata": {"labels": None}}, "status": "paused"}

    answer = await site.call("PATCH", URL, json=patch, headers=MERGE)

    record = answer.json()
    assert (record["status"], record["version"], record["labels"]) == ("paused", 2, {})
    assert record["definition"]["variables"] == {"a": 1}
    assert record["definition"]["metadata"] == {"name": "hello", "description": "Greets"}


@pytest.mark.parametrize(
    ("content", "status"),
    [(b"{", 400), (b"[]", 400), (b"{}", 400), (b'{"name": "x"}', 400), (b'{"definition": {"nodes": null}}', 422)],
)
async def test_a_patch_that_is_none_or_spoils_the_definition_is_refused(site, content, status) -> None:
    await site.save(hello())

    answer = await site.call("PATCH", URL, content=content, headers=MERGE)

    assert answer.status_code == status
    assert (await site.call("GET", URL)).json()["version"] == 1


async def test_lists_are_filtered_and_paged_by_name(site) -> None:
    for name in ("c", "a", "b"):
        await site.save(hello(), name=name)
    await site.call("POST", "/api/v1/pipelines/b/pause")

    async def names(query):
        page = (await site.call("GET", f"/api/v1/pipelines?{query}")).json()
        Page[PipelineSummaryRecord].model_validate(page)
        return [each["name"] for each in page["items"]], page["nextCursor"]

    first, cursor = await names("limit=2")
    assert (first, (await names(f"limit=2&cursor={cursor}"))) == (["a", "b"], (["c"], None))
    assert (await names("status=paused"))[0] == ["b"]
    assert (await names("label=team%3Dnews"))[0] == ["a", "b", "c"]
    assert (await names("label=team%3Dother"))[0] == []
    assert (await names("q=Greets"))[0] == ["a", "b", "c"]
    assert (await names("namespace=elsewhere"))[0] == []


async def test_a_deleted_pipeline_is_gone(site) -> None:
    await site.save(hello())

    answers = [await site.call("DELETE", URL), await site.call("GET", URL), await site.call("DELETE", URL)]

    assert [each.status_code for each in answers] == [204, 404, 404]


async def test_validation_finds_problems_without_failing_or_saving(site) -> None:
    good = await site.call("POST", "/api/v1/pipelines:validate", content=hello(), headers=YAML)
    bad = await site.call("POST", "/api/v1/pipelines:validate", content=BROKEN, headers=YAML)
    unreadable = await site.call("POST", "/api/v1/pipelines:validate", content=b"a: [", headers=YAML)

    for answer in (good, bad, unreadable):
        ValidationRecord.model_validate(answer.json())
    assert [(each.status_code, each.json()["valid"]) for each in (good, bad, unreadable)] == [
        (200, True),
        (200, False),
        (200, False),
    ]
    assert (await site.call("GET", "/api/v1/pipelines")).json()["items"] == []


async def test_versions_are_listed_compared_and_restored(site) -> None:
    await site.save(hello())
    await site.call("PUT", URL, content=hello("Bye"), headers=YAML)

    listed = (await site.call("GET", f"{URL}/versions")).json()
    one = (await site.call("GET", f"{URL}/versions/1")).json()
    text = (await site.call("GET", f"{URL}/versions/1", headers={"Accept": "application/yaml"})).text
    difference = (await site.call("GET", f"{URL}/versions/1..2")).json()
    restored = (await site.call("POST", f"{URL}/versions/1/restore")).json()

    Page[VersionSummaryRecord].model_validate(listed)
    VersionDetailRecord.model_validate(one)
    DifferenceRecord.model_validate(difference)
    assert [each["version"] for each in listed["items"]] == [2, 1]
    assert (one["source"], text) == (hello(), hello())
    assert difference["changes"] == [
        {"op": "change", "pointer": "/nodes/0/config/template", "before": "Hello", "after": "Bye"}
    ]
    assert (restored["version"], restored["definition"]) == (3, one["definition"])


@pytest.mark.parametrize("place", ["versions/9", "versions/1..9", "versions/x", "versions/0", f"versions/{10**30}"])
async def test_a_version_that_can_not_be_is_an_answer_and_no_failure(site, place) -> None:
    await site.save(hello())

    answer = await site.call("GET", f"{URL}/{place}")

    assert answer.status_code in (400, 404)


async def test_pause_and_resume_are_for_what_is_no_draft(site) -> None:
    await site.save(hello())
    states = [(await site.call("POST", f"{URL}/{act}")).json()["status"] for act in ("pause", "pause", "resume")]
    await site.save(BROKEN.replace("nodes:", "state: draft\nnodes:"), name="rough")
    rough = "/api/v1/pipelines/rough"

    paused = await site.call("POST", f"{rough}/pause")
    active = await site.call("POST", f"{rough}/activate")

    assert states == ["paused", "paused", "active"]
    assert (paused.status_code, paused.json()["code"]) == (409, "pipeline-is-draft")
    assert (active.status_code, active.json()["problems"][0]["code"]) == (422, "unknown-node-type")
    shown = (await site.call("GET", rough)).json()
    assert (shown["status"], shown["version"], shown["definition"]["nodes"][0]["type"]) == ("draft", 0, "no-such-type")


async def test_an_unknown_query_parameter_is_refused_with_the_nearest_one(site) -> None:
    answer = await site.call("GET", "/api/v1/pipelines?lable=a%3Db")

    assert (answer.status_code, answer.json()["code"]) == (400, "unknown-parameter")
    assert answer.json()["hint"] == "did you mean 'label'?"


async def test_every_change_is_in_the_audit_log_with_who_from_where_and_hashes(site) -> None:
    await site.save(hello())
    await site.call("PUT", URL, content=hello("Bye"), headers=YAML)
    await site.call("POST", f"{URL}/pause")
    await site.call("PATCH", URL, json={"status": "active"}, headers=MERGE)
    await site.call("POST", f"{URL}/versions/1/restore")
    await site.call("DELETE", URL)

    entries = (await site.call("GET", "/api/v1/audit?target=pipelines/hello")).json()["items"]

    acts = ["delete", "restore", "patch", "pause", "save", "create"]
    assert [each["action"] for each in entries] == [f"pipeline.{act}" for act in acts]
    assert {(each["actor"], each["origin"]) for each in entries} == {("anonymous", "192.0.2.7")}
    saved, created = entries[4], entries[5]
    assert (created["before"], entries[0]["after"]) == (None, None)
    assert saved["before"]["hash"] == created["after"]["hash"] != saved["after"]["hash"]


async def test_a_change_that_can_not_be_written_into_the_audit_log_is_made_all_the_same(
    site, monkeypatch, caplog
) -> None:
    async def refuse(entry):
        raise StoreError("the disk is full")

    await site.save(hello())
    monkeypatch.setattr(site.orchestrator.store, "append_audit", refuse)
    calls = [
        await site.call("PUT", URL, content=hello("Bye"), headers=YAML),
        await site.call("POST", f"{URL}/pause"),
        await site.call("POST", f"{URL}/versions/1/restore"),
        await site.call("DELETE", URL),
    ]

    assert [each.status_code for each in calls] == [200, 200, 200, 204]
    gaps = [record for record in caplog.records if record.levelname == "ERROR"]
    assert [record.action for record in gaps] == [f"pipeline.{act}" for act in ("save", "pause", "restore", "delete")]
    assert {(record.target, record.reason) for record in gaps} == {("pipelines/hello", "the disk is full")}
