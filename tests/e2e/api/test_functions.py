"""Functions over the whole app, known from a directory that says what the test wants."""

from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from types import MappingProxyType

import httpx
import orjson
import pytest

from eventing.function_status import Crash, FunctionStatus
from flume.cli.local import Composition, local_orchestrator
from flume.cli.settings import Settings
from flume.nodes import Node, NodeInput
from orchestrator.api.access import access_for
from orchestrator.api.app import create_app
from orchestrator.api.functions import FunctionDetailRecord, FunctionRecord
from orchestrator.api.run_models import Page
from orchestrator.api.streams import Interest, namespace_events
from orchestrator.api.tokens import parse_tokens
from orchestrator.function_watch import FunctionWatch

FUNCTIONS = "/api/v1/functions"

READY = FunctionStatus(
    "resize",
    instances=3,
    ready=1,
    starting=1,
    most=4,
    concurrency=2,
    in_flight=2,
    events=7,
    cold_starts=2,
    cold_start_ms=250,
    last_event_at=1_790_000_000_000,
    crash=Crash(1_790_000_000_500, "was killed by SIGKILL", "out of memory\nat row 7"),
)


class Resize(Node):
    """Runs outside the engine, and says how many instances it may have."""

    name = "resize"
    run_on = "cpu"
    lanes = ("cpu",)
    concurrency = 2
    scale = MappingProxyType({"max": 4})

    class Input(NodeInput):
        pass

    async def execute(self, input):
        return None


class Directory:
    def __init__(self):
        self.now = ()

    def statuses(self):
        return self.now


class Site:
    def __init__(self, orchestrator, directory, client):
        self.orchestrator = orchestrator
        self.directory = directory
        self.client = client

    async def get(self, path="", token=""):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return await self.client.get(f"{FUNCTIONS}{path}", headers=headers)

    async def names(self, query=""):
        return [each["name"] for each in (await self.get(query)).json()["items"]]

    def become(self, *statuses):
        self.directory.now = statuses
        self.orchestrator.functions.look()


@asynccontextmanager
async def opened(tokens=""):
    async with local_orchestrator(Composition(Settings(grace=0), {}, None, fires_schedules=False)) as real:
        directory = Directory()
        real.registry.register(Resize)
        orchestrator = replace(real, functions=FunctionWatch(directory, real.bus, real.clock))
        app = create_app(orchestrator, access_for(listen_host="127.0.0.1", tokens=parse_tokens(tokens)), version="1")
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8000") as client:
            yield Site(orchestrator, directory, client)


@pytest.fixture
async def site():
    async with opened() as made:
        yield made


async def test_every_type_that_runs_outside_the_engine_has_a_function_that_is_at_zero_before_it_was_needed(
    site,
) -> None:
    page = (await site.get()).json()

    Page[FunctionRecord].model_validate(page)
    names = [each["name"] for each in page["items"]]
    assert names == sorted(names)
    assert {"llm-chat", "resize", "script"} <= set(names)
    assert "delay" not in names
    resize = next(each for each in page["items"] if each["name"] == "resize")
    assert (resize["lane"], resize["status"], resize["instances"]) == ("cpu", "at-zero", 0)
    assert (resize["maxInstances"], resize["limit"]) == (4, 8)


async def test_a_function_shows_what_it_does_how_it_got_there_and_how_its_last_instance_died(site) -> None:
    site.become(replace(READY, instances=0, ready=0, starting=0))
    site.become(READY)

    resize = (await site.get("/resize")).json()

    FunctionDetailRecord.model_validate(resize)
    assert (resize["status"], resize["instances"], resize["starting"], resize["ready"]) == ("ready", 3, 1, 1)
    assert (resize["inFlight"], resize["limit"], resize["events"]) == (2, 8, 7)
    assert (resize["coldStarts"], resize["coldStartMs"], resize["failure"]) == (2, 250, None)
    assert resize["lastEventAt"] == "2026-09-21T14:13:20.000Z"
    assert resize["crash"] == {
        "at": "2026-09-21T14:13:20.500Z",
        "reason": "was killed by SIGKILL",
        "output": "out of memory\nat row 7",
    }
    assert [(each["instances"], each["ready"]) for each in resize["scale"]] == [(0, 0), (3, 1)]


async def test_functions_are_listed_by_state_and_lane_page_by_page(site) -> None:
    everything = await site.names()
    site.become(READY)

    assert await site.names("?status=ready") == ["resize"]
    assert await site.names("?lane=cpu") == ["resize"]
    assert await site.names("?lane=gpu&status=ready") == []
    pages, cursor = [], ""
    while cursor is not None:
        page = (await site.get(f"?limit=2&cursor={cursor}")).json()
        pages.append([each["name"] for each in page["items"]])
        cursor = page["nextCursor"]
    assert [name for page in pages for name in page] == everything
    assert all(pages)
    assert (await site.get(f"?limit={len(everything)}")).json()["nextCursor"] is None
    assert (await site.get("?status=sleepy")).status_code == 400


async def test_a_type_of_the_engine_is_listed_once_a_pipeline_ran_it_elsewhere(site) -> None:
    assert "template" not in await site.names()

    site.become(replace(READY, name="template"))

    assert "template" in await site.names()
    assert (await site.get("/template")).json()["status"] == "ready"


async def test_what_has_no_function_is_not_found(site) -> None:
    unknown, inside, elsewhere = [await site.get(path) for path in ("/resise", "/delay", "/template")]

    assert (unknown.status_code, inside.status_code) == (404, 404)
    assert "runs in the engine alone" in inside.json()["detail"]
    assert elsewhere.json()["status"] == "at-zero"


async def test_a_failing_start_is_told_with_its_reason(site) -> None:
    site.become(replace(READY, instances=0, ready=0, starting=0, failure="no module named 'cv2'"))

    [resize] = (await site.get("?status=failing")).json()["items"]

    assert resize["failure"] == "no module named 'cv2'"


async def test_a_token_that_is_bound_does_not_see_what_a_process_wrote_for_others() -> None:
    async with opened("bound-token:default:view root-token") as site:
        site.become(READY)

        outputs = [
            (await site.get("/resize", token)).json()["crash"]["output"] for token in ("bound-token", "root-token")
        ]

    assert outputs == [None, "out of memory\nat row 7"]


async def test_changes_of_functions_are_told_live_and_of_several_only_the_last(site) -> None:
    async with aclosing(namespace_events(site.orchestrator, Interest("default"), heartbeat_s=60)) as pieces:
        await anext(pieces)
        site.become(replace(READY, in_flight=1))
        site.become(READY)

        name, data = (await anext(pieces)).decode().splitlines()[:2]

    assert name == "event: function"
    assert orjson.loads(data.removeprefix("data: ")) == {
        "name": "resize",
        "status": "ready",
        "instances": 3,
        "ready": 1,
        "inFlight": 2,
        "links": {"self": "/api/v1/functions/resize"},
    }
