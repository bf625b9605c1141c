"""Those who start runs and those who watch them, at whatever replica answers; what they are told is the history."""

import asyncio
import contextlib
import itertools
import random
import time
from collections.abc import Callable, Sequence
from typing import Any

import aiohttp

from tests.faults.fleet import Replica
from tests.faults.history import ENDED, Acknowledged, History, Node, Sight, waits_for_a_moment

PIPELINE = "load"
LISTENER = "listener"
TICKER = "ticker"
EVENT_TYPE = "com.example.load"
SOURCE = "/load"
ITEMS = 3
ATTEMPTS = 10
WITH_EFFECT = frozenset({"first", "last"})
WITH_MOMENTS = frozenset({"each"})


def call_of(outside: str, lane: str) -> dict[str, object]:
    """A node without id that asks the outside for something, in a lane."""
    return {
        "type": "http-request",
        "runOn": lane,
        "config": {"url": outside, "method": "POST"},
        "inputs": {"body": {"data": "{{ trigger.data }}", "at": "{{ $now }}"}},
        "retry": {"attempts": ATTEMPTS, "delay": "20ms", "maxDelay": "200ms"},
        **({} if lane == "engine" else {"timeout": "5s", "startTimeout": "20s"}),
    }


def document(outside: str, lane: str = "engine") -> dict[str, object]:
    """A pipeline with all that can go wrong: calls that must not be made with other words, a wait, a loop.

    The first call is made by the engine, the others in ``lane``.
    """
    call = call_of(outside, lane)
    return _document(
        PIPELINE,
        nodes=[
            {"id": "begin", "type": "template", "config": {"template": "{{ trigger.data }}"}},
            {"id": "first", **call_of(outside, "engine")},
            {
                "id": "each",
                "type": "loop",
                "config": {
                    "times": ITEMS,
                    "concurrency": 2,
                    "body": {"nodes": [{"id": "step", **call}], "edges": []},
                },
            },
            {"id": "nap", "type": "delay", "config": {"duration": "30ms"}},
            {"id": "last", **call},
        ],
        edges=[
            {"from": "begin", "to": "first"},
            {"from": "first", "to": "each"},
            {"from": "each", "to": "nap"},
            {"from": "nap", "to": "last"},
        ],
    )


def listener(outside: str) -> dict[str, object]:
    """A pipeline that an event starts."""
    return _document(
        LISTENER,
        triggers=[{"type": "event", "attributes": {"type": EVENT_TYPE}}],
        nodes=[{"id": "first", **call_of(outside, "engine")}],
    )


def ticker() -> dict[str, object]:
    """A pipeline that is due every second."""
    return _document(
        TICKER,
        triggers=[{"id": "tick", "type": "cron", "schedule": "* * * * * *"}],
        nodes=[{"id": "told", "type": "template", "config": {"template": "{{ trigger.dueAt }}"}}],
    )


def _document(name: str, **parts: object) -> dict[str, object]:
    return {"apiVersion": "flume/v1", "kind": "Pipeline", "metadata": {"name": name}, **parts}


