"""Events that come over HTTP: what they start, what is refused, and that each start is made once."""

import asyncio
import itertools
import json
import time
from base64 import b64encode
from dataclasses import replace

import pytest

from eventing.cloudevents import CloudEvent, encode_batch, encode_binary, encode_structured
from flume.errors import StoreError
from flume.pipeline import PipelineStatus
from orchestrator.api.event_bodies import MAX_UNKNOWN_BYTES

SINK = """\
apiVersion: flume/v1
kind: Pipeline
metadata: {name: sink}
triggers:
TRIGGERS
nodes:
  - {id: seen, type: json-transform, inputs: {data: "{{ trigger }}"}, config: {expression: "@"}}
"""
ORDERS = "  - {type: event, attributes: {type: com.example.order}}"
EVERYTHING = "  - {type: event}"
TOKENS = "root reader:*:view writer:team-a:edit"
ADDRESS = "/events/default/sink"


def document(name="sink", triggers=ORDERS, more=""):
    return SINK.replace("name: sink", f"name: {name}").replace("TRIGGERS", triggers).replace("nodes:", f"{more}nodes:")


def event(id="1", type="com.example.order", source="/shop", data=None, **extensions):
    return CloudEvent(id=id, source=source, type=type, extensions=extensions, data={"n": 1} if data is None else data)


def order(id="1", **facts):
    return encode_binary(event(id, **facts))


def bearer(token):
    return {"authorization": f"Bearer {token}"}


async def send(site, encoded, url="/events", **more_headers):
    headers, body = encoded
    return await site.call("POST", url, headers={**headers, **more_headers}, content=body)


async def runs_of(site, namespace="default", **wanted):
    """The runs of a namespace, the oldest first, each once it has ended."""
    query = "&".join(f"{name}={value}" for name, value in {"namespace": namespace, **wanted}.items())
    ids = [each["id"] for each in (await site.call("GET", f"/api/v1/runs?{query}")).json()["items"]]
    for run_id in ids:
        with site.orchestrator.engine.watch(run_id) as watch:
            stored = await site.orchestrator.store.load_run(run_id)
            if not stored.run.status.is_ended:
                await watch.until(lambda run: run.status.is_ended)
    answers = [(await site.call("GET", f"/api/v1/runs/{id}?namespace={namespace}")).json() for id in reversed(ids)]
    assert all(each["status"] == "completed" for each in answers)
    return answers


@pytest.mark.parametrize("encode", [encode_binary, encode_structured, lambda each: encode_batch([each])])
async def test_an_event_starts_whoever_wants_it_with_its_data_and_attributes(site, encode) -> None:
    await site.save(document(triggers="  - {type: event, id: orders, attributes: {type: com.example.order}}"))
    await site.save(document("other", "  - {type: event, attributes: {type: com.example.refund}}"))

    answer = await send(site, encode(event("a-1", data={"total": 9}, customer="ada")))

    assert (answer.status_code, answer.content) == (202, b"")
    (run,) = await runs_of(site)
    assert run["pipeline"] == "sink"
    assert run["output"]["type"] == "event"
    assert run["output"]["id"] == "orders"
    assert run["output"]["data"] == {"total": 9}
    attributes = run["output"]["event"]
    assert {name: attributes[name] for name in ("id", "source", "type", "customer")} == {
        "id": "a-1",
        "source": "/shop",
        "type": "com.example.order",
        "customer": "ada",
    }


async def test_each_pipeline_that_wants_an_event_is_started_once_whichever_of_its_triggers_want_it(site) -> None:
    await site.save(document("both", f"{EVERYTHING}\n{ORDERS}"))
    await site.save(document("one", "  - {type: event, filters: [{cesql: \"source LIKE '/sh%'\"}]}"))

    assert (await send(site, order())).status_code == 202

    assert {(run["pipeline"], run["trigger"]["id"]) for run in await runs_of(site)} == {
        ("both", "event"),
        ("one", "event"),
    }


