from datetime import timedelta
from typing import Any

import pytest

from flume.findings import Findings
from flume.pipeline import (
    CronTrigger,
    EventTrigger,
    IntervalTrigger,
    ManualTrigger,
    MissedFirings,
    Trigger,
    WebhookAuth,
    WebhookTrigger,
)
from flume.source import Source, read_source
from flume.triggers import read_triggers


def read(*triggers: Any) -> tuple[Trigger, ...]:
    findings = Findings(Source(None))
    result = read_triggers({"triggers": list(triggers)}, "", "my-pipe", findings)
    assert findings.problems == ()
    return result


def problems_of(document: dict[str, Any]) -> list[tuple[str, str]]:
    findings = Findings(Source(None))
    read_triggers(document, "", "my-pipe", findings)
    assert all(problem.message and problem.hint for problem in findings.problems)
    return [(problem.code, problem.pointer) for problem in findings.problems]


def test_ids_default_to_the_type_and_then_count_past_those_that_are_taken() -> None:
    cron = {"type": "cron", "schedule": "@daily"}
    triggers = read(cron, cron, {**cron, "id": "cron-3"}, cron, {"type": "manual"})
    assert [trigger.id for trigger in triggers] == ["cron", "cron-2", "cron-3", "cron-4", "manual"]
    assert [trigger.id for trigger in read(cron, {**cron, "id": "cron"})] == ["cron-2", "cron"]


def test_one_trigger_may_stand_alone() -> None:
    findings = Findings(Source(None))
    assert read_triggers({"trigger": {"type": "manual", "enabled": False}}, "/spec", "p", findings) == (
        ManualTrigger(enabled=False),
    )
    assert findings.problems == ()


def test_a_webhook_takes_its_path_from_the_pipeline_and_answers_posts() -> None:
    assert read({"type": "webhook"}) == (WebhookTrigger("webhook", "my-pipe"),)


def test_every_key_of_a_webhook_is_understood() -> None:
    auth = {"type": "hmac", "secret": "{{ secrets.HOOK_KEY }}", "header": "X-Sig", "algorithm": "sha512"}
    trigger = {"type": "webhook", "id": "w", "path": "a/b.c", "methods": ["GET", "PUT", "GET"], "auth": auth}
    assert read({**trigger, "response": "wait", "wait": "5s", "enabled": False}) == (
        WebhookTrigger(
            id="w",
            path="a/b.c",
            enabled=False,
            methods=("GET", "PUT"),
            auth=WebhookAuth.HMAC,
            secret="HOOK_KEY",
            header="X-Sig",
            algorithm="sha512",
            responds=True,
            wait=timedelta(seconds=5),
        ),
    )


def test_every_key_of_the_other_types_is_understood() -> None:
    cron = {"type": "cron", "schedule": "*/10 * * * * *", "timezone": "Asia/Seoul", "data": [1], "missed": "all"}
    filters = [{"exact": {"type": "x"}}, {"not": {"any": [{"prefix": {"source": "/a"}}, {"cesql": "a = 'b'"}]}}]
    assert read(
        cron,
        {"type": "interval", "every": "90s", "data": None},
        {"type": "event", "filters": filters},
        {"type": "event", "attributes": {"type": "x", "source": "y"}},
        {"type": "event"},
    ) == (
        CronTrigger("cron", "*/10 * * * * *", "Asia/Seoul", True, [1], MissedFirings.ALL),
        IntervalTrigger("interval", timedelta(seconds=90)),
        EventTrigger("event", tuple(filters)),
        EventTrigger("event-2", ({"exact": {"type": "x", "source": "y"}},)),
        EventTrigger("event-3"),
    )


HOOK = {"type": "webhook"}


