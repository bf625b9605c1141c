"""The address at which functions fetch and keep large data, behind the same entrance as the API, by a token of their own."""

import asyncio

import pytest

from eventing.datarefs import PAYLOAD_MOST, payload_id
from flume.ids import Instance, RunId

RUN, NODE, ATTEMPT = RunId("a" * 24), Instance("each[0].n"), 1
TOKENS = "root reader:*:view"


@pytest.fixture
def proof():
    """What a function shows for an attempt of a site, with other headers besides."""

    def headers(site, **more):
        token = site.orchestrator.tokens.make(RUN, NODE, ATTEMPT)
        changed = {name.replace("_", "-"): value for name, value in more.items()}
        return {"authorization": f"Bearer {token}", "flume-attempt": f"{RUN}.{NODE}.{ATTEMPT}", **changed}

    return headers


def address(site):
    return f"/api/v1/payloads/{payload_id(site.orchestrator.tokens.make(RUN, NODE, ATTEMPT), 'answer')}"


@pytest.mark.parametrize("tokens", ["", TOKENS])
async def test_an_attempts_token_opens_its_payload_whether_or_not_the_api_wants_tokens(
    open_site, proof, tokens
) -> None:
    async with open_site(tokens=tokens) as site:
        headers = proof(site, content_type="application/json")

        kept = await site.call("PUT", address(site), content=b'{"output": 1}', headers=headers)
        fetched = await site.call("GET", address(site), headers=headers)

    assert (kept.status_code, kept.content) == (204, b"")
    assert (fetched.status_code, fetched.json()) == (200, {"output": 1})
    assert fetched.headers["cache-control"] == "no-store"


async def test_a_token_of_the_api_opens_no_payload_of_an_attempt_and_an_attempts_token_nothing_of_the_api(
    open_site, proof
):
    async with open_site(tokens=TOKENS) as site:
        await site.call("PUT", address(site), content=b"{}", headers=proof(site, content_type="application/json"))

        for token in ("root", "reader"):
            assert (
                await site.call("GET", address(site), headers=proof(site, authorization=f"Bearer {token}"))
            ).status_code == 404
        for path in ("/api/v1/runs", "/api/v1/payloads", f"/api/v1/payloads/../runs/{RUN}", "/metrics"):
            assert (await site.call("GET", path, headers=proof(site))).status_code == 401, path
        alone = {"authorization": proof(site)["authorization"]}
        assert (await site.call("GET", f"{address(site)}?run={RUN}", headers=alone)).status_code == 401
        twice = [*proof(site).items(), ("flume-attempt", f"{RUN}.{NODE}.{ATTEMPT}")]
        assert (await site.call("GET", address(site), headers=twice)).status_code == 400


async def test_values_of_runs_are_read_there_as_before_by_who_names_no_attempt(site) -> None:
    answer = await site.call("GET", f"/api/v1/payloads/{'f' * 24}?run={RUN}")

    assert (answer.status_code, answer.json()["detail"]) == (404, f"no run '{RUN}'; in namespace 'default'")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "evil.example"}, 421),
        ({"origin": "https://evil.example"}, 403),
        ({"sec_fetch_site": "cross-site"}, 403),
        ({"content_type": "text/plain"}, 415),
        ({"content_length": str(PAYLOAD_MOST + 1)}, 413),
    ],
)
async def test_the_entrance_refuses_here_what_it_refuses_everywhere(site, proof, headers, status) -> None:
    given = proof(site, **{"content_type": "application/json", **headers})

    answer = await site.call("PUT", address(site), content=b"{}", headers=given)

    assert answer.status_code == status
    assert (await site.call("GET", address(site), headers=proof(site))).status_code == 404


async def test_more_than_other_bodies_may_have_is_taken(site, proof) -> None:
    content = b'"' + b"x" * 9_000_000 + b'"'

    async def pieces():
        for start in range(0, len(content), 1_000_000):
            yield content[start : start + 1_000_000]
            await asyncio.sleep(0)

    headers = proof(site, content_type="application/json")
    assert (await site.call("PUT", address(site), content=pieces(), headers=headers)).status_code == 204
    assert (await site.call("GET", address(site), headers=proof(site))).content == content
