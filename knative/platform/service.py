"""The watcher of the platform, put together: what a roof starts as a task of its own."""

from collections.abc import Callable

import aiohttp

from knative.operator.connection import Connection
from knative.platform.kubernetes_api import KubernetesApi
from knative.platform.orchestrator_api import OrchestratorApi
from knative.platform.watching import OnTroubles, watch


async def watch_platform(
    connect: Callable[[], Connection], engine_url: str, token: str, namespace: str, on_troubles: OnTroubles
) -> None:
    """Watch the pods and Jobs of a namespace until cancelled, and tell the orchestrator at ``engine_url`` what happened to them,
    and ``on_troubles`` of functions that have no pod that is ready.

    ``token`` is an administrator's that is bound to no namespace; empty: the orchestrator asks for none. The account that
    ``connect`` finds has to be allowed to list and watch pods and Jobs, and to get Secrets and logs.
    """
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        await watch(
            KubernetesApi(session, connect),
            OrchestratorApi(session, engine_url, token=token),
            namespace,
            on_troubles=on_troubles,
        )
