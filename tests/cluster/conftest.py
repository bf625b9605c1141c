"""An installation on the cluster that ``KUBECONFIG`` names: made before the first test, removed after the last.

`docs/how-to/cluster-tests.md` says what the tests need and do. Without ``--run-cluster`` they are skipped.
"""

import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.cluster.access import Api, Forward
from tests.cluster.diagnostics import file_name, gather, in_short
from tests.cluster.installing import CRDS, kustomization, team_objects
from tests.cluster.kubectl import Kubectl, KubectlError
from tests.cluster.parameters import NAMESPACE, TEAM, Parameters, parameters_in
from tests.cluster.waiting import NotYetError, Waiting

ORDER = ("installation", "starts", "functions", "jobs", "failures", "models", "broker_mode", "removal")
"""Which file comes when: the last but one changes how orders travel, and the last removes what the others made."""

KNATIVE_KINDS = (
    "ksvc",
    "triggers.eventing.knative.dev",
    "pingsources.sources.knative.dev",
    "jobsinks.sinks.knative.dev",
)

TEST_S = 1_800
"""The longest that a test may take, the installation with the first included."""

INSTALLED_S = 600
REMOVED_S = 300


def pytest_addoption(parser):
    parser.addoption("--run-cluster", action="store_true", help="test on the cluster that KUBECONFIG names")


def pytest_collection_modifyitems(items):
    places = {f"test_{name}": place for place, name in enumerate(ORDER)}
    ours = [
        item for item in items if item.module.__name__.rpartition(".")[2] in places and "cluster" in item.path.parts
    ]
    for item in ours:
        item.add_marker(pytest.mark.timeout(TEST_S))
    if len(ours) < 2:
        return
    first = items.index(ours[0])
    rest = [item for item in items if item not in ours]
    ours.sort(key=lambda item: places[item.module.__name__.rpartition(".")[2]])
    items[:] = [*rest[:first], *ours, *rest[first:]]


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    site = getattr(item, "funcargs", {}).get("site")
    if report.failed and isinstance(site, Site):
        folder = gather(site.kubectl.run, (NAMESPACE, TEAM), site.parameters.diagnostics / file_name(item.nodeid))
        report.sections.append(("what the cluster says", f"gathered in {folder}"))


@dataclass(frozen=True)
class Site:
    """The installation, and ways to it."""

    parameters: Parameters
    kubectl: Kubectl
    api: Api
    waiting: Waiting

    def apply(self, *resources):
        """Apply resources and wait until each says that it is ready."""
        self.kubectl.apply(resources)
        for each in resources:
            self.until_ready(each)

    def until_ready(self, resource, *, within_s=120):
        kind, metadata = resource["kind"].lower(), resource["metadata"]

        def look():
            found = self.kubectl.get(f"{kind}s.flume.dev", metadata["name"], metadata["namespace"])
            ready = condition(found, "Ready")
            if ready.get("status") != "True":
                raise NotYetError(f"Ready is {ready.get('status')}: {ready.get('reason')}: {ready.get('message')}")
            return found

        return self.waiting.until(f"{kind} '{metadata['name']}' is ready", look, within_s=within_s)

    def start(self, pipeline, data=None):
        """Start a run through the API; its id."""
        return self.api.start(pipeline, data, uuid.uuid4().hex)

    def ended(self, run_id, *, within_s=300):
        """A run with its nodes, once it has ended."""

        def look():
            run = self.api.run(run_id)
            if run["status"] in ("pending", "running"):
                raise NotYetError(f"run {run_id} is {run['status']}: {_nodes_in_short(run)}")
            return run

        return self.waiting.until(f"run {run_id} has ended", look, within_s=within_s)

    def completed(self, run_id, **options):
        run = self.ended(run_id, **options)
        assert run["status"] == "completed", f"{run['error']}; {_nodes_in_short(run)}"
        return run

    def next_run(self, pipeline, known=(), *, within_s=120):
        """The newest run of a pipeline that is not among ``known``."""

        def look():
            new = [each for each in self.api.runs(pipeline) if each["id"] not in known]
            if not new:
                raise NotYetError(f"'{pipeline}' has no new run")
            return new[0]

        return self.waiting.until(f"a run of '{pipeline}' has begun", look, within_s=within_s)

    def pods(self, selector):
        """Pods of the installation that are not on their way out."""
        found = self.kubectl.list("pods", NAMESPACE, selector)
        return [each for each in found if not each["metadata"].get("deletionTimestamp")]

    def until_pods(self, selector, is_so, what, *, within_s):
        def look():
            found = self.pods(selector)
            if not is_so(found):
                raise NotYetError(f"{len(found)} pods: {[each['status'].get('phase') for each in found]}")
            return found

        return self.waiting.until(f"{what} ({selector})", look, within_s=within_s)

    def rolled_out(self):
        for name in ("flume-orchestrator", "flume-operator"):
            self.kubectl.run(
                "rollout",
                "status",
                f"deployment/{name}",
                "-n",
                NAMESPACE,
                f"--timeout={INSTALLED_S}s",
                within_s=INSTALLED_S + 30,
            )


