import pytest

from flume.errors import SettingError
from orchestrator.api.access import access_for

YAML = {"Content-Type": "application/yaml"}
LIST = "/api/v1/pipelines"
TOKENS = "root-token old-root reader:team-a:view writer:team-a,team-b:edit everywhere:*:view"


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "127.0.0.1:1", "[::1]:80", "LOCALHOST"])
async def test_the_names_of_this_machine_are_known(site, host) -> None:
    assert (await site.call("GET", LIST, headers={"Host": host})).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "127.0.0.1.nip.io", "", "10.0.0.1", "a b"])
@pytest.mark.parametrize("path", [LIST, "/hooks/default/x", "/healthz"])
async def test_a_host_name_that_is_not_ours_is_misdirected(site, host, path) -> None:
    answer = await site.call("GET", path, headers={"Host": host})

    assert (answer.status_code, answer.json()["code"]) == (421, "unknown-host")


async def test_names_of_the_operator_are_known_and_addresses_where_all_are_listened_on(open_site) -> None:
    async with open_site(
        listen_host="0.0.0.0", is_open=True, public_url="https://flume.example.org/", allowed_hosts=["flume.svc"]
    ) as site:
        hosts = ["flume.example.org", "flume.svc:8000", "10.1.2.3:8000", "[2001:db8::1]", "evil.example"]
        statuses = [(await site.call("GET", LIST, headers={"Host": host})).status_code for host in hosts]

    assert statuses == [200, 200, 200, 200, 421]


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:3000"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost:3000"},
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_a_foreign_page_can_change_nothing(site, method, headers) -> None:
    await site.save()

    answer = await site.call(method, f"{LIST}/hello", headers={**YAML, **headers})

    assert (answer.status_code, answer.json()["code"]) == (403, "foreign-origin")
    assert (await site.call("GET", f"{LIST}/hello")).json()["version"] == 1


