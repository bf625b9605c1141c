"""Who may do what in Kubernetes: functions and the orchestrator nothing, the operator what it needs, Knative what sinks need.

The custom resources are read in all namespaces, since a pipeline lives in its own; all else stays in the installation's.
"""

from collections.abc import Sequence

from knative.cluster import Cluster
from knative.manifests.objects import Manifest, Metadata, manifest

RBAC = "rbac.authorization.k8s.io"

CUSTOM = ("pipelines", "nodetypes", "models", "runs")

_WATCH = ("list", "watch")
_KEEP = (*_WATCH, "create", "patch", "delete")


def access(cluster: Cluster) -> list[Manifest]:
    """Service accounts, the operator's roles, their bindings, and what lets Knative see pipelines as sinks."""
    return [
        *_accounts(cluster),
        _cluster_role(),
        _cluster_binding(cluster),
        _role(cluster),
        _binding(cluster),
        _addressable_role(),
    ]


def _accounts(cluster: Cluster) -> list[Manifest]:
    accounts = {
        cluster.service_account: "function",
        cluster.orchestrator_account: "orchestrator",
        cluster.operator_account: "operator",
    }
    return [
        manifest(
            "v1",
            "ServiceAccount",
            Metadata(name, cluster.namespace, component),
            automountServiceAccountToken=component == "operator",
        )
        for name, component in accounts.items()
    ]


def _cluster_role() -> Manifest:
    rules = [
        # Read alone: the operator has no finalizers and changes nothing that people wrote.
        _rule("flume.dev", CUSTOM, _WATCH),
        # How they are doing, by server-side apply.
        _rule("flume.dev", [f"{each}/status" for each in CUSTOM], ("patch",)),
        # Where something can be seen as an event, it is in the namespace of the resource that it is about.
        _rule("", ["events"], ("create",)),
        # kopf learns by these which namespaces and kinds there are to watch.
        _rule("", ["namespaces"], _WATCH),
        _rule("apiextensions.k8s.io", ["customresourcedefinitions"], _WATCH),
    ]
    return manifest(f"{RBAC}/v1", "ClusterRole", Metadata("flume-operator", "", "operator"), rules=rules)


def _role(cluster: Cluster) -> Manifest:
    rules = [
        # Resources of the built-in node types. Server-side apply is a patch, and a create where there was nothing.
        _rule("flume.dev", ["nodetypes"], ("create", "patch", "delete")),
        _rule("serving.knative.dev", ["services"], _KEEP),
        _rule("eventing.knative.dev", ["triggers"], _KEEP),
        _rule("sources.knative.dev", ["pingsources"], _KEEP),
        _rule("sinks.knative.dev", ["jobsinks"], _KEEP),
        # The names of models, for orchestrators: one object, and no other can be read. What is made by its name alone can't be
        # told from any other by whoever allows it.
        _rule("", ["configmaps"], ("create",)),
        _rule("", ["configmaps"], ("get", "patch"), [cluster.models]),
        # What the platform does to functions.
        _rule("batch", ["jobs"], _WATCH),
        _rule("", ["pods"], _WATCH),
        # The last lines of a container that was killed.
        _rule("", ["pods/log"], ("get",)),
        # A Job's order is in a Secret of its name: nothing else tells which attempt a Job is for. JobSink gives the names, so
        # that none can be told here; they can't be listed either.
        _rule("", ["secrets"], ("get",)),
        # Which of several operators acts.
        _rule("coordination.k8s.io", ["leases"], ("create",)),
        _rule("coordination.k8s.io", ["leases"], ("get", "update"), [cluster.lease]),
    ]
    return manifest(f"{RBAC}/v1", "Role", Metadata("flume-operator", cluster.namespace, "operator"), rules=rules)


def _addressable_role() -> Manifest:
    """Knative gives its own controllers what roles with this label allow."""
    metadata = Metadata("flume-addressable-resolver", "", "operator", {"duck.knative.dev/addressable": "true"})
    rules = [_rule("flume.dev", ["pipelines", "pipelines/status"], ("get", *_WATCH))]
    return manifest(f"{RBAC}/v1", "ClusterRole", metadata, rules=rules)


def _cluster_binding(cluster: Cluster) -> Manifest:
    return _binds("ClusterRoleBinding", "ClusterRole", Metadata("flume-operator", "", "operator"), cluster)


def _binding(cluster: Cluster) -> Manifest:
    return _binds("RoleBinding", "Role", Metadata("flume-operator", cluster.namespace, "operator"), cluster)


def _binds(kind: str, role: str, metadata: Metadata, cluster: Cluster) -> Manifest:
    return manifest(
        f"{RBAC}/v1",
        kind,
        metadata,
        roleRef={"apiGroup": RBAC, "kind": role, "name": metadata.name},
        subjects=[{"kind": "ServiceAccount", "name": cluster.operator_account, "namespace": cluster.namespace}],
    )


def _rule(group: str, resources: Sequence[str], verbs: Sequence[str], names: Sequence[str] = ()) -> Manifest:
    """What may be done; ``names`` are those of the only objects with which."""
    only = {"resourceNames": list(names)} if names else {}
    return {"apiGroups": [group], "resources": list(resources), "verbs": list(verbs), **only}
