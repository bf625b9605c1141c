"""An installation on the cluster that ``KUBECONFIG`` names: made before the first test, removed after the last.

`docs/how-to/cluster-tests.md` says what the tests need and do. Without ``--run-cluster`` they are skipped.
"""

import os
from collections.abc import Iterator

import pytest
import yaml

from tests.cluster.access import Api, Forward
from tests.cluster.diagnostics import file_name, gather, in_short
from tests.cluster.installing import CRDS, kustomization
from tests.cluster.kubectl import Kubectl
from tests.cluster.parameters import NAMESPACE, TEAM, Parameters, parameters_in
from tests.cluster.setting_up import check_needs, install, remove
from tests.cluster.site import Site
from tests.cluster.waiting import Waiting

ORDER = ("installation", "starts", "functions", "jobs", "failures", "models", "broker_mode", "removal")
"""Which file comes when: the last but one changes how orders travel, and the last removes what the others made."""

TEST_S = 3_600
"""The longest that a test may take, the installation with the first included. Waits have deadlines of their own, and say more."""


def pytest_addoption(parser):
    parser.addoption("--run-cluster", action="store_true", help="test on the cluster that KUBECONFIG names")


def pytest_collection_modifyitems(items):
    places = {f"test_{name}": place for place, name in enumerate(ORDER)}
    ours = [
        item for item in items if item.module.__name__.rpartition(".")[2] in places and "cluster" in item.path.parts
    ]
    found = parameters_in(os.environ)
    patience = found.patience if isinstance(found, Parameters) else 1
    for item in ours:
        item.add_marker(pytest.mark.timeout(TEST_S * patience))
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
    check_needs(kubectl)
    for namespace in (NAMESPACE, TEAM):
        if kubectl.get("namespace", namespace) is not None:
            pytest.exit(
                f"the namespace '{namespace}' is there already; the tests make and remove it themselves", returncode=3
            )
    had_crds = kubectl.get("crd", "pipelines.flume.dev") is not None
    waiting = Waiting(seen=lambda: in_short(kubectl.run, (NAMESPACE, TEAM)), patience=parameters.patience)
    folder = tmp_path_factory.mktemp("installation")
    (folder / "kustomization.yaml").write_text(kustomization(parameters, folder))
    forward = Forward(kubectl.command("port-forward", "-n", NAMESPACE, "service/flume-orchestrator", ":8000"))
    made = Site(parameters, kubectl, Api(forward, TEAM), waiting)
    try:
        with forward:
            kubectl.run("apply", "--server-side", "--force-conflicts", "-k", str(CRDS))
            for kind in ("pipelines", "nodetypes", "models", "runs"):
                kubectl.run("wait", "--for=condition=Established", f"crd/{kind}.flume.dev", "--timeout=60s")
            install(made, list(yaml.safe_load_all(kubectl.run("kustomize", str(folder)))))
            yield made
    except BaseException:
        gather(kubectl.run, (NAMESPACE, TEAM), parameters.diagnostics / "installation")
        raise
    finally:
        remove(kubectl, had_crds=had_crds)
