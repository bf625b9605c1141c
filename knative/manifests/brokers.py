"""The broker of an installation, who may send to what, and how the orchestrator finds the broker."""

from collections.abc import Sequence

from knative.cluster import Cluster
from knative.manifests import job_sinks, triggers
from knative.manifests.objects import Manifest, Metadata, Owner, manifest

POLICY_API = "eventing.knative.dev/v1alpha1"


def broker(cluster: Cluster, owner: Owner | None = None) -> Manifest:
    """The Broker. Whatever it can't deliver for a Trigger that says nothing of that goes to the orchestrator."""
    metadata = Metadata(
        cluster.broker,
        cluster.namespace,
        "broker",
        annotations={"eventing.knative.dev/broker.class": cluster.broker_class},
        owner=owner,
    )
    delivery = {
        "retry": 6,
        "backoffPolicy": "exponential",
        "backoffDelay": "PT1S",
        "deadLetterSink": {"uri": cluster.dead_letter_address},
    }
    return manifest(triggers.API, "Broker", metadata, spec={"delivery": delivery})


def event_policies(cluster: Cluster, senders: Sequence[str] = ()) -> list[Manifest]:
    """Who may send to the broker and to JobSinks: the orchestrator, and ``senders``.

    Those are subjects such as ``system:serviceaccount:shop:checkout``. It counts only where Knative authenticates by OIDC.
    """
    subjects = [f"system:serviceaccount:{cluster.namespace}:{cluster.orchestrator_account}", *senders]
    return [
        _policy("flume-broker", triggers.API, "Broker", cluster.broker, subjects, cluster),
        _policy("flume-jobs", job_sinks.API, "JobSink", "", subjects[:1], cluster),
    ]


def sink_binding(cluster: Cluster, owner: Owner | None = None) -> Manifest:
    """Gives the orchestrator the broker's address as ``K_SINK``, and an identity to send with."""
    metadata = Metadata("flume-orchestrator", cluster.namespace, "broker", owner=owner)
    subject = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "selector": {"matchLabels": {"app.kubernetes.io/name": "flume", "app.kubernetes.io/component": "orchestrator"}},
    }
    sink = {"ref": {"apiVersion": triggers.API, "kind": "Broker", "name": cluster.broker}}
    return manifest("sources.knative.dev/v1", "SinkBinding", metadata, spec={"subject": subject, "sink": sink})


def _policy(name: str, api: str, kind: str, target: str, subjects: Sequence[str], cluster: Cluster) -> Manifest:
    target_group = {"apiVersion": api, "kind": kind}
    of_flume = {"matchLabels": {"app.kubernetes.io/name": "flume"}}
    to = {"ref": {**target_group, "name": target}} if target else {"selector": {**target_group, **of_flume}}
    metadata = Metadata(name, cluster.namespace, "broker")
    spec = {"from": [{"sub": subject} for subject in subjects], "to": [to]}
    return manifest(POLICY_API, "EventPolicy", metadata, spec=spec)