async def test_the_same_event_again_starts_nothing_and_another_source_is_another_event(site) -> None:
    await site.save(document())

    for encoded in (order("1"), order("1", data={"changed": True}), order("1", source="/other"), order("2")):
        assert (await send(site, encoded)).status_code == 202

    assert len(await runs_of(site)) == 3


async def test_a_sign_in_the_source_can_not_pass_one_event_off_as_another(site) -> None:
    await site.save(document())

    await send(site, order("b#c", source="/a"))
    await send(site, order("c", source="/a#b"))

    assert len(await runs_of(site)) == 2


async def test_of_a_batch_each_event_is_taken_once(site) -> None:
    await site.save(document())
    events = [event(str(number % 150)) for number in range(250)]

    assert (await send(site, encode_batch(events))).status_code == 202
    assert (await send(site, encode_batch([]))).status_code == 202

    assert len((await site.call("GET", "/api/v1/runs?limit=500")).json()["items"]) == 150


async def test_what_nobody_wants_is_accepted(site) -> None:
    await site.save(document())
    await site.save(document("off", "  - {type: event, enabled: false}"))
    await site.save(document("paused", EVERYTHING))
    await site.call("POST", "/api/v1/pipelines/paused/pause")
    await site.save(document("draft", EVERYTHING).replace("metadata:", "state: draft\nmetadata:"))
    await site.save(document("deleted", EVERYTHING))
    await site.call("DELETE", "/api/v1/pipelines/deleted")

    assert (await send(site, order(type="com.example.unknown"))).status_code == 202

    assert await runs_of(site) == []


async def test_switching_a_trigger_and_saving_a_filter_show_at_once(site) -> None:
    await site.save(document())
    await site.call("PATCH", "/api/v1/triggers/sink/event", json={"enabled": False})
    await send(site, order("1"))
    await site.call("PATCH", "/api/v1/triggers/sink/event", json={"enabled": True})
    await send(site, order("2"))
    text = document(triggers="  - {type: event, attributes: {type: com.example.refund}}")
    await site.call("PUT", "/api/v1/pipelines/sink", content=text, headers={"Content-Type": "application/yaml"})
    await send(site, order("3"))
    await send(site, order("4", type="com.example.refund"))

    assert [run["output"]["event"]["id"] for run in await runs_of(site)] == ["2", "4"]


@pytest.mark.parametrize(
    ("data", "content_type", "seen"),
    [
        (b"\x00\xff", "image/png", {"contentType": "image/png", "size": 2, "content": b64encode(b"\x00\xff").decode()}),
        ("hello", "text/plain", "hello"),
        ([1, 2], "application/json", [1, 2]),
    ],
)
async def test_data_of_any_type_becomes_json(site, data, content_type, seen) -> None:
    await site.save(document())

    await send(site, encode_binary(CloudEvent("1", "/s", "com.example.order", datacontenttype=content_type, data=data)))

    assert [run["output"]["data"] for run in await runs_of(site)] == [seen]


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, b"{}"),
        ({"ce-specversion": "1.0", "ce-source": "/s", "ce-type": "t"}, b""),
        ({"ce-specversion": "1.0", "ce-id": "1", "ce-type": "t"}, b""),
        ({"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/s"}, b""),
        ({"ce-id": "1", "ce-source": "/s", "ce-type": "t"}, b""),
        ({"ce-specversion": "0.3", "ce-id": "1", "ce-source": "/s", "ce-type": "t"}, b""),
        ({"content-type": "application/cloudevents+json"}, b'{"id": "\xff"}'),
        ({"content-type": "application/cloudevents+xml"}, b"<event/>"),
        ({"content-type": "application/cloudevents-batch+json"}, b"{}"),
        ({**order()[0], "content-type": "application/json"}, b"{nothing"),
        ({**order()[0], "ce-flumehops": "many"}, b""),
    ],
)
@pytest.mark.parametrize("url", ["/events", ADDRESS])
async def test_what_is_no_event_is_malformed(site, url, headers, body) -> None:
    await site.save(document())

    answer = await site.call("POST", url, headers=headers, content=body)

    assert (answer.status_code, answer.json()["code"]) == (400, "malformed-event")
    assert await runs_of(site) == []


