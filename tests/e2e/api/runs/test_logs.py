import orjson

TALKS = """
nodes:
  - {id: low, type: log, config: {level: debug}, inputs: {message: quiet words}}
  - {id: high, type: log, config: {level: error}, inputs: {message: loud words, data: {n: 1}}}
edges: [{from: low, to: high}]
"""
GATE = "nodes:\n  - {id: wait, type: gate}\n"


def events(text):
    """The events of a stream as ``(name, id, data)``."""
    found = []
    for block in text.strip().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n") if not line.startswith(":"))
        if "data" in fields:
            found.append((fields["event"], fields.get("id"), orjson.loads(fields["data"])))
    return found


async def test_the_log_of_a_run_is_read_by_node_level_and_place(api) -> None:
    await api.save(TALKS)
    run_id = (await api.invoke(wait=5)).json()["id"]
    url = f"/api/v1/runs/{run_id}/logs"

    whole = (await api.get(url)).json()
    first = (await api.get(f"{url}?limit=1")).json()
    rest = (await api.get(url, params={"after": first["after"]})).json()

    assert [(line["node"], line["level"], line["message"]) for line in whole["items"]] == [
        ("low", "debug", "quiet words"),
        ("high", "error", "loud words"),
    ]
    assert whole["items"][1]["fields"] == {"data": {"n": 1}}
    assert (whole["nextCursor"], first["nextCursor"]) == (None, first["after"])
    assert [line["node"] for line in rest["items"]] == ["high"]
    assert [line["node"] for line in (await api.get(f"{url}?level=warning")).json()["items"]] == ["high"]
    assert [line["node"] for line in (await api.get(f"{url}?node=low")).json()["items"]] == ["low"]
    assert (await api.get(f"{url}?namespace=other")).status_code == 404


async def test_lines_are_searched_over_all_runs_of_the_namespace(api) -> None:
    await api.save(TALKS)
    await api.save(TALKS, name="other")
    run_id = (await api.invoke(wait=5)).json()["id"]
    await api.invoke(name="other", wait=5)

    async def found(query):
        items = (await api.get(f"/api/v1/logs?{query}")).json()["items"]
        return [(line["pipeline"], line["node"]) for line in items]

    assert await found("q=loud") == [("other", "high"), ("sample", "high")]
    assert await found(f"run={run_id}&level=error") == [("sample", "high")]
    assert await found("pipeline=other&node=low") == [("other", "low")]
    assert await found("q=loud&namespace=other") == []
    assert await found("since=2100-01-01T00:00:00Z") == []


async def test_a_followed_log_ends_with_its_run_and_goes_on_where_a_reader_was(api) -> None:
    await api.save(GATE)
    api.gates.open()
    run_id = (await api.invoke(wait=5)).json()["id"]
    url = f"/api/v1/runs/{run_id}/logs?follow=true"

    stream = await api.get(url)
    lines = events(stream.text)
    again = await api.get(url, headers={"Last-Event-ID": lines[-1][1]})

    assert stream.headers["content-type"].startswith("text/event-stream")
    assert [(name, data["message"]) for name, _, data in lines] == [("log", "at the gate")]
    assert again.status_code == 204
