"""The pods of functions, and which functions have none that is ready, and why."""

from collections.abc import Collection
from dataclasses import dataclass

from knative.platform.findings import Finding


@dataclass(frozen=True, slots=True)
class FunctionPod:
    """A pod of a function, by its name. ``finding`` is what keeps it from being ready."""

    function: str
    is_ready: bool = False
    finding: Finding | None = None


class FunctionPods:
    """What was last seen of each pod, by uid."""

    def __init__(self) -> None:
        self._pods: dict[str, FunctionPod] = {}

    def see(self, uid: str, pod: FunctionPod) -> None:
        """It is so now."""
        self._pods[uid] = pod

    def forget(self, uid: str) -> None:
        """It is gone."""
        self._pods.pop(uid, None)

    def keep_only(self, uids: Collection[str]) -> None:
        """All others are gone."""
        self._pods = {uid: pod for uid, pod in self._pods.items() if uid in uids}

    def troubles(self) -> dict[str, Finding]:
        """What keeps functions from having any pod that is ready, by name; the first that was seen of each.

        One that is at zero, or has a pod that just starts, is not among them, nor is one that can merely get no further pod.
        """
        ready = {pod.function for pod in self._pods.values() if pod.is_ready}
        found: dict[str, Finding] = {}
        for pod in self._pods.values():
            if pod.finding is not None and pod.function not in ready:
                found.setdefault(pod.function, pod.finding)
        return found