async def test_attributes_beyond_what_a_run_keeps_are_malformed(site) -> None:
    await site.save(document())

    answer = await send(site, encode_structured(event(**{f"a{n}": "x" * 4000 for n in range(17)})))

    assert (answer.status_code, answer.json()["code"]) == (400, "malformed-event")


async def test_an_event_above_the_limit_is_too_large_told_or_not(site) -> None:
    async def pieces():
        for _ in range(9):
            yield b" " * 1024 * 1024

    headers = {"content-type": "application/cloudevents+json"}
    told = await site.call("POST", "/events", headers=headers, content=b" " * (8 * 1024 * 1024 + 1))
    untold = await site.call("POST", "/events", headers=headers, content=pieces())

    assert [each.status_code for each in (told, untold)] == [413, 413]


async def test_who_has_shown_no_token_can_send_less(open_site) -> None:
    content = b'["' + b"x" * MAX_UNKNOWN_BYTES + b'"]'
    headers = {**encode_binary(event())[0], "content-type": "application/json"}
    async with open_site(tokens=TOKENS) as site:
        answers = [
            await site.call("POST", "/events", headers={**headers, **more}, content=content)
            for more in ({}, bearer("unknown"), bearer("root"))
        ]

    assert [each.status_code for each in answers] == [413, 413, 202]


@pytest.mark.slow
async def test_everything_else_goes_on_while_a_body_of_many_values_is_read(site) -> None:
    headers = {**encode_binary(event())[0], "content-type": "application/json"}
    turns = [time.perf_counter()]

    async def count() -> None:
        while True:
            await asyncio.sleep(0)
            turns.append(time.perf_counter())

    counting = asyncio.create_task(count())
    answer = await site.call("POST", "/events", headers=headers, content=b"[" + b"[]," * 300_000 + b"[]]")
    counting.cancel()

    assert answer.status_code == 202
    pauses = [later - earlier for earlier, later in itertools.pairwise(turns)]
    # A share, since how long anything takes depends on the machine: read in one go it would be all of the time.
    assert max(pauses) < sum(pauses) * 0.9, (max(pauses), sum(pauses))


async def test_a_foreign_page_can_send_no_events(site) -> None:
    await site.save(document())

    answer = await send(site, order(), origin="https://evil.example")

    assert (answer.status_code, await runs_of(site)) == (403, [])


async def test_events_want_a_token_that_may_edit(open_site) -> None:
    async with open_site(tokens=TOKENS) as site:
        statuses = []
        for headers in ({}, bearer("wrong"), bearer("reader"), bearer("root")):
            for url in ("/events", ADDRESS):
                statuses.append((await send(site, order(), url, **headers)).status_code)

    assert statuses == [401, 401, 401, 401, 403, 403, 202, 404]


async def test_a_token_reaches_the_namespaces_it_is_bound_to_and_no_others(open_site) -> None:
    async with open_site(tokens=TOKENS) as site:
        site.client.headers.update(bearer("root"))
        for namespace in ("team-a", "team-b"):
            await site.save(document(), namespace=namespace)
        answers = [
            await send(site, order("1"), **bearer("writer")),
            await send(site, order("2"), "/events/team-a/sink", **bearer("writer")),
            await send(site, order("3"), "/events/team-b/sink", **bearer("writer")),
        ]
        found = [len(await runs_of(site, namespace)) for namespace in ("team-a", "team-b")]

    assert [each.status_code for each in answers] == [202, 202, 404]
    assert found == [2, 0]


