"""What the operator makes and removes on the cluster. It touches nothing that does not carry its label."""

from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from json import dumps
from typing import Any

from knative.manifests.objects import MADE, NAMESPACE, PIPELINE, Manifest
from knative.operator.actions import Action, Apply, Remove
from knative.operator.kinds import generation_of, reference_to
from knative.operator.world import World

APPLIED = "flume.dev/applied"
"""The annotation with a digest of the manifest that was applied last: what has the same is left alone."""


def object_actions(world: World) -> Iterator[Action]:
    """Make what is wanted and differs, and remove what nobody wants. Nothing while the API can't say what is wanted."""
    if world.saved is None:
        return
    present = {reference_to(each).key: each for each in world.objects}
    wanted = [marked(each) for each in world.planned.objects]
    for each in wanted:
        found = present.get(reference_to(each).key)
        if found is None or _differs(each, found, world.settled):
            yield Apply(each)
    for each in unwanted(world):
        if not (is_function(each) and world.has_old_runs):
            yield Remove(reference_to(each))


def unwanted(world: World) -> list[Manifest]:
    """Objects that nobody wants any more. What a pipeline had that can't be planned just now is not among them."""
    wanted = {reference_to(each).key for each in world.planned.objects}
    return [
        each
        for each in world.objects
        if reference_to(each).key not in wanted
        and "deletionTimestamp" not in each["metadata"]
        and not _may_be_wanted(each, world.planned.unplanned)
    ]


def is_function(made: Manifest) -> bool:
    """Whether runs may need it that are under way: a function, or what brings it orders."""
    return made["kind"] not in ("NodeType", "ConfigMap") and PIPELINE not in made["metadata"].get("labels", {})


def marked(manifest: Manifest) -> Manifest:
    """The manifest with the digest of itself."""
    text = dumps(manifest, sort_keys=True, ensure_ascii=False)
    annotations = {**manifest["metadata"].get("annotations", {}), APPLIED: sha256(text.encode()).hexdigest()[:32]}
    labels = {**manifest["metadata"].get("labels", {}), **MADE}
    return {**manifest, "metadata": {**manifest["metadata"], "labels": labels, "annotations": annotations}}


def _may_be_wanted(made: Manifest, unplanned: Mapping[tuple[str, str], Any]) -> bool:
    labels = made["metadata"].get("labels", {})
    if is_function(made):
        return bool(unplanned)
    return (labels.get(NAMESPACE, ""), labels.get(PIPELINE, "")) in unplanned


def _differs(wanted: Manifest, found: Manifest, settled: Mapping[str, int]) -> bool:
    if "deletionTimestamp" in found["metadata"]:
        # It is on its way out; when it is gone, it is made anew.
        return False
    annotations = found["metadata"].get("annotations") or {}
    if annotations.get(APPLIED) != wanted["metadata"]["annotations"][APPLIED]:
        return True
    # Somebody may have changed it by hand. What the API server only writes otherwise is known after one more apply.
    is_settled = settled.get(found["metadata"].get("uid", "")) == generation_of(found)
    return not is_settled and not all(_holds(found.get(part), wanted.get(part, {})) for part in ("spec", "data"))


def _holds(found: Any, wanted: Any) -> bool:
    """Whether all of ``wanted`` is in ``found``, which may have more."""
    if not wanted and wanted is not False and wanted != 0:
        # Kubernetes leaves out what is empty.
        return not found
    if isinstance(wanted, Mapping):
        return isinstance(found, Mapping) and all(_holds(found.get(key), each) for key, each in wanted.items())
    if isinstance(wanted, list):
        return isinstance(found, list) and len(found) == len(wanted) and _pairwise(found, wanted)
    return bool(found == wanted)


def _pairwise(found: Iterable[Any], wanted: Iterable[Any]) -> bool:
    return all(_holds(*pair) for pair in zip(found, wanted, strict=True))