def condition(found, kind):
    conditions = ((found or {}).get("status") or {}).get("conditions") or []
    return next((each for each in conditions if each["type"] == kind), {})


def _nodes_in_short(run):
    return {
        name: [node["status"], node["phase"], node["error"] and node["error"]["code"]]
        for name, node in run["nodes"].items()
    }


@pytest.fixture(scope="session")
def parameters(request) -> Parameters:
    if not request.config.getoption("--run-cluster", default=False):
        pytest.skip("needs a cluster: make test-cluster")
    found = parameters_in(os.environ)
    if isinstance(found, str):
        pytest.skip(found)
    return found


@pytest.fixture(scope="session")
def site(parameters, tmp_path_factory) -> Iterator[Site]:
    kubectl = Kubectl(parameters.kubeconfig)
    kubectl.run("version", "--request-timeout=20s")
    for namespace in (NAMESPACE, TEAM):
        if kubectl.get("namespace", namespace) is not None:
            pytest.exit(
                f"the namespace '{namespace}' is there already; the tests make and remove it themselves", returncode=3
            )
    had_crds = kubectl.get("crd", "pipelines.flume.dev") is not None
    waiting = Waiting(seen=lambda: in_short(kubectl.run, (NAMESPACE, TEAM)))
    folder = tmp_path_factory.mktemp("installation")
    (folder / "kustomization.yaml").write_text(kustomization(parameters, folder))
    forward = Forward(kubectl.command("port-forward", "-n", NAMESPACE, "service/flume-orchestrator", ":8000"))
    made = Site(parameters, kubectl, Api(forward, TEAM), waiting)
    try:
        with forward:
            kubectl.run("apply", "--server-side", "-k", str(CRDS))
            for kind in ("pipelines", "nodetypes", "models", "runs"):
                kubectl.run("wait", "--for=condition=Established", f"crd/{kind}.flume.dev", "--timeout=60s")
            kubectl.apply_text(kubectl.run("kustomize", str(folder)))
            kubectl.apply(team_objects(TEAM))
            made.rolled_out()
            yield made
    except BaseException:
        gather(kubectl.run, (NAMESPACE, TEAM), parameters.diagnostics / "installation")
        raise
    finally:
        _remove(kubectl, had_crds=had_crds)


def _remove(kubectl, *, had_crds):
    problems = []
    steps = [
        ("delete", "pipelines,nodetypes,models,runs", "--all", "-n", TEAM, "--wait", f"--timeout={REMOVED_S}s"),
        ("delete", "namespace", TEAM, NAMESPACE, "--ignore-not-found", "--wait", f"--timeout={REMOVED_S}s"),
        ("delete", "clusterrole,clusterrolebinding", "-l", "app.kubernetes.io/part-of=flume", "--ignore-not-found"),
        *([] if had_crds else [("delete", "-k", str(CRDS), "--ignore-not-found", f"--timeout={REMOVED_S}s")]),
    ]
    for step in steps:
        try:
            kubectl.run(*step, within_s=REMOVED_S + 30)
        except KubectlError as error:
            problems.append(str(error))
    if problems:
        # Without an operator nobody takes a finalizer away, and the namespace would never go.
        for kind in ("pipelines", "runs"):
            for each in kubectl.list(f"{kind}.flume.dev", TEAM):
                patch = ("--type=merge", "-p", '{"metadata":{"finalizers":null}}')
                kubectl.run("patch", f"{kind}.flume.dev", each["metadata"]["name"], "-n", TEAM, *patch)
    assert not problems, "not all could be removed:\n" + "\n".join(problems)
