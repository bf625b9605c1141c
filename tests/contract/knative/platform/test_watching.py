"""The watcher against Kubernetes' API and the orchestrator's, each a real server that does what the test says."""

import asyncio
import json
from contextlib import AsyncExitStack

import aiohttp
import pytest
from aiohttp import web

from flume.errors import SettingError
from knative.operator.connection import Connection
from knative.platform.kubernetes_api import KubernetesApi, KubernetesError
from knative.platform.orchestrator_api import OrchestratorApi
from knative.platform.protocols import Rhythm
from knative.platform.telling import MOST_LINES
from knative.platform.watching import watch
from orchestrator.api.platform_reports import PlatformReportBody
from tests.servers.web_app import served
from tests.unit.knative.platform.conftest import (
    RUNNING,
    condition,
    container,
    ended,
    job,
    order_secret,
    pod,
    service_pod,
)

__all__ = ["order_secret"]

PODS, JOBS = "/api/v1/namespaces/flume/pods", "/apis/batch/v1/namespaces/flume/jobs"
QUICK = Rhythm(remind_s=0.05, pause_s=0.01, longest_pause_s=0.02)
NO_GPU = condition("PodScheduled", "Unschedulable", "0/1 nodes are available: 1 Insufficient nvidia.com/gpu.", "False")


class Cluster:
    """Both servers. ``objects`` are what is there by path, ``reports`` what was told; ``refusals`` come before, one a call."""

    def __init__(self):
        self.objects = {PODS: {}, JOBS: {}}
        self.secrets, self.log = {}, ""
        self.version = 10
        self.watches, self.lists, self.queries = [], [], []
        self.expired = set()
        self.reports, self.refusals, self.tokens = [], [], []
        self.troubles = []
        self.called = asyncio.Event()

    def take_troubles(self, troubles):
        self.troubles.append({name: finding.code for name, finding in troubles.items()})
        self.called.set()

    def put(self, path, made, kind="ADDED"):
        self.version += 1
        made = {**made, "metadata": {**made["metadata"], "resourceVersion": str(self.version)}}
        uid = made["metadata"]["uid"]
        if kind == "DELETED":
            self.objects[path].pop(uid, None)
        else:
            self.objects[path][uid] = made
        self.send(path, {"type": kind, "object": made})

    def send(self, path, event):
        for watched, queue in self.watches:
            if watched == path:
                queue.put_nowait(event)

    def end_watches(self):
        for _, queue in self.watches:
            queue.put_nowait(None)

    async def serve_objects(self, request):
        query = request.query
        assert request.headers["Authorization"] == "Bearer of-the-account"
        assert query["labelSelector"].startswith("app.kubernetes.io/part-of=flume")
        if query.get("watch") != "true":
            self.lists.append(request.path)
            items = list(self.objects[request.path].values())
            return web.json_response({"items": items, "metadata": {"resourceVersion": str(self.version)}})
        if query["resourceVersion"] in self.expired:
            return web.json_response({"code": 410, "message": "too old resource version"}, status=410)
        queue = asyncio.Queue()
        self.watches.append((request.path, queue))
        self.called.set()
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while (event := await queue.get()) is not None:
                await response.write(json.dumps(event).encode() + b"\n")
        finally:
            self.watches.remove((request.path, queue))
        return response

    async def serve_secret(self, request):
        found = self.secrets.get(request.match_info["name"])
        return web.json_response({} if found is None else found, status=404 if found is None else 200)

    async def serve_log(self, request):
        self.queries.append(dict(request.query))
        return web.Response(text=self.log)

    async def take_report(self, request):
        self.tokens.append(request.headers.get("Authorization"))
        self.called.set()
        if self.refusals:
            return web.Response(status=self.refusals.pop(0), text="not now")
        report = await request.json()
        PlatformReportBody.model_validate(report)
        self.reports.append(report)
        self.called.set()
        return web.Response(status=202)

    async def report(self, number=0):
        """The report with this number, once it has come."""
        await self.until(lambda: len(self.reports) > number)
        return self.reports[number]

    async def until(self, is_so):
        """Wait until something is so, asked again after each call."""
        async with asyncio.timeout(10):
            while not is_so():
                self.called.clear()
                await self.called.wait()


