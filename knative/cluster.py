"""Where on a cluster things go, and with what: the one value that every builder takes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from urllib.parse import quote

from flume.planning import FUNCTION_TIMEOUT_MAX


class Dispatch(StrEnum):
    """How orders get to functions: the orchestrator calls them, or a broker carries them."""

    DIRECT = "direct"
    BROKER = "broker"


def _gpu_nodes() -> Mapping[str, str]:
    return {"nvidia.com/gpu.present": "true"}


@dataclass(frozen=True, slots=True)
class Cluster:
    """What is the same for all objects of one installation.

    ``namespace`` holds functions, jobs, triggers and the broker. ``engine_url`` is the orchestrator as pods reach it.
    ``vllm_url`` is a model server that all AI nodes share; empty: each `Model` has one of its own, beside its function.
    ``secrets`` is the Secret with a key per secret of pipelines, ``connections`` the one with ``MONGODB_URL`` and ``REDIS_URL``
    of database nodes and ``VLLM_API_KEY``, ``settings`` the ConfigMap with further variables of functions; none of the three
    has to be there. ``models`` is the ConfigMap that the operator keeps, ``lease`` the Lease of the operator that acts.
    ``timezone`` is that of cron triggers that name none. ``pull_policy`` empty: Kubernetes' default.
    """

    namespace: str = "flume"
    engine_url: str = "http://flume-orchestrator.flume.svc.cluster.local:8000"
    dispatch: Dispatch = Dispatch.DIRECT
    broker: str = "flume"
    broker_class: str = "MTChannelBasedBroker"
    function_image: str = "flume-function:latest"
    vllm_image: str = "vllm/vllm-openai:latest"
    pull_policy: str = ""
    pull_secrets: tuple[str, ...] = ()
    vllm_url: str = ""
    function_timeout_max: timedelta = FUNCTION_TIMEOUT_MAX
    timezone: str = "UTC"
    gpu_nodes: Mapping[str, str] = field(default_factory=_gpu_nodes)
    service_account: str = "flume-function"
    orchestrator_account: str = "flume-orchestrator"
    operator_account: str = "flume-operator"
    secrets: str = "flume-secrets"
    connections: str = "flume-connections"
    settings: str = "flume-function-settings"
    models: str = "flume-models"
    lease: str = "flume-operator"

    def events_address(self, namespace: str, pipeline: str, key: str = "") -> str:
        """Where events for one pipeline go. ``key`` is the pipeline's own, for senders that can't carry a token."""
        address = f"{self.engine_url.rstrip('/')}/events/{quote(namespace, safe='')}/{quote(pipeline, safe='')}"
        return f"{address}?key={quote(key, safe='')}" if key else address

    @property
    def answers_address(self) -> str:
        """Where a broker brings the answers of functions."""
        return f"{self.engine_url.rstrip('/')}/events"

    @property
    def dead_letter_address(self) -> str:
        """Where a broker brings what it could not deliver."""
        return f"{self.engine_url.rstrip('/')}/events/dead-letter"
