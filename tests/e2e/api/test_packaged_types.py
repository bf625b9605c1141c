"""Node types that are images: who may save them, what is taken, and what comes of one that goes."""

import http.server
import threading

import pytest

from flume.nodes.descriptions import as_json
from orchestrator.api.nodes import NodeTypeRecord
from orchestrator.api.packaged_types import SavedTypeRecord
from orchestrator.packaged_types import TYPES_MOST
from tests.e2e.api.conftest import HELLO, YAML, opened

TOKENS = "the-administrator the-editor:*:edit bound:shop:admin"
SHOUT = {
    "image": "registry.example.org/shout:1",
    "description": "Says it louder.",
    "inputSchema": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
    "outputSchema": {"type": "string"},
}
USING = HELLO.replace('template, config: {template: "Hello"}', "shout, runOn: cpu, inputs: {text: quiet}")
AT = "/api/v1/nodes/shout"


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


async def put(site, body=None, at=AT, **options):
    return await site.call("PUT", at, json=SHOUT if body is None else body, **options)


async def test_a_type_is_known_from_the_moment_it_is_saved_until_it_is_deleted(site):
    assert (await site.call("GET", AT)).status_code == 404
    made = await put(site)
    SavedTypeRecord.model_validate(made.json())
    assert (made.status_code, made.headers["location"]) == (201, AT)

    known = (await site.call("GET", AT)).json()

    NodeTypeRecord.model_validate(known)
    assert (known["lanes"], known["runOn"], known["ports"]) == (["cpu"], "cpu", ["out"])
    assert (known["image"], known["source"]) == (SHOUT["image"], "NodeType shout")
    assert known["inputSchema"] == SHOUT["inputSchema"]
    assert "shout" in [each["name"] for each in (await site.call("GET", "/api/v1/nodes")).json()["items"]]
    assert (await site.call("DELETE", AT)).status_code == 204
    assert (await site.call("DELETE", AT)).status_code == 404
    assert (await site.call("GET", AT)).status_code == 404


async def test_documents_are_checked_by_its_schemas(site):
    before = await site.call("POST", "/api/v1/pipelines:validate", content=USING, headers=YAML)
    await put(site)
    after = await site.call("POST", "/api/v1/pipelines:validate", content=USING, headers=YAML)
    wrong = await site.call(
        "POST", "/api/v1/pipelines:validate", content=USING.replace("text: quiet", "txt: 1"), headers=YAML
    )
    assert [each["code"] for each in before.json()["problems"]] == ["unknown-node-type"]
    assert after.json()["problems"] == []
    assert {each["code"] for each in wrong.json()["problems"]} == {"missing-value"}


async def test_the_same_again_changes_nothing_and_another_takes_its_place(site):
    first, again = await put(site), await put(site)
    described = (await site.call("GET", AT)).json()
    whole = await put(site, {key: value for key, value in described.items() if key not in ("source", "links")})
    other = await put(site, {**SHOUT, "version": 2})
    assert (again.status_code, other.status_code) == (200, 200)
    assert first.json()["hash"] == again.json()["hash"] == whole.json()["hash"] != other.json()["hash"]
    assert (await site.call("GET", AT)).json()["version"] == 2
    entries = (await site.call("GET", "/api/v1/audit?target=nodes/shout")).json()["items"]
    assert [each["action"] for each in entries] == ["node.save", "node.save"]
    assert entries[0]["before"] == {"hash": first.json()["hash"]}
    assert entries[0]["after"] == {"hash": other.json()["hash"], "version": 2, "image": SHOUT["image"]}


async def test_a_deletion_is_in_the_audit_log(site):
    hash = (await put(site)).json()["hash"]
    await site.call("DELETE", AT)
    [entry, _] = (await site.call("GET", "/api/v1/audit?target=nodes/shout")).json()["items"]
    assert (entry["action"], entry["before"], entry["after"]) == ("node.delete", {"hash": hash}, None)


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
@pytest.mark.parametrize("name", ["template", "llm-chat"], ids=["of the engine", "of functions"])
async def test_what_the_installation_brings_can_be_neither_replaced_nor_deleted(site, method, name):
    before = (await site.call("GET", f"/api/v1/nodes/{name}")).json()
    body = {"json": SHOUT} if method == "PUT" else {}
    refused = await site.call(method, f"/api/v1/nodes/{name}", **body)
    assert (refused.status_code, refused.json()["code"]) == (409, "duplicate-node-type")
    assert (await site.call("GET", f"/api/v1/nodes/{name}")).json() == before


BAD = {
    "a schema that is none": ({"inputSchema": {"type": "txt"}}, "bad-schema", "/inputSchema/type"),
    "a schema on another server": ({"configSchema": {"$ref": "http://127.0.0.1:9/s"}}, "bad-schema", "/configSchema"),
    "a pattern that may take for ever": (
        {"outputSchema": {"pattern": "(?=a)b"}},
        "bad-schema",
        "/outputSchema/pattern",
    ),
    "the lane of the engine": ({"lanes": ["cpu", "engine"]}, "lane-not-allowed", "/lanes"),
    "a lane that it has not": ({"runOn": "gpu"}, "lane-not-allowed", "/runOn"),
    "the port of failures": ({"ports": ["out", "error"]}, "bad-value", "/ports/1"),
    "a port twice": ({"ports": ["a", "a"]}, "bad-value", "/ports/1"),
    "a secret that can't be": ({"secrets": ["not a name"]}, "bad-secret", "/secrets/0"),
}