@pytest.fixture
async def cluster(order_secret):
    """A cluster that is watched."""
    made = Cluster()
    made.secrets["fn-script-job-x7q"] = order_secret
    app = web.Application()
    app.router.add_get(PODS, made.serve_objects)
    app.router.add_get(JOBS, made.serve_objects)
    app.router.add_get(PODS + "/{name}/log", made.serve_log)
    app.router.add_get("/api/v1/namespaces/flume/secrets/{name}", made.serve_secret)
    app.router.add_post("/api/v1/platform-reports", made.take_report)
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(served(app, shutdown_s=0.1))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        connection = Connection(url, {"Authorization": "Bearer of-the-account"})
        kubernetes = KubernetesApi(session, lambda: connection)
        orchestrator = OrchestratorApi(session, url, token="t")
        watching = asyncio.create_task(watch(kubernetes, orchestrator, "flume", QUICK, made.take_troubles))
        await made.until(lambda: len(made.watches) == 2)
        yield made
        assert not watching.done(), watching.exception()
        watching.cancel()
        await asyncio.wait({watching})


OOM = container(ended(137, "OOMKilled"))
ATTEMPT = {"run": "r", "node": "n", "number": 1}


async def test_what_ended_the_pod_of_a_job_is_told_of_its_attempt_with_the_last_lines_and_once(cluster):
    cluster.log = "".join(f"line {number}\n" for number in range(100))
    cluster.put(PODS, pod("Running", container(RUNNING)))
    cluster.put(PODS, pod("Failed", OOM), "MODIFIED")

    report = await cluster.report()

    assert (report["attempt"], report["code"], report["over"]) == (ATTEMPT, "oom-killed", True)
    assert report["lines"] == [f"line {number}" for number in range(100 - MOST_LINES, 100)]
    assert cluster.queries[0] == {"container": "function", "tailLines": str(MOST_LINES), "limitBytes": "65536"}
    assert set(cluster.tokens) == {"Bearer t"}
    cluster.put(PODS, pod("Failed", OOM), "MODIFIED")
    cluster.put(PODS, pod("Failed", OOM), "DELETED")
    cluster.put(PODS, pod("Failed", OOM, uid="pod-2"))
    await cluster.report(1)
    assert len(cluster.reports) == 2


async def test_what_lasts_is_told_again_and_again_until_it_has_passed(cluster):
    cluster.put(PODS, service_pod("Pending", conditions=[NO_GPU]))
    first, second = await cluster.report(0), await cluster.report(1)
    assert first == second
    assert (first["function"], first["code"], first["over"]) == ("fn-resize-cpu", "unschedulable", False)
    assert first["message"].startswith("waiting for a GPU: ")
    cluster.put(PODS, service_pod("Running", container(RUNNING)), "MODIFIED")
    cluster.put(PODS, pod("Failed", OOM, uid="pod-2"))
    await cluster.until(lambda: cluster.reports[-1]["code"] == "oom-killed")
    count = len(cluster.reports)
    await asyncio.sleep(5 * QUICK.remind_s)
    assert len(cluster.reports) == count


async def test_a_job_that_took_too_long_and_a_pod_that_vanishes_are_over(cluster):
    cluster.put(JOBS, job(condition("FailureTarget", "DeadlineExceeded")))
    assert (await cluster.report())["code"] == "deadline-exceeded"
    cluster.put(PODS, pod("Running", container(RUNNING)), "DELETED")
    assert (await cluster.report(1))["code"] == "evicted"


async def test_the_end_of_a_pod_of_a_service_is_nobody_s_failure(cluster):
    cluster.put(PODS, service_pod("Failed", OOM, uid="service-1"))
    cluster.put(PODS, service_pod("Running", container(RUNNING), uid="service-2"), "DELETED")
    cluster.put(PODS, pod("Failed", OOM))
    assert (await cluster.report())["attempt"] == ATTEMPT


async def test_an_orchestrator_that_is_away_is_told_later_and_a_report_that_it_refuses_holds_up_no_other(cluster):
    cluster.refusals = [503, 401, 400]
    cluster.put(PODS, pod("Failed", OOM))
    await cluster.until(lambda: not cluster.refusals)
    cluster.put(PODS, pod("Failed", reason="Evicted", uid="pod-2"))
    assert (await cluster.report())["code"] == "evicted"
    assert len(cluster.reports) == 1


