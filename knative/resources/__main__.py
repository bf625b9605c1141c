"""``python -m knative.resources FOLDER``: writes the CustomResourceDefinitions; ``make crds`` does so to ``crds/``."""

import sys
from pathlib import Path

from knative.resources.definitions import definitions
from knative.yaml_text import yaml_text

_HEAD = "# Written by `make crds`; change knative/resources instead.\n"


def files() -> dict[str, str]:
    """The text of each file by its name."""
    found = definitions()
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": sorted(found),
    }
    written = {**found, "kustomization.yaml": kustomization}
    return {name: _HEAD + yaml_text([content]) for name, content in written.items()}


if __name__ == "__main__":
    for name, text in files().items():
        Path(sys.argv[1], name).write_text(text)
