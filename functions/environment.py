"""What the environment of a function process says for its nodes: read by the process, written by whoever starts it."""

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote

from flume.nodes.node import NodeSettings
from flume.secret_values import MIN_SECRET_LENGTH

FUNCTION_KEY = "FLUME_FUNCTION_KEY"
"""The variable with the key that orders have to carry; without it, whoever reaches the process may give orders."""

_PASSWORD = re.compile(r"//[^/?#:]*:([^/?#]+)@")
"""In an address with user and password."""


def read_node_settings(environment: Mapping[str, str]) -> NodeSettings:
    """What the operator of this process decides for its nodes."""
    cache = environment.get("FLUME_CACHE", "")
    return NodeSettings(
        http_allow=_split(environment.get("FLUME_HTTP_ALLOW", "")),
        http_deny=_split(environment.get("FLUME_HTTP_DENY", "")),
        llm_url=environment.get("VLLM_URL", ""),
        llm_api_key=environment.get("VLLM_API_KEY", ""),
        mongodb_url=environment.get("FLUME_NODE_MONGODB_URL") or environment.get("MONGODB_URL", ""),
        redis_url=environment.get("FLUME_NODE_REDIS_URL") or environment.get("REDIS_URL", ""),
        platform_database=environment.get("DB_NAME", "flume"),
        cache=Path(cache) if cache else None,
    )


def written_node_settings(settings: NodeSettings) -> dict[str, str]:
    """The variables from which `read_node_settings` makes these settings."""
    written = {
        "FLUME_HTTP_ALLOW": ",".join(settings.http_allow),
        "FLUME_HTTP_DENY": ",".join(settings.http_deny),
        "VLLM_URL": settings.llm_url,
        "VLLM_API_KEY": settings.llm_api_key,
        "FLUME_NODE_MONGODB_URL": settings.mongodb_url,
        "FLUME_NODE_REDIS_URL": settings.redis_url,
        "DB_NAME": settings.platform_database,
        "FLUME_CACHE": "" if settings.cache is None else str(settings.cache),
    }
    return {name: value for name, value in written.items() if value}


def confidential_values(settings: NodeSettings) -> tuple[str, ...]:
    """What of these settings nobody else should read: the key of the model server, and addresses and passwords of databases.

    A password too short to be masked without masking ordinary text is not told by itself.
    """
    found = [settings.llm_api_key]
    for url in (settings.mongodb_url, settings.redis_url):
        if (match := _PASSWORD.search(url)) is not None:
            password = match.group(1)
            found += [url, *(text for text in (password, unquote(password)) if len(text) >= MIN_SECRET_LENGTH)]
    return tuple(dict.fromkeys(filter(None, found)))


def _split(text: str) -> tuple[str, ...]:
    return tuple(text.replace(",", " ").split())