async def test_a_watch_that_ends_goes_on_where_it_was_and_one_too_old_begins_with_a_list(cluster):
    cluster.send(PODS, {"type": "BOOKMARK", "object": {"kind": "Pod", "metadata": {"resourceVersion": "77"}}})
    cluster.expired.add("10")
    lists = len(cluster.lists)
    cluster.objects[JOBS]["job-1"] = job(condition("Failed", "DeadlineExceeded"))

    cluster.end_watches()

    assert (await cluster.report())["code"] == "deadline-exceeded"
    assert cluster.lists[lists:] == [JOBS]


async def test_an_error_within_a_watch_is_one_and_a_410_in_it_too(cluster):
    lists = len(cluster.lists)
    cluster.objects[PODS]["pod-1"] = pod("Failed", OOM)
    cluster.send(PODS, {"type": "ERROR", "object": {"kind": "Status", "code": 410, "message": "expired"}})
    assert (await cluster.report())["code"] == "oom-killed"
    cluster.objects[JOBS]["job-1"] = job(condition("Failed", "DeadlineExceeded"))
    cluster.send(JOBS, {"type": "ERROR", "object": {"kind": "Status", "code": 500, "message": "etcd"}})
    assert (await cluster.report(1))["code"] == "deadline-exceeded"
    assert cluster.lists[lists:] == [PODS, JOBS]


async def test_a_job_whose_order_is_gone_is_left_alone(cluster):
    cluster.secrets.clear()
    cluster.put(PODS, pod("Failed", OOM))
    cluster.put(PODS, service_pod("Pending", conditions=[NO_GPU], uid="pod-2"))
    assert (await cluster.report())["function"] == "fn-resize-cpu"


async def test_what_the_api_server_refuses_is_said_and_that_there_is_none_too():
    async def refuse(request):
        return web.json_response({"message": "pods is forbidden"}, status=403)

    app = web.Application()
    app.router.add_get("/{path:.*}", refuse)
    async with served(app, shutdown_s=0.1) as url, aiohttp.ClientSession() as session:
        kubernetes = KubernetesApi(session, lambda: Connection(url))
        with pytest.raises(KubernetesError, match=f"{PODS} answered 403: pods is forbidden"):
            await kubernetes.list(PODS, "a=b")
        with pytest.raises(KubernetesError, match="403"):
            await anext(kubernetes.watch(PODS, "a=b", "1"))
    async with aiohttp.ClientSession() as session:
        with pytest.raises(KubernetesError, match="can't be read: ClientConnector"):
            await KubernetesApi(session, lambda: Connection(url)).list(PODS, "a=b")

        def nowhere():
            raise SettingError("KUBECONFIG", "expected a kubeconfig")

        with pytest.raises(KubernetesError, match="the API server is not known: KUBECONFIG"):
            await KubernetesApi(session, nowhere).list(PODS, "a=b")


NO_IMAGE = container({"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}})


async def test_the_operator_hears_which_functions_have_no_ready_pod_and_when_that_has_passed(cluster):
    cluster.put(PODS, service_pod("Pending", NO_IMAGE))
    await cluster.until(lambda: cluster.troubles == [{"fn-resize-cpu": "image-pull"}])
    job_pod = pod("Pending", conditions=[NO_GPU], labels={"flume.dev/function": "fn-train-job"}, uid="pod-2")
    cluster.put(PODS, job_pod)
    await cluster.until(lambda: len(cluster.troubles) == 2)
    assert cluster.troubles[-1] == {"fn-resize-cpu": "image-pull", "fn-train-job": "unschedulable"}
    made = service_pod("Running", container(RUNNING), conditions=[condition("Ready")])
    cluster.put(PODS, made, "MODIFIED")
    await cluster.until(lambda: cluster.troubles[-1] == {"fn-train-job": "unschedulable"})
    cluster.put(PODS, job_pod, "DELETED")
    await cluster.until(lambda: cluster.troubles[-1] == {})
    assert len(cluster.troubles) == 4


async def test_trouble_that_passed_while_nobody_watched_is_over(cluster):
    cluster.put(PODS, service_pod("Pending", NO_IMAGE))
    await cluster.until(lambda: len(cluster.troubles) == 1)
    cluster.objects[PODS].clear()
    cluster.expired.add(str(cluster.version))
    cluster.end_watches()
    await cluster.until(lambda: cluster.troubles[-1] == {})


async def test_a_pod_that_has_ended_is_no_trouble_of_its_function(cluster):
    killed = container(ended(137, "OOMKilled"))
    cluster.put(PODS, pod("Failed", killed, labels={"flume.dev/function": "fn-train-job"}))
    await cluster.report()
    assert cluster.troubles == []
