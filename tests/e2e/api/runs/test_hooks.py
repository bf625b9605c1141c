import base64
import hmac

SECRET = "correct horse"


def hook(auth="", more="", nodes=None):
    """A pipeline with a webhook."""
    nodes = (
        nodes or "nodes: [{id: echo, type: json-transform, inputs: {data: '{{ trigger }}'}, config: {expression: '@'}}]"
    )
    return f"triggers:\n  - {{type: webhook, path: in/box, {more}{auth}}}\n{nodes}\n"


WAITS = "response: wait, "


def secured(kind, **more):
    inner = ", ".join(
        f"{key}: {value}" for key, value in {"type": kind, "secret": '"{{secrets.HOOK}}"', **more}.items()
    )
    return f"auth: {{{inner}}}"


async def test_a_call_is_accepted_and_becomes_the_trigger_of_a_run(api) -> None:
    await api.save(hook())

    answer = await api.post("/hooks/default/in/box?a=1&a=2&b=3", json={"x": 1}, headers={"Cookie": "c=1", "X-Tag": "t"})

    assert (answer.status_code, sorted(answer.json())) == (202, ["id", "links", "status"])
    trigger = (await api.ended(answer.json()["id"]))["trigger"]
    assert (trigger["type"], trigger["id"], trigger["data"]) == ("webhook", "webhook", {"x": 1})
    assert (trigger["method"], trigger["path"], trigger["query"]) == (
        "POST",
        "/hooks/default/in/box",
        {"a": ["1", "2"], "b": "3"},
    )
    assert trigger["headers"]["x-tag"] == "t"
    assert "cookie" not in trigger["headers"]


async def test_bodies_of_every_kind_become_data(api) -> None:
    await api.save(hook(more=WAITS))

    async def data(**options):
        answer = await api.post("/hooks/default/in/box", **options)
        assert answer.status_code == 200
        return answer.json()["output"]["data"]

    assert await data(json=[1, {"a": None}]) == [1, {"a": None}]
    assert await data(data={"a": "1", "b": "2"}) == {"a": "1", "b": "2"}
    assert await data(content="plain", headers={"Content-Type": "text/plain"}) == "plain"
    assert await data(content=b"\x00\x01", headers={"Content-Type": "application/x-thing"}) == {
        "contentType": "application/x-thing",
        "size": 2,
        "content": "AAE=",
    }
    file = await data(files={"f": ("a.txt", b"hi", "text/plain")})
    assert (file["f"]["filename"], file["f"]["content"]) == ("a.txt", base64.b64encode(b"hi").decode())
    assert await data() is None


async def test_a_body_that_is_not_what_it_says_or_too_large_is_refused(api) -> None:
    await api.save(hook())
    headers = {"Content-Type": "application/json"}

    broken = await api.post("/hooks/default/in/box", content=b"{", headers=headers)
    large = await api.post("/hooks/default/in/box", content=b"x" * (8 * 1024 * 1024 + 1))

    assert [(each.status_code, each.json()["code"]) for each in (broken, large)] == [
        (400, "bad-body"),
        (413, "too-large"),
    ]


async def test_each_kind_of_authentication_lets_in_who_knows_the_secret(open_api) -> None:
    body = b'{"x": 1}'
    digest = hmac.new(SECRET.encode(), body, "sha256").hexdigest()
    kinds = {
        "bearer": ({}, {"Authorization": f"Bearer {SECRET}"}),
        "basic": ({}, {"Authorization": "Basic " + base64.b64encode(SECRET.encode()).decode()}),
        "hmac": ({}, {"X-Signature-256": f"sha256={digest}"}),
        "hmac-own-header": ({"header": "X-Mine", "algorithm": "sha256"}, {"X-Mine": digest}),
    }
    async with open_api(secrets={"HOOK": SECRET}) as api:
        for name, (more, right) in kinds.items():
            kind = name.partition("-")[0]
            await api.save(hook(secured(kind, **more)))
            wrong = {key: value[:-2] + "00" for key, value in right.items()}

            good = await api.post("/hooks/default/in/box", content=body, headers=right)
            bad = await api.post("/hooks/default/in/box", content=body, headers=wrong)
            none = await api.post("/hooks/default/in/box", content=body)

            assert [good.status_code, bad.status_code, none.status_code] == [202, 401, 401], name
            assert "www-authenticate" in none.headers
            trigger = (await api.ended(good.json()["id"]))["trigger"]
            assert not set(trigger["headers"]) & {"authorization", "x-signature-256", "x-mine"}


async def test_a_signature_over_another_body_is_refused(open_api) -> None:
    async with open_api(secrets={"HOOK": SECRET}) as api:
        await api.save(hook(secured("hmac")))
        signature = hmac.new(SECRET.encode(), b"one", "sha256").hexdigest()

        answer = await api.post("/hooks/default/in/box", content=b"two", headers={"X-Signature-256": signature})

        assert answer.status_code == 401
        assert (await api.get("/api/v1/runs")).json()["items"] == []


