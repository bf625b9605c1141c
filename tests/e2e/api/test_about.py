"""What the orchestrator tells of itself, of its callers and of secrets."""

import pytest

from orchestrator.api import pipeline_presentation, secret_names

SECRET = """\
apiVersion: flume/v1
kind: Pipeline
metadata: {name: asks}
state: draft
nodes:
  - {id: a, type: http-request, config: {url: "https://example.org/{{ secrets.KEY }}"}}
"""

YAML = {"Content-Type": "application/yaml"}


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


async def test_an_open_orchestrator_tells_all(site):
    record = (await site.call("GET", "/api/v1/orchestrator")).json()
    assert record["version"] == "1.2.3"
    assert record["caller"] == {"name": "", "role": "admin", "namespaces": None}
    assert record["tokens"] == []
    assert "secrets" not in record
    assert (await site.call("GET", "/api/v1/secrets")).json() == {"items": [], "hasMore": False}


@pytest.mark.parametrize(("token", "sees"), [("first", True), ("second", False), ("third", False)])
async def test_only_administrators_of_all_namespaces_see_replicas_and_tokens(open_site, token, sees):
    async with open_site(tokens="first second:*:view third:team:admin") as site:
        record = (await site.call("GET", "/api/v1/orchestrator", headers=bearer(token))).json()
        assert (record["tokens"] is not None) is sees
        assert (record["replicas"] is not None) is sees


async def test_a_bound_token_learns_where_it_may_look(open_site):
    async with open_site(tokens="first third:team,other:edit") as site:
        record = (await site.call("GET", "/api/v1/orchestrator", headers=bearer("third"))).json()
        assert record["caller"] == {"name": "token-2", "role": "edit", "namespaces": ["other", "team"]}
        answer = await site.call("GET", "/api/v1/orchestrator?namespace=default", headers=bearer("third"))
        assert answer.status_code == 404


async def test_a_token_is_checked_without_reading_anything(open_site):
    async with open_site(tokens="first third:team,other:view") as site:
        record = (await site.call("GET", "/api/v1/caller", headers=bearer("third"))).json()
        assert record == {"name": "token-2", "role": "view", "namespaces": ["other", "team"]}
        assert (await site.call("GET", "/api/v1/caller")).status_code == 401
        assert (await site.call("GET", "/api/v1/caller?namespace=default", headers=bearer("third"))).status_code == 404


async def test_secrets_are_told_by_name_with_the_pipelines_that_ask_for_them(open_site):
    async with open_site(tokens="first") as site:
        saved = await site.call("POST", "/api/v1/pipelines", content=SECRET, headers={**YAML, **bearer("first")})
        assert saved.status_code == 201, saved.text
        record = (await site.call("GET", "/api/v1/secrets", headers=bearer("first"))).json()
        assert record == {"items": [{"name": "KEY", "isSet": False, "usedBy": ["asks"]}], "hasMore": False}


async def test_names_of_secrets_are_read_again_only_after_a_change(open_site, monkeypatch):
    read = []

    async def text_of(orchestrator, record):
        read.append(record.name)
        return await pipeline_presentation.text_of(orchestrator, record)

    monkeypatch.setattr(secret_names, "text_of", text_of)
    async with open_site() as site:
        await site.call("POST", "/api/v1/pipelines", content=SECRET, headers=YAML)
        for _ in range(3):
            await site.call("GET", "/api/v1/secrets")
        assert read == ["asks"]
        await site.call("PUT", "/api/v1/pipelines/asks", content=SECRET.replace("KEY", "OTHER"), headers=YAML)
        record = (await site.call("GET", "/api/v1/secrets")).json()
        assert [each["name"] for each in record["items"]] == ["OTHER"]


async def test_a_token_that_is_bound_to_a_namespace_sees_only_names_that_its_pipelines_ask_for(open_site):
    async with open_site(tokens="first second:team:view") as site:
        await site.call("POST", "/api/v1/pipelines", content=SECRET, headers={**YAML, **bearer("first")})
        record = (await site.call("GET", "/api/v1/secrets?namespace=team", headers=bearer("second"))).json()
        assert record["items"] == []