class Load:
    """Starts runs and watches some of them until all have ended."""

    def __init__(self, replicas: Sequence[Replica], history: History, chance: random.Random) -> None:
        self._replicas = replicas
        self._history = history
        self._chance = chance

    async def save(self, *documents: dict[str, object]) -> None:
        """Make pipelines."""
        async with _session() as client:
            for each in documents:
                await self._ask(client, "POST", "/pipelines", json=each)

    async def pause(self, pipeline: str) -> None:
        """Let its triggers start no more runs."""
        async with _session() as client:
            await self._ask(client, "POST", f"/pipelines/{pipeline}/pause")

    async def start_runs(self, count: int, *, within_s: float) -> None:
        """Start ``count`` runs, spread over the time; each is asked for until it is acknowledged, some twice."""
        async with _session() as client, asyncio.TaskGroup() as group:
            for number in range(count):
                for _ in range(self._chance.choice([1, 1, 1, 2])):
                    group.create_task(self._start(client, number, delay_s=self._chance.uniform(0, within_s)))

    async def _start(self, client: aiohttp.ClientSession, number: int, *, delay_s: float) -> None:
        await asyncio.sleep(delay_s)
        key = f"k{number}"
        path = f"/pipelines/{PIPELINE}/invoke"
        answer = await self._ask(client, "POST", path, headers={"Idempotency-Key": key}, json={"number": number})
        self._history.acknowledged.append(Acknowledged(f"key:{key}", answer["id"]))

    async def send_events(self, broker: str, count: int, *, within_s: float) -> None:
        """Send ``count`` events to a broker, spread over the time, each until it is acknowledged, some twice."""
        async with _session() as client, asyncio.TaskGroup() as group:
            for number in range(count):
                for _ in range(self._chance.choice([1, 1, 1, 2])):
                    group.create_task(self._send(client, broker, number, delay_s=self._chance.uniform(0, within_s)))

    async def _send(self, client: aiohttp.ClientSession, broker: str, number: int, *, delay_s: float) -> None:
        await asyncio.sleep(delay_s)
        attributes = {"ce-specversion": "1.0", "ce-id": f"e{number}", "ce-source": SOURCE, "ce-type": EVENT_TYPE}
        async with client.post(broker, headers=attributes, json={"number": number}) as answer:
            answer.raise_for_status()
        self._history.taken.append(f"event:{SOURCE}#e{number}")

    async def watch(self, name: str, is_over: Callable[[], bool]) -> None:
        """Look at a run that was acknowledged, again and again, until it has ended; then at another."""
        sights = self._history.watchers.setdefault(name, [])
        async with _session() as client:
            while not is_over():
                if not self._history.acknowledged:
                    await asyncio.sleep(0.05)
                    continue
                run_id = self._chance.choice(self._history.acknowledged).run_id
                for _ in range(10):
                    sights.append(await self._look(client, run_id))
                    if sights[-1].status in ENDED or is_over():
                        break
                    await asyncio.sleep(self._chance.uniform(0.01, 0.2))

    async def all_ended(self, *, within_s: float) -> None:
        """Wait until no run is under way, then note what is there. One that does not end in time is found by the check."""
        async with _session() as client:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(within_s):
                    while await self._are_under_way(client):  # noqa: ASYNC110 - of other processes
                        await asyncio.sleep(0.2)
            await self._note_what_is_there(client)

    async def only_moments_are_waited_for(self, *, within_s: float) -> None:
        """Wait until all runs have ended but those that wait for a moment; note what has not changed for the time instead.

        What waited and what moves is judged by one look: by a second, what waited for a moment that is over has gone on.
        """
        seen: dict[str, tuple[int, float]] = {}
        async with _session() as client:
            while busy := [each for each in await self._under_way(client) if not self._waits(each)]:
                now = time.monotonic()
                seen = {each.run_id: _since(seen.get(each.run_id), each, now) for each in busy}
                if still := [each for each in busy if now - seen[each.run_id][1] > within_s]:
                    self._history.held_up += still
                    return
                await asyncio.sleep(0.2)

    def _waits(self, sight: Sight) -> bool:
        return sight.status in ENDED or waits_for_a_moment(sight, self._history.with_moments)

    async def _under_way(self, client: aiohttp.ClientSession) -> list[Sight]:
        page = await self._ask(client, "GET", "/runs?limit=100&status=pending&status=running")
        return [await self._look(client, listed["id"]) for listed in page["items"]]

    async def _are_under_way(self, client: aiohttp.ClientSession) -> bool:
        page = await self._ask(client, "GET", "/runs?limit=1&status=pending&status=running")
        return bool(page["items"])

    async def _note_what_is_there(self, client: aiohttp.ClientSession) -> None:
        cursor = ""
        while True:
            page = await self._ask(client, "GET", f"/runs?limit=100{cursor}")
            for listed in page["items"]:
                run = await self._ask(client, "GET", f"/runs/{listed['id']}")
                self._history.last.append(_sight_of(run))
                if key := _start_key_of(run):
                    self._history.keys[run["id"]] = key
            if not page["nextCursor"]:
                return
            cursor = f"&cursor={page['nextCursor']}"

    async def _look(self, client: aiohttp.ClientSession, run_id: str) -> Sight:
        return _sight_of(await self._ask(client, "GET", f"/runs/{run_id}"))

    async def _ask(self, client: aiohttp.ClientSession, method: str, path: str, **request: Any) -> Any:
        """The answer of whoever gives one, however long it takes: a replica that is gone or busy is not the last word."""
        for _ in itertools.count():
            alive = [replica for replica in self._replicas if replica.is_alive]
            if alive:
                try:
                    async with client.request(method, self._chance.choice(alive).url + path, **request) as answer:
                        if answer.status < 300:
                            return await answer.json()
                        if answer.status == 409 and path == "/pipelines":
                            return None  # Made by a try whose answer was lost.
                        if answer.status not in (429, 503):
                            raise RuntimeError(f"{method} {path}: {answer.status} {await answer.text()}")
                except (aiohttp.ClientError, TimeoutError):
                    pass  # It may have done what was asked; the key tells.
            await asyncio.sleep(0.05)


def _since(before: tuple[int, float] | None, sight: Sight, now: float) -> tuple[int, float]:
    """The revision, and since when the run has been seen at it."""
    return before if before is not None and before[0] == sight.rev else (sight.rev, now)


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5))


def _sight_of(run: dict[str, Any]) -> Sight:
    nodes = {
        name: Node(node["status"], node["attempt"], node["output"] if name in WITH_EFFECT else None)
        for name, node in run["nodes"].items()
    }
    return Sight(run["id"], run["rev"], run["status"], nodes, (run["error"] or {}).get("code", ""))


def _start_key_of(run: dict[str, Any]) -> str:
    """What the run was started for, as far as it shows; empty if it does not."""
    match run["trigger"]:
        case {"event": {"source": source, "id": id}}:
            return f"event:{source}#{id}"
        case {"id": trigger, "dueAt": due}:
            return f"due:{trigger}:{due}"
        case _:
            return ""