async def test_other_methods_are_refused_with_those_that_are_taken(api) -> None:
    await api.save(hook(more="methods: [PUT, GET], "))

    put = await api.client.put("/hooks/default/in/box")
    got = await api.get("/hooks/default/in/box")
    post = await api.post("/hooks/default/in/box")
    head = await api.client.head("/hooks/default/in/box")
    options = await api.client.options("/hooks/default/in/box")

    assert [each.status_code for each in (put, got, post, head, options)] == [202, 202, 405, 405, 204]
    assert (post.headers["allow"], options.headers["allow"]) == ("PUT, GET", "PUT, GET, OPTIONS")


async def test_paused_pipelines_answer_503_and_drafts_and_unknown_paths_404(api) -> None:
    await api.save(hook(), state="paused")
    await api.save(hook().replace("in/box", "rough"), name="rough", state="draft")

    paused = await api.post("/hooks/default/in/box")
    draft = await api.post("/hooks/default/rough")
    unknown = await api.post("/hooks/default/nothing")
    elsewhere = await api.post("/hooks/other/in/box")

    assert [each.status_code for each in (paused, draft, unknown, elsewhere)] == [503, 404, 404, 404]


async def test_a_trigger_that_is_switched_off_is_not_there(api) -> None:
    record = await api.save(hook())
    record = await api.orchestrator.pipelines.set_trigger(record, "webhook", enabled=False)
    assert (await api.post("/hooks/default/in/box")).status_code == 404

    await api.orchestrator.pipelines.set_trigger(record, "webhook", enabled=True)

    assert (await api.post("/hooks/default/in/box")).status_code == 202


async def test_a_save_a_new_path_and_a_deletion_are_seen_at_once(api) -> None:
    assert (await api.post("/hooks/default/in/box")).status_code == 404
    await api.save(hook())
    assert (await api.post("/hooks/default/in/box")).status_code == 202

    record = await api.save(hook().replace("in/box", "moved"))

    assert (await api.post("/hooks/default/in/box")).status_code == 404
    assert (await api.post("/hooks/default/moved")).status_code == 202
    await api.orchestrator.pipelines.delete(record)
    assert (await api.post("/hooks/default/moved")).status_code == 404


async def test_the_same_path_in_two_namespaces_starts_two_pipelines(api) -> None:
    await api.save(hook(), name="here")
    await api.save(hook(), name="there", namespace="team")

    here = await api.post("/hooks/default/in/box")
    there = await api.post("/hooks/team/in/box")

    assert (await api.get(f"/api/v1/runs/{here.json()['id']}")).json()["pipeline"] == "here"
    assert (await api.get(there.headers["location"])).json()["pipeline"] == "there"


async def test_a_waiting_hook_answers_with_the_http_response_in_a_sandbox(api) -> None:
    nodes = """nodes:
  - id: answer
    type: http-response
    config: {status: 418, headers: {content-type: text/html}}
    inputs: {body: "<script>alert(1)</script>"}
"""
    await api.save(hook(more=WAITS, nodes=nodes))

    answer = await api.post("/hooks/default/in/box")

    assert (answer.status_code, answer.text) == (418, "<script>alert(1)</script>")
    assert answer.headers["content-security-policy"] == "sandbox"
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_every_answer_of_a_hook_is_sandboxed(open_api) -> None:
    async with open_api(secrets={"HOOK": SECRET}) as api:
        await api.save(hook(secured("bearer")))

        accepted = await api.post("/hooks/default/in/box", headers={"Authorization": f"Bearer {SECRET}"})
        refused = await api.post("/hooks/default/in/box")
        missing = await api.post("/hooks/default/nothing")

        for answer in (accepted, refused, missing):
            assert answer.headers["content-security-policy"] == "sandbox"
            assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_waiting_hook_gives_up_when_its_time_is_up(api) -> None:
    await api.save(hook(more=WAITS + "wait: 10ms, ", nodes="nodes: [{id: wait, type: gate}]"))

    answer = await api.post("/hooks/default/in/box")

    assert answer.status_code == 202
    api.gates.open()
    assert (await api.ended(answer.json()["id"]))["output"] == "open"


async def test_inputs_take_what_they_know_of_the_data_and_missing_ones_are_refused(api) -> None:
    inputs = "inputs: {name: {type: string}}\n"
    nodes = "nodes: [{id: say, type: template, config: {template: '{{ inputs.name }}'}}]"
    await api.save(inputs + hook(more=WAITS, nodes=nodes))

    known = await api.post("/hooks/default/in/box", json={"name": "Ada", "more": 1})
    missing = await api.post("/hooks/default/in/box", json={"more": 1})

    assert known.json()["output"] == "Ada"
    assert missing.status_code == 400


async def test_a_repeated_key_starts_nothing_and_another_query_under_it_is_refused(api) -> None:
    await api.save(hook())
    headers = {"Idempotency-Key": "delivery-1"}

    first = await api.post("/hooks/default/in/box?n=1", headers=headers)
    again = await api.post("/hooks/default/in/box?n=1", headers=headers)
    other = await api.post("/hooks/default/in/box?n=2", headers=headers)

    assert first.json()["id"] == again.json()["id"]
    assert other.status_code == 422