async def test_the_key_of_a_pipeline_opens_its_own_address_and_no_other(open_site) -> None:
    async with open_site(tokens=TOKENS) as site:
        root = bearer("root")
        site.client.headers.update(root)
        await site.save(document())
        await site.save(document("other"))
        trigger = (await site.call("GET", "/api/v1/triggers/sink/event")).json()
        hidden = (await site.call("GET", "/api/v1/triggers/sink/event", headers=bearer("reader"))).json()
        del site.client.headers["authorization"]
        key = f"?key={trigger['key']}"
        urls = [
            trigger["url"] + key,
            f"/events/default/other{key}",
            f"/events{key}",
            f"{ADDRESS}?key=x",
            f"{ADDRESS}?key=",
        ]
        statuses = [(await send(site, order(str(n)), url)).status_code for n, url in enumerate(urls)]
        # Eventing on a cluster may add a token that is meant for somebody else.
        strange = await send(site, order("9"), trigger["url"] + key, **bearer("eyJhbGciOi"))

    assert trigger["url"] == f"http://localhost:8000{ADDRESS}"
    assert hidden["key"] is None
    assert statuses == [202, 401, 401, 401, 401]
    assert strange.status_code == 202


async def test_open_events_need_no_token_and_everything_else_still_does(open_site) -> None:
    async with open_site(tokens=TOKENS, events_are_open=True) as site:
        site.client.headers.update(bearer("root"))
        await site.save(document())
        del site.client.headers["authorization"]
        statuses = [
            (await send(site, order("1"))).status_code,
            (await send(site, order("2"), ADDRESS)).status_code,
            (await send(site, order("3"), **bearer("reader"))).status_code,
            (await site.call("POST", "/api/v1/pipelines/sink/invoke")).status_code,
            (await site.call("GET", "/api/v1/runs")).status_code,
        ]
        site.client.headers.update(bearer("root"))
        count = len(await runs_of(site))

    assert (statuses, count) == ([202, 202, 202, 401, 401], 3)


async def test_the_address_of_a_pipeline_starts_it_whatever_its_triggers_are(site) -> None:
    await site.save(document("plain", "  - {type: manual}"))
    await site.save(document(triggers="  - {type: event, id: refunds, attributes: {type: com.example.refund}}"))

    answers = [
        await send(site, order("1"), "/events/default/plain"),
        await send(site, order("2"), ADDRESS),
        await send(site, order("3", type="com.example.refund"), ADDRESS),
    ]

    assert [(each.status_code, each.content) for each in answers] == [(202, b"")] * 3
    triggers = [(run["trigger"]["type"], run["trigger"]["id"]) for run in await runs_of(site)]
    assert triggers == [("event", "address"), ("event", "address"), ("event", "refunds")]


async def test_an_event_may_name_the_trigger_that_it_stands_for(site) -> None:
    cron = "  - {type: cron, id: nightly, schedule: '0 3 * * *'}"
    await site.save(document(triggers=f"{cron}\n{ORDERS}\n  - {{type: webhook}}"))
    ping = CloudEvent("1", "/ping", "dev.knative.sources.ping", extensions={"flumetrigger": "nightly"}, data={"n": 1})

    answers = [
        await send(site, encode_structured(ping), ADDRESS),
        await send(site, order("2", type="t", flumetrigger="event"), ADDRESS),
        await send(site, order("3", flumetrigger="event"), ADDRESS),
        await send(site, order("4", flumetrigger="webhook"), ADDRESS),
        await send(site, order("5", flumetrigger="none"), ADDRESS),
    ]

    assert [each.status_code for each in answers] == [202, 202, 202, 404, 404]
    assert "nightly, event" in answers[-1].json()["hint"]
    runs = await runs_of(site)
    assert [(run["trigger"]["type"], run["trigger"]["id"]) for run in runs] == [("cron", "nightly"), ("event", "event")]


async def test_what_is_switched_off_is_started_by_no_event(site) -> None:
    off = "  - {type: cron, id: never, schedule: '0 3 * * *', enabled: false}"
    cron = "  - {type: cron, id: nightly, schedule: '0 3 * * *'}"
    await site.save(document(triggers=f"{off}\n{cron}\n  - {{type: event, enabled: false}}"))
    await site.call("PATCH", "/api/v1/triggers/sink/nightly", json={"enabled": False})

    named = [order(name, flumetrigger=name) for name in ("never", "nightly", "event")]
    for encoded in (order("1"), *named):
        assert (await send(site, encoded, ADDRESS)).status_code == 202

    assert await runs_of(site) == []


