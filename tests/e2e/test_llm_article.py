"""The pipeline with which Flume was asked for, as it stands: webhook, HTTP, a real language model, a real database.

Only the way to its URL is the test's: the name leads to a server on this machine, and the encryption on the way is left out.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import httpcore
import httpx
import pytest
from pymongo import AsyncMongoClient

from flume.cli.serving import serving
from flume.cli.settings import read_settings
from flume.nodes.registry import Registry, installed_node_types
from flume.validation import validate
from functions import outgoing
from tests.servers.answering import answering

DOCUMENT = (Path(__file__).parents[2] / "examples" / "article-generator.yaml").read_text()
YAML = {"Content-Type": "application/yaml"}
TOPIC = "바다"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]  # a model thinks longer where others compute too


class WithoutTls(httpcore.AsyncNetworkStream):
    """A connection on which nothing is encrypted although it is asked for."""

    def __init__(self, plain: httpcore.AsyncNetworkStream) -> None:
        self.read, self.write, self.aclose = plain.read, plain.write, plain.aclose
        self.get_extra_info = plain.get_extra_info

    async def start_tls(self, **_: Any) -> httpcore.AsyncNetworkStream:
        return self


def way_to(known: tuple[str, int], here: int) -> type[httpcore.AsyncNetworkBackend]:
    """A network in which one host and port leads to a port of this machine, and nothing else anywhere."""

    class Network(httpcore.AnyIOBackend):
        def __init__(self, *_: Any) -> None:
            super().__init__()

        async def connect_tcp(self, host: str, port: int, **options: Any) -> httpcore.AsyncNetworkStream:
            if (host, port) != known:
                raise httpcore.ConnectError(f"{host}:{port} is not known here")
            return WithoutTls(await super().connect_tcp("127.0.0.1", here, **options))

    return Network


@pytest.fixture(name="topics", autouse=True)
def topics_fixture(monkeypatch):
    """The server behind ``https://api.example.com``."""
    with answering({"/topics": [(200, {"topic": TOPIC})]}) as url:
        monkeypatch.setattr(outgoing, "GuardedBackend", way_to(("api.example.com", 443), httpx.URL(url).port))
        yield


@asynccontextmanager
async def flume_at(folder: Path, **settings: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a server on a data folder."""
    given = read_settings({"FLUME_DATA": str(folder), "FLUME_GRACE": "0", **settings})
    async with (
        serving(given, "127.0.0.1", 0, secrets={}) as server,
        httpx.AsyncClient(base_url=server.url, timeout=250, trust_env=False) as client,
    ):
        yield client


@asynccontextmanager
async def articles_in(url: str) -> AsyncIterator[Any]:
    """The collection of articles, empty at first."""
    async with AsyncMongoClient(url) as client:
        await client.flume.articles.delete_many({})
        yield client.flume.articles


async def article_of(path: str, folder: Path, model_url: str, mongodb_url: str) -> tuple[dict[str, Any], str]:
    """The node that wrote it, in a run that was started by ``path`` and did all that it should, and the run's events."""
    async with (
        articles_in(mongodb_url) as articles,
        flume_at(folder, VLLM_URL=model_url, MONGODB_URL=mongodb_url) as flume,
    ):
        saved = await flume.post("/api/v1/pipelines", content=DOCUMENT, headers=YAML)
        assert (saved.status_code, saved.json()["status"]) == (201, "active")
        started = await flume.post(path)
        assert started.status_code == 202
        run_id = started.json()["id"]
        events = (await flume.get(f"/api/v1/runs/{run_id}/events")).text
        run = (await flume.get(f"/api/v1/runs/{run_id}")).json()
        kept = await articles.find().to_list()

    assert run["error"] is None
    assert run["status"] == "completed"
    nodes = run["nodes"]
    assert nodes["fetch-topic"]["output"] == {"topic": TOPIC}
    assert [(each["title"], each["content"]) for each in kept] == [(TOPIC, nodes["generate-article"]["output"])]
    assert isinstance(kept[0]["createdAt"], datetime)
    assert run["output"] == nodes["save-article"]["output"] == str(kept[0]["_id"])
    return nodes["generate-article"], events


async def test_the_article_generator_writes_an_article_about_the_topic_and_keeps_it(
    tmp_path, model_server, mongodb_url
) -> None:
    written, events = await article_of("/hooks/default/article-generator", tmp_path, model_server.url, mongodb_url)

    assert written["output"]
    assert written["meta"]["usage"]["completionTokens"] > 0
    assert "event: progress" in events


async def test_it_does_the_same_when_somebody_invokes_it(tmp_path, dictated_model, mongodb_url) -> None:
    dictated_model.say("파도")
    dictated_model.finish()

    written, _ = await article_of(
        "/api/v1/pipelines/article-generator/invoke", tmp_path, dictated_model.url, mongodb_url
    )

    assert written["output"] == "파도"


def test_it_may_as_well_be_started_by_the_clock_as_its_comments_say() -> None:
    clocked = DOCUMENT.replace(
        '  type: webhook\n  # type: cron\n  # schedule: "0 9 * * *"\n', '  type: cron\n  schedule: "0 9 * * *"\n'
    )
    validation = validate(clocked, Registry(installed_node_types))
    assert clocked != DOCUMENT
    assert validation.problems == ()
    assert [trigger.id for trigger in validation.parsed.pipeline.triggers] == ["cron"]