@pytest.mark.parametrize("change", BAD.values(), ids=list(BAD))
async def test_a_type_that_can_not_be_an_image_is_refused_with_the_place(site, change):
    given, code, pointer = change
    refused = await put(site, {**SHOUT, **given})
    assert refused.status_code == 422, refused.text
    assert [(each["code"], each["pointer"]) for each in refused.json()["problems"]] == [(code, pointer)]
    assert (await site.call("GET", AT)).status_code == 404


async def test_names_that_no_document_could_say_and_unknown_keys_are_refused(site):
    named = await put(site, at="/api/v1/nodes/Shout")
    other = await put(site, {**SHOUT, "name": "whisper"})
    unknown = await put(site, {**SHOUT, "imgae": "x"})
    role = await put(site, {**SHOUT, "role": "loop"})
    number = await put(site, {**SHOUT, "inputSchema": {"maximum": 10**30}})
    assert [each["pointer"] for each in named.json()["problems"]] == ["/name"]
    assert (other.status_code, other.json()["code"]) == (409, "name-mismatch")
    assert [each.status_code for each in (named, unknown, role, number)] == [422, 400, 400, 400]


async def test_a_description_and_the_number_of_types_are_bounded(site, monkeypatch):
    large = await put(site, {**SHOUT, "inputSchema": {"description": "x" * 300_000}})
    assert (large.status_code, large.json()["code"]) == (413, "too-large")
    monkeypatch.setattr("orchestrator.packaged_types.TYPES_MOST", 1)
    assert (await put(site)).status_code == 201
    many = await put(site, at="/api/v1/nodes/whisper")
    assert (many.status_code, "node types" in many.json()["detail"]) == (413, True)
    assert (await put(site, {**SHOUT, "version": 2})).status_code == 200
    assert TYPES_MOST >= 500


async def test_only_administrators_of_all_namespaces_save_delete_and_list_them():
    async with opened(tokens=TOKENS) as site:
        for token, status in (("the-editor", 403), ("bound", 403), ("the-administrator", 201)):
            answers = [
                await put(site, at=f"{AT}?namespace=shop", headers=bearer(token)),
                await site.call("GET", "/api/v1/cluster/node-types", headers=bearer(token)),
                await site.call("DELETE", f"{AT}?namespace=shop", headers=bearer(token)),
            ]
            wanted = [status, 200, 204] if status == 201 else [403] * 3
            assert [each.status_code for each in answers] == wanted, token
        await put(site, headers=bearer("the-administrator"))
        assert (await site.call("GET", f"{AT}?namespace=shop", headers=bearer("bound"))).status_code == 200
        [entry] = (await site.call("GET", "/api/v1/cluster/node-types", headers=bearer("the-administrator"))).json()[
            "items"
        ]
        assert entry.keys() == {"name", "hash"}


async def test_a_run_whose_type_is_gone_or_another_one_fails_and_says_so(site):
    await put(site)
    await site.save(USING)
    await site.call("DELETE", AT)
    gone = (await site.call("POST", "/api/v1/pipelines/hello/invoke", json=None, headers={"Prefer": "wait=10"})).json()
    await put(site, {**SHOUT, "version": 2})
    changed = (
        await site.call("POST", "/api/v1/pipelines/hello/invoke", json=None, headers={"Prefer": "wait=10"})
    ).json()
    assert [each["error"]["code"] for each in (gone, changed)] == ["node-type-changed"] * 2, (gone, changed)
    assert "is gone" in str(gone)
    assert "is at version 2 now" in str(changed)


async def test_a_server_without_a_cluster_says_that_it_runs_no_images(site):
    await put(site)
    await site.save(USING)
    run = (await site.call("POST", "/api/v1/pipelines/hello/invoke", json=None, headers={"Prefer": "wait=20"})).json()
    assert (run["error"]["code"], run["error"]["retryable"]) == ("start-failed", False)
    assert "node type 'shout' is an image, and this server runs none" in run["error"]["message"]


async def test_what_it_is_can_be_put_again_as_it_is_told(site):
    await put(site)
    registry = site.orchestrator.registry
    described = as_json(registry.get("shout"))
    await site.call("DELETE", AT)
    assert (await put(site, described)).status_code == 201
    assert as_json(registry.get("shout")) == described


@pytest.fixture
def schema_server():
    """A server that gives a schema to whoever asks, in a thread; its address, and what it was asked for."""
    asked = []

    class Answers(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(200)
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *arguments):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    thread.join()
    server.server_close()


async def test_no_server_that_a_schema_names_is_ever_asked(site, schema_server):
    url, asked = schema_server
    refused = await put(site, {**SHOUT, "configSchema": {"properties": {"a": {"$ref": f"{url}/s.json"}}}})
    assert (refused.status_code, asked) == (422, [])