async def test_the_trigger_in_an_event_about_a_run_is_not_one_of_the_receiver(site) -> None:
    await site.save(document(triggers="  - {type: event, attributes: {flumepipeline: other}}"))
    about_run = {"type": "dev.flume.run.completed", "flumepipeline": "other", "flumetrigger": "nightly"}

    answer = await send(site, order("1", **about_run), ADDRESS)

    assert (answer.status_code, [run["trigger"]["id"] for run in await runs_of(site)]) == (202, ["event"])


@pytest.mark.parametrize(
    "change", [{"status": PipelineStatus.PAUSED}, {"disabled_triggers": ("event",)}, {"triggers": ()}]
)
async def test_what_another_replica_has_just_changed_counts_before_this_one_has_noticed(site, change) -> None:
    await site.save(document())
    store = site.orchestrator.store
    record = await store.read_pipeline("default", "sink")
    assert await store.replace_pipeline(replace(record, rev=record.rev + 1, **change), None, expected_rev=record.rev)

    assert (await send(site, order())).status_code == 202

    assert await runs_of(site) == []


async def test_the_address_of_what_takes_no_events_says_so(site) -> None:
    await site.save(document())
    await site.call("POST", "/api/v1/pipelines/sink/pause")
    await site.save(document("draft").replace("metadata:", "state: draft\nmetadata:"))

    paused = await send(site, order(), ADDRESS)
    others = [await send(site, order(), f"/events/default/{name}") for name in ("draft", "none")]

    assert (paused.status_code, paused.json()["code"], paused.headers["retry-after"]) == (503, "pipeline-paused", "60")
    assert [(each.status_code, each.json()["code"]) for each in others] == [(404, "not-found")] * 2


async def test_a_pipeline_that_can_not_take_an_event_is_a_warning_and_at_its_own_address_an_error(site, caplog) -> None:
    await site.save(document("picky", EVERYTHING, "inputs: {customer: {type: string}}\n"))
    await site.save(document())

    answer = await send(site, order("1"))
    own = await send(site, order("2"), "/events/default/picky")

    assert (answer.status_code, own.status_code) == (202, 400)
    assert "customer" in own.json()["detail"]
    assert [run["pipeline"] for run in await runs_of(site)] == ["sink"]
    warned = [record for record in caplog.records if record.message == "an event did not start a pipeline"]
    assert [(each.levelname, each.pipeline, each.trigger, each.event) for each in warned] == [
        ("WARNING", "picky", "event", "1"),
        ("WARNING", "picky", "event", "2"),
    ]


async def test_an_event_that_comes_from_too_many_pipelines_starts_nothing(site, caplog) -> None:
    await site.save(document())

    most = await send(site, order("1", flumehops="7"))
    answers = [await send(site, order("2", flumehops="8"), url) for url in ("/events", ADDRESS)]
    unwanted = await send(site, order("3", type="t", flumehops="8"))

    assert (most.status_code, unwanted.status_code) == (202, 202)
    assert [(each.status_code, each.json()["code"]) for each in answers] == [(400, "too-many-hops")] * 2
    assert len(await runs_of(site)) == 1
    warned = [record for record in caplog.records if record.message == "an event did not start a pipeline"]
    assert {(each.pipeline, each.source, each.hops) for each in warned} == {("sink", "/shop", 8)}


async def test_a_run_goes_on_in_the_trace_of_its_event_and_counts_its_hops(site) -> None:
    await site.save(document())
    trace = f"00-{'a' * 32}-{'b' * 16}-01"

    await send(site, order("1", traceparent=trace, flumehops="3"))
    await send(site, order("2", traceparent="nonsense"))

    stored = [await site.orchestrator.store.load_run(run["id"]) for run in await runs_of(site)]
    assert [(each.run.origin.traceparent, each.run.origin.hops) for each in stored] == [(trace, 3), (None, 0)]


