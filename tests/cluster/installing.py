"""The installation under test: the overlay ``dev``, with images, pull policy and databases as the parameters say.

Pure but for reading where the repository is: text in, text out; `kubectl kustomize` builds it, on a cluster or without one.
"""

import base64
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.cluster.parameters import NAMESPACE, Parameters

ROOT = Path(__file__).parents[2]
DEV = ROOT / "knative" / "config" / "overlays" / "dev"
CRDS = ROOT / "crds"

SECRET = {"name": "WORD", "value": "a-word-that-nobody-shows"}
"""A secret of pipelines: no log, event or status may show its value."""


def kustomization(parameters: Parameters, folder: Path) -> str:
    """A kustomization in ``folder``, as JSON, which is YAML."""
    return json.dumps(
        {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "resources": [os.path.relpath(DEV, folder)],
            "patches": [*_patches(parameters)],
        },
        indent=2,
    )


DATABASES = ("mongodb", "redis")


def goes_first(made: Mapping[str, Any]) -> bool:
    """Whether an object of the installation is applied before the others: the namespace, and databases of the overlay.

    How long their images take to come is no business of Flume's, whose pods must not be started again because of it.
    """
    return made["kind"] in ("Namespace", "Secret") or made["metadata"]["name"] in DATABASES


def team_objects(namespace: str) -> list[dict[str, Any]]:
    """The namespace of pipelines, and the secrets of pipelines, which are where the installation is."""
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}},
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "flume-secrets", "namespace": NAMESPACE},
            "stringData": {SECRET["name"]: SECRET["value"]},
        },
    ]


def _patches(parameters: Parameters) -> Iterator[dict[str, Any]]:
    settings = {
        "FLUME_FUNCTION_IMAGE": parameters.function_image,
        "FLUME_PULL_POLICY": parameters.pull_policy,
        # What an earlier session has left in a database of the tester's must not pass for runs of this one.
        "DB_NAME": f"flume_tests_{parameters.session}",
        **({"VLLM_URL": parameters.vllm_url} if parameters.vllm_url else {}),
    }
    yield _patch("ConfigMap", "flume-settings", [_add(f"/data/{name}", value) for name, value in settings.items()])
    container = "/spec/template/spec/containers/0"
    image = [_add(f"{container}/image", parameters.control_image)]
    pull = [*image, _add(f"{container}/imagePullPolicy", parameters.pull_policy)]
    yield _patch("Deployment", "flume-.*", pull)
    yield _patch("Service", "flume-console", pull, group="serving.knative.dev")
    for name, key, url, own_image in (
        (DATABASES[0], "MONGODB_URL", parameters.mongodb_url, parameters.mongodb_image),
        (DATABASES[1], "REDIS_URL", parameters.redis_url, parameters.redis_image),
    ):
        if own_image and not url:
            policy = _add(f"{container}/imagePullPolicy", parameters.pull_policy)
            yield _patch("Deployment", name, [_add(f"{container}/image", own_image), policy])
        if url:
            # Written over what the overlay generates, which is encoded.
            encoded = base64.b64encode(url.encode()).decode()
            yield _patch("Secret", "flume-platform", [_add(f"/data/{key}", encoded)])
            for api, kind in (("apps/v1", "Deployment"), ("v1", "Service")):
                gone = {"apiVersion": api, "kind": kind, "metadata": {"name": name, "namespace": NAMESPACE}}
                yield {"patch": json.dumps({**gone, "$patch": "delete"})}


def _patch(kind: str, name: str, operations: list[dict[str, Any]], *, group: str = "") -> dict[str, Any]:
    target = {"kind": kind, "name": name, **({"group": group} if group else {})}
    return {"target": target, "patch": json.dumps(operations)}


def _add(path: str, value: str) -> dict[str, Any]:
    return {"op": "add", "path": path, "value": value}
