"""How Flume comes on a cluster and goes again."""

import pytest

from tests.cluster.diagnostics import KNATIVE
from tests.cluster.installing import CRDS, goes_first, team_objects
from tests.cluster.kubectl import KubectlError
from tests.cluster.parameters import NAMESPACE, TEAM

KNATIVE_KINDS = (
    "ksvc",
    "triggers.eventing.knative.dev",
    "pingsources.sources.knative.dev",
    "jobsinks.sinks.knative.dev",
)

KNATIVE_CRDS = (
    "services.serving.knative.dev",
    "brokers.eventing.knative.dev",
    "triggers.eventing.knative.dev",
    "pingsources.sources.knative.dev",
    "jobsinks.sinks.knative.dev",
)

KNATIVE_S = 300
REMOVED_S = 300


def install(site, objects):
    """Databases come first, and secrets of pipelines before the orchestrator, which reads them as it starts."""
    first = [each for each in objects if goes_first(each)]
    site.kubectl.apply(first)
    site.kubectl.apply(team_objects(TEAM))
    site.rolled_out(*(each["metadata"]["name"] for each in first if each["kind"] == "Deployment"))
    site.kubectl.apply(objects)
    site.rolled_out()


def check_needs(kubectl):
    """Leave at once, with the reason, where Flume could not work whatever it does; wait for a Knative that is just starting."""
    missing = [kind for kind in KNATIVE_CRDS if kubectl.get("crd", kind) is None]
    if missing:
        pytest.exit(
            f"this cluster does not know {', '.join(missing)}; install Knative (docs/how-to/cluster-tests.md)",
            returncode=3,
        )
    for namespace in KNATIVE:
        # Nothing of Knative's can be applied while its webhooks are not there.
        available = ("wait", "--for=condition=Available", "deployment", "--all", "-n", namespace)
        try:
            kubectl.run(*available, f"--timeout={KNATIVE_S}s", within_s=KNATIVE_S + 30)
        except KubectlError as error:
            pytest.exit(f"Knative is not ready in {namespace}: {error}", returncode=3)


def remove(kubectl, *, had_crds):
    deleted = ("delete", "--ignore-not-found", f"--timeout={REMOVED_S}s")
    steps = [
        (*deleted, "namespace", TEAM, NAMESPACE, "--wait"),
        (*deleted, "clusterrole,clusterrolebinding", "-l", "app.kubernetes.io/part-of=flume"),
        *([] if had_crds else [(*deleted, "-k", str(CRDS))]),
    ]
    problems = []
    for step in steps:
        try:
            kubectl.run(*step, within_s=REMOVED_S + 30)
        except KubectlError as error:
            problems.append(str(error))
    assert not problems, "not all could be removed:\n" + "\n".join(problems)