@pytest.mark.parametrize(
    ("trigger", "code", "place"),
    [
        (None, "missing-key", ""),
        ("manual", "wrong-type", ""),
        ({}, "missing-key", ""),
        ({"type": 5}, "wrong-type", "/type"),
        ({"type": "webhok"}, "bad-value", "/type"),
        ({"type": "manual", "id": "No Id"}, "bad-name", "/id"),
        ({"type": "manual", "enabled": "no"}, "wrong-type", "/enabled"),
        ({"type": "manual", "path": "x"}, "unknown-key", "/path"),
        (HOOK | {"path": "/x"}, "bad-path", "/path"),
        (HOOK | {"path": "a/../b"}, "bad-path", "/path"),
        (HOOK | {"path": "a b"}, "bad-path", "/path"),
        (HOOK | {"methods": []}, "bad-value", "/methods"),
        (HOOK | {"methods": "POST"}, "wrong-type", "/methods"),
        (HOOK | {"methods": ["post"]}, "bad-value", "/methods/0"),
        (HOOK | {"response": "sync"}, "bad-value", "/response"),
        (HOOK | {"wait": 0}, "bad-duration", "/wait"),
        (HOOK | {"auth": {"type": "token"}}, "bad-value", "/auth/type"),
        (HOOK | {"auth": {"type": "bearer"}}, "missing-key", "/auth"),
        (HOOK | {"auth": {"type": "basic"}}, "missing-key", "/auth"),
        (HOOK | {"auth": {"type": "hmac"}}, "missing-key", "/auth"),
        (HOOK | {"auth": {"type": "bearer", "secret": "hunter2"}}, "bad-secret", "/auth/secret"),
        (HOOK | {"auth": {"type": "bearer", "secret": "x{{secrets.A}}"}}, "bad-secret", "/auth/secret"),
        (HOOK | {"auth": {"type": "bearer", "secret": "{{variables.A}}"}}, "bad-secret", "/auth/secret"),
        (HOOK | {"auth": {"secret": "{{secrets.A}}"}}, "bad-value", "/auth/secret"),
        (HOOK | {"auth": {"type": "none", "header": "X"}}, "bad-value", "/auth/header"),
        (
            HOOK | {"auth": {"type": "bearer", "secret": "{{secrets.A}}", "algorithm": "sha1"}},
            "bad-value",
            "/auth/algorithm",
        ),
        (HOOK | {"auth": {"type": "hmac", "secret": "{{secrets.A}}", "header": "a b"}}, "bad-value", "/auth/header"),
        ({"type": "cron"}, "missing-key", ""),
        ({"type": "cron", "schedule": "61 * * * *"}, "bad-schedule", "/schedule"),
        ({"type": "cron", "schedule": "@daily", "timezone": "Europe/Warsw"}, "bad-timezone", "/timezone"),
        ({"type": "cron", "schedule": "@daily", "missed": "never"}, "bad-value", "/missed"),
        ({"type": "interval"}, "missing-key", ""),
        ({"type": "interval", "every": "often"}, "bad-duration", "/every"),
        ({"type": "interval", "every": "999ms"}, "bad-duration", "/every"),
        ({"type": "event", "filters": {}}, "wrong-type", "/filters"),
        ({"type": "event", "filters": [{}]}, "bad-filter", "/filters/0"),
        ({"type": "event", "filters": [{"exact": {"a": "b"}, "prefix": {"a": "b"}}]}, "bad-filter", "/filters/0"),
        ({"type": "event", "filters": [{"exact": {}}]}, "bad-filter", "/filters/0/exact"),
        ({"type": "event", "filters": [{"exact": {"Type": "b"}}]}, "bad-filter", "/filters/0/exact/Type"),
        ({"type": "event", "filters": [{"suffix": {"a": ""}}]}, "bad-filter", "/filters/0/suffix/a"),
        ({"type": "event", "filters": [{"all": []}]}, "bad-filter", "/filters/0/all"),
        ({"type": "event", "filters": [{"any": [5]}]}, "bad-filter", "/filters/0/any/0"),
        ({"type": "event", "filters": [{"not": [5]}]}, "bad-filter", "/filters/0/not"),
        ({"type": "event", "filters": [{"cesql": " "}]}, "bad-filter", "/filters/0/cesql"),
        ({"type": "event", "filters": [{"exakt": {"a": "b"}}]}, "unknown-key", "/filters/0/exakt"),
        ({"type": "event", "filters": [], "attributes": {"a": "b"}}, "trigger-conflict", "/attributes"),
        ({"type": "event", "attributes": {"a-b": "b"}}, "bad-filter", "/attributes/a-b"),
    ],
)
def test_wrong_triggers_are_told_with_code_and_place(trigger: Any, code: str, place: str) -> None:
    assert problems_of({"triggers": [trigger]}) == [(code, f"/triggers/0{place}")]


def test_a_secret_that_stands_in_the_document_is_not_repeated() -> None:
    findings = Findings(Source(None))
    trigger = HOOK | {"auth": {"type": "bearer", "secret": "hunter2"}}
    read_triggers({"trigger": trigger}, "", "p", findings)
    (problem,) = findings.problems
    assert "hunter2" not in problem.message + problem.hint


def test_trigger_and_triggers_exclude_each_other() -> None:
    assert problems_of({"trigger": HOOK, "triggers": []}) == [("trigger-conflict", "/triggers")]


def test_ids_and_webhook_paths_are_unique() -> None:
    assert problems_of({"triggers": [{"type": "manual", "id": "x"}, {"type": "webhook", "id": "x"}]}) == [
        ("duplicate-id", "/triggers/1/id")
    ]
    assert problems_of({"triggers": [HOOK, HOOK | {"path": "other"}, HOOK | {"path": "my-pipe"}]}) == [
        ("duplicate-path", "/triggers/2/path")
    ]


def test_the_number_of_triggers_is_bounded() -> None:
    assert problems_of({"triggers": [{"type": "manual"}] * 100}) == []
    assert problems_of({"triggers": [{"type": "manual"}] * 101}) == [("too-many-triggers", "/triggers")]


def test_hints_name_the_nearest_type_and_zone() -> None:
    source = read_source("triggers:\n  - {type: corn}\n  - {type: cron, schedule: '@daily', timezone: europe/warsaw}\n")
    findings = Findings(source)
    read_triggers(source.value, "", "p", findings)
    assert [(problem.hint, problem.line, problem.column) for problem in findings.problems] == [
        ("did you mean 'cron'?", 2, 12),
        ("did you mean 'Europe/Warsaw'?", 3, 48),
    ]
