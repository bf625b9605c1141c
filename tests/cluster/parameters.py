"""What the tests on a cluster are told, all of it by the environment."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

CONTROL, FUNCTION, CUSTOM = "FLUME_IMAGE_CONTROL", "FLUME_IMAGE_FUNCTION", "FLUME_IMAGE_CUSTOM"
MONGODB, REDIS = "FLUME_IMAGE_MONGODB", "FLUME_IMAGE_REDIS"
PULL_POLICY, PATIENCE = "FLUME_IMAGE_PULL_POLICY", "FLUME_TEST_PATIENCE"

NAMESPACE = "flume"
"""Of the installation: the one that `knative/config` names everywhere. It must not be there before."""

TEAM = "flume-cluster-tests"
"""Of pipelines: a Flume namespace is the Kubernetes namespace of the resource."""


@dataclass(frozen=True)
class Parameters:
    """``custom_image`` holds `tests/cluster/nodes`; ``diagnostics`` is where failures leave what the cluster says.

    ``mongodb_image`` and ``redis_image`` empty: those of the overlay. ``patience`` is what every deadline is multiplied by.
    ``session`` is another one each time, for what must not be found again by the next.
    """

    kubeconfig: str
    control_image: str
    function_image: str
    custom_image: str = ""
    pull_policy: str = "IfNotPresent"
    mongodb_url: str = ""
    redis_url: str = ""
    vllm_url: str = ""
    vllm_model: str = ""
    mongodb_image: str = ""
    redis_image: str = ""
    patience: float = 1.0
    diagnostics: Path = Path("cluster-diagnostics")
    session: str = field(default_factory=lambda: uuid4().hex[:12])


def parameters_in(environment: Mapping[str, str]) -> Parameters | str:
    """The parameters, or the reason why there can be no tests on a cluster."""
    missing = [name for name in ("KUBECONFIG", CONTROL, FUNCTION) if not environment.get(name)]
    if missing:
        return f"no cluster to test on: {', '.join(missing)} not set (docs/how-to/cluster-tests.md)"
    policy = environment.get(PULL_POLICY) or "IfNotPresent"
    if policy not in ("Always", "IfNotPresent", "Never"):
        return f"{PULL_POLICY} is '{policy}'; expected Always, IfNotPresent or Never"
    patience = _number(environment.get(PATIENCE) or "1")
    if patience is None or not 0 < patience <= 100:
        return f"{PATIENCE} is '{environment[PATIENCE]}'; expected a number such as 2, by which every deadline is multiplied"
    return Parameters(
        kubeconfig=environment["KUBECONFIG"],
        control_image=environment[CONTROL],
        function_image=environment[FUNCTION],
        custom_image=environment.get(CUSTOM, ""),
        pull_policy=policy,
        mongodb_url=environment.get("MONGODB_URL", ""),
        redis_url=environment.get("REDIS_URL", ""),
        vllm_url=environment.get("VLLM_URL", ""),
        vllm_model=environment.get("VLLM_MODEL", ""),
        mongodb_image=environment.get(MONGODB, ""),
        redis_image=environment.get(REDIS, ""),
        patience=patience,
        diagnostics=Path(environment.get("FLUME_TEST_DIAGNOSTICS") or "cluster-diagnostics"),
    )


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
