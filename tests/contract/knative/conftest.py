"""A real orchestrator, a stand-in for Kubernetes' API server, and real ``flume operator`` processes between the two."""

import asyncio
import os
import re
import time
from contextlib import AsyncExitStack

import aiohttp
import pytest

from knative.cluster import Cluster
from knative.manifests.access import access
from tests.faults.fleet import Replica
from tests.servers.forked import ForkedFlume
from tests.servers.kubernetes import FakeKubernetes
from tests.servers.own_process import free_port
from tests.servers.rights import rights_of

WITHIN_S = 40
OURS = ("FLUME_", "MONGODB_", "REDIS_", "BROKER_", "ENGINE_", "K_SINK", "K8S_", "VLLM_", "KUBE")
ROLES = [
    each
    for each in access(Cluster())
    if each["kind"] in ("Role", "ClusterRole") and each["metadata"]["name"] == "flume-operator"
]
"""What an installation lets the operator do: the stand-in lets it do no more."""

ADMIN = "an-administrators-token"


class Operator:
    """A ``flume operator`` process that can be killed and started again."""

    def __init__(self, environment, log):
        self._environment = environment
        self._log = log
        self.port = free_port()
        self.process = None

    def start(self):
        self.process = ForkedFlume(["--debug", "operator", "--port", str(self.port)], self._environment, self._log)

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    async def end(self):
        self.process.terminate()
        return await asyncio.to_thread(self.process.wait, 20)

    def has_ended(self):
        """Whether it has ended by itself, which it never should."""
        return self.process.poll() not in (None, 0, -9)

    def said(self):
        return self._log.read_text()

    async def ask(self, path):
        """What it answers at the port of its probes: status and text."""
        async with (
            aiohttp.ClientSession() as client,
            client.get(f"http://127.0.0.1:{self.port}{path}") as answer,
        ):
            return answer.status, await answer.text()

    async def metrics(self):
        return (await self.ask("/metrics"))[1]

    async def rounds(self):
        """How often it has looked at all that had changed, and done what was to be done."""
        found = re.search(r'flume_operator_reconciles_total{outcome="done"} (\S+)', await self.metrics())
        return float(found[1])


class Orchestrator(Replica):
    """A ``flume orchestrator`` process, likewise."""

    def start(self):
        self.process = ForkedFlume(["orchestrator", "--port", str(self.port)], self.environment, self.log)


class Installation:
    """All of it, and calls to the API."""

    def __init__(self, kubernetes, orchestrator, new_operator, client):
        self.kubernetes = kubernetes
        self.orchestrator = orchestrator
        self.new_operator = new_operator
        self._client = client
        self.operators = []

    def operator(self):
        made = self.new_operator(len(self.operators))
        self.operators.append(made)
        made.start()
        return made

    async def call(self, method, path, **options):
        headers = {"Authorization": f"Bearer {ADMIN}", **options.pop("headers", {})}
        async with self._client.request(method, self.orchestrator.url + path, headers=headers, **options) as answer:
            return answer.status, (await answer.json(content_type=None) if answer.status != 204 else None)

    async def until(self, claim, what):
        """Wait for ``claim`` to give something; that."""
        too_late = time.monotonic() + WITHIN_S
        while True:
            found = claim()
            found = await found if asyncio.iscoroutine(found) else found
            if found:
                return found
            has_ended = any(each.has_ended() for each in self.operators)
            if has_ended or time.monotonic() > too_late:
                said = "\n".join(each.said()[-6000:] for each in self.operators)
                pytest.fail(f"{what} did not come about; the operators said:\n{said}")
            await asyncio.sleep(0.05)

    def condition(self, plural, namespace, name, type="Ready"):
        found = self.kubernetes.get(plural, namespace, name) or {}
        conditions = (found.get("status") or {}).get("conditions", ())
        return next((each for each in conditions if each["type"] == type), {})


@pytest.fixture
async def installation(tmp_path):
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(OURS)}
    orchestrator = Orchestrator(
        {
            **inherited,
            "FLUME_DATA": str(tmp_path / "data"),
            "FLUME_GRACE": "1",
            "FLUME_API_TOKEN": ADMIN,
            "FLUME_CRON": "pingsource",
        },
        tmp_path / "orchestrator.log",
    )
    async with AsyncExitStack() as stack:
        kubernetes = await stack.enter_async_context(FakeKubernetes(rights_of(ROLES)))
        client = await stack.enter_async_context(aiohttp.ClientSession())
        config = tmp_path / "kubeconfig"
        config.write_text(kubernetes.kubeconfig())
        environment = {
            **inherited,
            "KUBECONFIG": str(config),
            "ENGINE_URL": f"http://127.0.0.1:{orchestrator.port}",
            "FLUME_TOKEN": ADMIN,
            "FLUME_DISPATCH": "direct",
            "LOG_FORMAT": "json",
            "LOG_LEVEL": "info",
        }
        orchestrator.start()
        stack.callback(orchestrator.kill)
        made = Installation(
            kubernetes, orchestrator, lambda number: Operator(environment, tmp_path / f"operator-{number}.log"), client
        )
        await orchestrator.ready()
        try:
            yield made
        finally:
            for each in made.operators:
                each.kill()
        assert kubernetes.denied == [], "the operator wants more than its roles let it"
