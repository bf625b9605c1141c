"""What the watcher asks of the two servers, and in which rhythm."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from knative.platform.findings import Observed
from knative.platform.kubernetes_api import Change, Listed


class Kubernetes(Protocol):
    """What is asked of Kubernetes; `knative.platform.kubernetes_api.KubernetesApi` does it."""

    async def list(self, path: str, selector: str) -> Listed:
        """See `KubernetesApi.list`."""
        ...

    def watch(self, path: str, selector: str, version: str) -> AsyncIterator[Change]:
        """See `KubernetesApi.watch`."""
        ...

    async def read(self, path: str) -> Observed | None:
        """See `KubernetesApi.read`."""
        ...

    async def log(self, path: str, query: Mapping[str, str]) -> str:
        """See `KubernetesApi.log`."""
        ...


class Orchestrator(Protocol):
    """Who is told; `knative.platform.orchestrator_api.OrchestratorApi` does it."""

    async def tell(self, report: Mapping[str, Any]) -> None:
        """See `OrchestratorApi.tell`."""
        ...


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Seconds: between two tellings of what lasts, and before a call that failed is made again, at first and at most."""

    remind_s: float = 10.0
    pause_s: float = 0.5
    longest_pause_s: float = 5.0


USUAL = Rhythm()
"""What an operator keeps to."""