async def test_our_own_page_can_and_hooks_leave_it_to_the_trigger(site) -> None:
    own = {"Origin": "http://localhost:8000", "Sec-Fetch-Site": "same-origin"}
    await site.save()

    paused = await site.call("POST", f"{LIST}/hello/pause", headers=own)
    hook = await site.call("POST", "/hooks/default/none", headers={"Origin": "https://evil.example"})

    assert (paused.status_code, hook.status_code) == (200, 404)


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        (LIST, None),
        (LIST, "text/plain"),
        (LIST, "application/x-www-form-urlencoded"),
        (f"{LIST}/hello/invoke", "application/yaml"),
        ("/api/v1/runs", "multipart/form-data; boundary=x"),
    ],
)
async def test_a_body_of_a_type_that_any_page_can_send_is_refused(site, path, content_type) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}

    answer = await site.call("POST", path, content=b"{}", headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (415, "bad-content-type")


async def test_bodies_above_the_limit_are_refused_told_or_not(site) -> None:
    async def pieces():
        for _ in range(9):
            yield b" " * 1024 * 1024

    limits = {LIST: 1, f"{LIST}/hello/invoke": 8}
    json = {"Content-Type": "application/json"}
    told = [
        (await site.call("POST", path, content=b" " * (size * 1024 * 1024 + 1), headers=json)).status_code
        for path, size in limits.items()
    ]
    untold = [(await site.call("POST", path, content=pieces(), headers=json)).status_code for path in limits]
    modelled = await site.call("POST", "/api/v1/runs", content=pieces(), headers=json)

    assert (told, untold, modelled.status_code) == ([413, 413], [413, 413], 413)


async def test_headers_above_the_limit_and_doubled_ones_are_refused(site) -> None:
    large = await site.call("GET", LIST, headers={"X-Large": "x" * 65_536})
    doubled = await site.call("GET", LIST, headers=[("Authorization", "Bearer a"), ("Authorization", "Bearer b")])

    assert [(each.status_code, each.json()["code"]) for each in (large, doubled)] == [
        (431, "headers-too-large"),
        (400, "repeated-header"),
    ]


async def test_without_a_token_only_health_and_the_description_are_open(open_site) -> None:
    async with open_site(tokens=TOKENS) as site:
        closed = [LIST, "/metrics", "/nothing", "/api/v1/nodes", "/api/v1/events"]
        refused = [await site.call("GET", path) for path in closed]
        opened = ["/healthz", "/readyz", "/docs", "/openapi.json"]
        statuses = [(await site.call("GET", path)).status_code for path in opened]

    assert [each.status_code for each in refused] == [401] * len(closed)
    assert refused[0].headers["www-authenticate"] == 'Bearer realm="flume"'
    assert statuses == [200] * len(opened)


@pytest.mark.parametrize(
    "value",
    ["Bearer wrong", "Bearer ", "Bearer root-token x", "Basic root-token", "root-token", "Bearer reader:team-a"],
)
async def test_what_is_no_token_of_ours_is_unauthorized(open_site, value) -> None:
    async with open_site(tokens=TOKENS) as site:
        answer = await site.call("GET", LIST, headers={"Authorization": value})

    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
    assert "invalid_token" in answer.headers["www-authenticate"]


async def test_every_token_of_a_rotation_works_and_is_named_by_its_place(open_site) -> None:
    async with open_site(tokens=TOKENS) as site:
        statuses = [
            (await site.call("GET", LIST, headers=bearer(token))).status_code for token in ("root-token", "old-root")
        ]
        await site.call("PUT", f"{LIST}/hello", content=HELLO, headers={**YAML, **bearer("old-root")})
        entry = (await site.call("GET", "/api/v1/audit", headers=bearer("root-token"))).json()["items"][0]

    assert statuses == [200, 200]
    assert entry["actor"] == "token-2"
    assert "old-root" not in str(entry)


async def test_a_bound_token_sees_its_namespaces_and_no_others(open_site) -> None:
    async with open_site(tokens=TOKENS) as site:

        async def status(token, namespace):
            answer = await site.call("GET", f"{LIST}?namespace={namespace}", headers=bearer(token))
            return answer.status_code

        assert [await status("reader", each) for each in ("team-a", "team-b", "default")] == [200, 404, 404]
        assert [await status("writer", each) for each in ("team-a", "team-b", "default")] == [200, 200, 404]
        assert await status("everywhere", "team-b") == 200
        assert (await site.call("GET", LIST, headers=bearer("reader"))).status_code == 404
        assert (await site.call("GET", "/metrics", headers=bearer("reader"))).status_code == 403
        assert (await site.call("GET", "/metrics", headers=bearer("everywhere"))).status_code == 200


async def test_roles_decide_who_may_change_and_who_may_read_the_audit_log(open_site) -> None:
    async with open_site(tokens=TOKENS) as site:

        async def status(method, path, token, **options):
            url = f"{path}?namespace=team-a"
            headers = {**options.pop("headers", {}), **bearer(token)}
            return (await site.call(method, url, headers=headers, **options)).status_code

        document = {"content": HELLO, "headers": YAML}
        assert await status("PUT", f"{LIST}/hello", "reader", **document) == 403
        assert await status("PUT", f"{LIST}/hello", "writer", **document) == 201
        assert await status("POST", f"{LIST}:validate", "reader", **document) == 200
        assert await status("POST", f"{LIST}/hello/invoke", "reader") == 403
        assert await status("GET", "/api/v1/audit", "writer") == 403
        assert await status("GET", "/api/v1/audit", "root-token") == 200


HELLO = "apiVersion: flume/v1\nkind: Pipeline\nmetadata: {name: hello}\nnodes: [{id: a, type: log, inputs: {message: hi}}]\n"


@pytest.mark.parametrize("path", [LIST, "/nothing", "/healthz", "/docs"])
async def test_every_answer_is_guarded_and_errors_are_problems(site, path) -> None:
    answer = await site.call("GET", path)

    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


async def test_a_wrong_method_names_the_right_ones_and_a_wrong_path_is_a_problem(site) -> None:
    method = await site.call("PUT", LIST, content=b"{}", headers={"Content-Type": "application/json"})
    path = await site.call("GET", "/api/v1/nothing")

    assert (method.status_code, method.json()["code"]) == (405, "method-not-allowed")
    assert method.headers["allow"]
    assert (path.status_code, path.headers["content-type"]) == (404, "application/problem+json")
    assert set(path.json()) == {"type", "title", "status", "detail", "code", "instance"}


def test_a_server_that_others_can_reach_wants_tokens_or_to_be_told_that_it_needs_none() -> None:
    for host in ("0.0.0.0", "::", "192.0.2.1", "flume.example.org"):
        with pytest.raises(SettingError, match="FLUME_API_TOKEN"):
            access_for(listen_host=host)
        assert access_for(listen_host=host, is_open=True).requires_token is False
    for host in ("127.0.0.1", "::1", "localhost", "127.9.9.9"):
        assert access_for(listen_host=host).requires_token is False


@pytest.mark.parametrize("path", ["/api/v1/runs", "/api/v1/nodes/log:test", f"{LIST}/hello/invoke"])
async def test_half_a_surrogate_pair_is_a_bad_request_and_no_failure(site, path) -> None:
    await site.save()
    bodies = {
        "/api/v1/runs": b'{"definition": {"a\\ud83d": 1}}',
        "/api/v1/nodes/log:test": b'{"inputs": {"\\ud83d": 1}}',
    }

    answer = await site.call(
        "POST", path, content=bodies.get(path, b'{"\\ud83d": 1}'), headers={"Content-Type": "application/json"}
    )

    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