async def test_a_sender_is_told_to_come_back_when_there_is_no_room(open_site) -> None:
    async with open_site(max_runs=1) as site:
        await site.save(
            document("slow", "  - {type: manual}").replace(
                "nodes:", "nodes:\n  - {id: nap, type: delay, config: {duration: 2s}}"
            )
        )
        await site.save(document())
        started = await site.call("POST", "/api/v1/pipelines/slow/invoke")
        assert started.status_code == 202
        answers = [await send(site, order("1"), url) for url in ("/events", ADDRESS)]
        await site.call("POST", f"/api/v1/runs/{started.json()['id']}/cancel")

    assert [(each.status_code, "retry-after" in each.headers) for each in answers] == [(429, True)] * 2


async def test_a_sender_is_told_to_come_back_when_the_store_fails_and_what_was_started_stays_started(
    site, monkeypatch
) -> None:
    await site.save(document())
    start = site.orchestrator.runs.start

    async def fail(record, wish):
        if wish.detail["event"]["id"] == "2":
            raise StoreError("the disk is full")
        return await start(record, wish)

    monkeypatch.setattr(type(site.orchestrator.runs), "start", lambda self, record, wish: fail(record, wish))
    batch = encode_batch([event("1"), event("2"), event("3", flumehops="9")])
    answer = await send(site, batch)
    monkeypatch.undo()
    again = await send(site, encode_batch([event("1"), event("2")]))

    assert (answer.status_code, "retry-after" in answer.headers, again.status_code) == (503, True, 202)
    assert [run["output"]["event"]["id"] for run in await runs_of(site)] == ["1", "2"]


NODE_EVENT = {"flumerun": "0" * 24, "flumenode": "a", "flumeattempt": "1"}


async def test_events_about_nodes_start_nothing_whatever_a_filter_says(site) -> None:
    await site.save(document("all", EVERYTHING))
    await site.save(document("nodes", "  - {type: event, filters: [{prefix: {type: dev.flume.node}}]}"))
    await site.save(document("not", "  - {type: event, filters: [{not: {exact: {type: x}}}]}"))

    answers = [
        await send(site, order("1", type="dev.flume.node.completed", **NODE_EVENT)),
        await send(site, order("2", type="dev.flume.node.anything", **NODE_EVENT)),
        await send(site, order("3", type="dev.flume.node.completed", **NODE_EVENT), "/events/default/all"),
    ]

    assert all(each.status_code in (202, 400) for each in answers)
    assert answers[2].json()["hint"] == "send answers of functions to /events"
    assert await runs_of(site) == []


async def test_a_report_that_is_wrong_takes_no_event_of_its_batch_with_it(site) -> None:
    await site.save(document())
    forged = event("r.a.1", type="dev.flume.node.completed", data={"token": "x", "output": 1, "logs": []}, **NODE_EVENT)

    answer = await send(site, encode_batch([forged, event("2")]))

    assert (answer.status_code, answer.json()["code"]) == (400, "malformed-event")
    assert len(await runs_of(site)) == 1


async def test_reports_of_functions_need_no_token_of_ours_and_say_which_attempts_are_gone(open_site) -> None:
    async with open_site(tokens=TOKENS) as site:
        token = site.orchestrator.tokens.make("0" * 24, "a", 1)
        data = {"token": token, "offset": 0, "text": "x", "logs": []}
        gone = event("r.a.1", type="dev.flume.node.progress", source="/flume/functions/x", data=data, **NODE_EVENT)
        wrong = {"token": "x", "output": 1, "logs": []}
        forged = event("r.a.1", type="dev.flume.node.completed", data=wrong, **NODE_EVENT)
        answers = [
            await send(site, encode_batch([gone])),
            await send(site, encode_batch([forged])),
            await send(site, encode_batch([gone, event("2")])),
        ]

    assert [each.status_code for each in answers] == [410, 400, 401]
    assert json.loads(answers[0].content) == {"gone": ["r.a.1"]}
