"""What the operator of a cluster asks and says."""

from tests.e2e.api.conftest import HELLO, YAML, opened

TOKENS = "the-administrator the-editor:*:edit bound:shop:admin"
CLUSTER = {**YAML, "Flume-Manager": "cluster"}


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


async def test_it_lists_the_pipelines_of_all_namespaces_with_what_their_objects_need():
    async with opened() as site:
        await site.save(namespace="shop")
        await site.save(name="other")
        first = (await site.call("GET", "/api/v1/cluster/pipelines?limit=1")).json()
        second = (await site.call("GET", f"/api/v1/cluster/pipelines?limit=1&cursor={first['nextCursor']}")).json()
    [other], [hello] = first["items"], second["items"]
    assert (other["namespace"], other["name"], hello["namespace"], hello["name"]) == (
        "default",
        "other",
        "shop",
        "hello",
    )
    assert (hello["version"], hello["managedBy"], hello["status"]) == (1, "api", "active")
    assert hello["hash"]
    assert hello["definition"]["nodes"][0]["id"] == "greet"
    assert hello["nodeTypes"] == {"template": 1}
    assert len(hello["eventKey"]) == 43
    assert hello["eventKey"] != other["eventKey"]
    assert (second["nextCursor"], second["unfinishedRuns"]) == (None, 0)


async def test_a_draft_is_among_them_without_a_version():
    async with opened() as site:
        await site.save(
            HELLO.replace("kind: Pipeline", "kind: Pipeline\nstate: draft").replace("type: template", "type: x")
        )
        [draft] = (await site.call("GET", "/api/v1/cluster/pipelines")).json()["items"]
    assert (draft["status"], draft["version"], draft["hash"]) == ("draft", 0, "")


async def test_what_a_resource_saved_only_its_operator_changes_and_the_other_way_round():
    async with opened() as site:
        put = ("PUT", "/api/v1/pipelines/hello")
        assert (await site.call(*put, content=HELLO, headers=CLUSTER)).json()["managedBy"] == "cluster"
        by_hand = await site.call(*put, content=HELLO, headers=YAML)
        deleted = await site.call("DELETE", "/api/v1/pipelines/hello")
        assert (by_hand.status_code, by_hand.json()["code"]) == (409, "managed-by-cluster")
        assert (deleted.status_code, deleted.json()["code"]) == (409, "managed-by-cluster")
        assert (
            await site.call("DELETE", "/api/v1/pipelines/hello", headers={"Flume-Manager": "cluster"})
        ).status_code == 204
        await site.save()
        assert (await site.call(*put, content=HELLO, headers=CLUSTER)).json()["code"] == "managed-by-api"


async def test_only_administrators_of_all_namespaces_may_ask_and_speak_for_a_cluster():
    async with opened(tokens=TOKENS) as site:
        for token, status in (("the-administrator", 200), ("the-editor", 403), ("bound", 403)):
            answer = await site.call("GET", "/api/v1/cluster/pipelines", headers=bearer(token))
            assert answer.status_code == status, token
        headers = {**CLUSTER, **bearer("the-editor")}
        refused = await site.call("PUT", "/api/v1/pipelines/hello", content=HELLO, headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
