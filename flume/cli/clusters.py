"""What settings say of the installation on a cluster: the operator acts on it, and ``flume render`` shows what that gives."""

from dataclasses import replace
from datetime import timedelta

from flume.cli.settings import Settings, split_list
from knative.cluster import Cluster, Dispatch


def cluster_of(settings: Settings) -> Cluster:
    """The installation; what no setting names is as everywhere."""
    usual = Cluster()
    return replace(
        usual,
        namespace=settings.cluster_namespace,
        engine_url=settings.engine_url,
        dispatch=Dispatch(settings.dispatch),
        function_image=settings.function_image or usual.function_image,
        vllm_image=settings.vllm_image or usual.vllm_image,
        pull_policy=settings.pull_policy,
        pull_secrets=split_list(settings.pull_secrets),
        vllm_url=settings.llm_url,
        timezone=settings.timezone,
        function_timeout_max=timedelta(seconds=settings.function_timeout_max),
    )
