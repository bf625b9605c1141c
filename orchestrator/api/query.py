"""Refuses query parameters that a route does not take: a misspelled filter must not show everything."""

import re
from collections.abc import Collection, Iterator
from difflib import get_close_matches
from typing import Any
from urllib.parse import parse_qsl

from fastapi import Request

from flume.errors import RequestError
from orchestrator.api.context import NAMESPACE_PATTERN, allowed_namespace

NAMESPACE = "namespace"
"""Every route takes it, also those that are the same in all namespaces."""

_known: dict[Any, frozenset[str]] = {}


async def known_parameters_only(request: Request) -> None:
    """Raise `RequestError` for an unknown query parameter, with the nearest known one as the hint."""
    query = request.scope["query_string"]
    if not query:
        return
    known = _parameters_of(request.scope["route"])
    for name, _ in parse_qsl(query.decode("latin-1"), keep_blank_values=True):
        if name not in known:
            raise _unknown(name, known)


def namespace_by_hand(request: Request) -> str:
    """What `known_parameters_only` and `current_namespace` do, for the hot path that takes no other parameter.

    Raises `RequestError` for another parameter or a name that is none, `NotFoundError` as `current_namespace` does.
    """
    query = request.scope["query_string"]
    namespace = "default"
    for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True) if query else ():
        if name != NAMESPACE:
            raise _unknown(name, (NAMESPACE,))
        namespace = value
    if not re.match(NAMESPACE_PATTERN, namespace):
        hint = "a namespace is a DNS label: lower-case letters, digits and hyphens, at most 63"
        raise RequestError("query.namespace: not the name of a namespace", hint=hint)
    return allowed_namespace(request.state.caller, namespace)


def _unknown(name: str, known: Collection[str]) -> RequestError:
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"it takes: {', '.join(sorted(known))}"
    return RequestError(f"no query parameter '{name[:60]}' here", code="unknown-parameter", hint=hint)


def _parameters_of(route: Any) -> frozenset[str]:
    found = _known.get(route.endpoint)
    if found is None:
        found = _known[route.endpoint] = frozenset({NAMESPACE, *_names(route.dependant)})
    return found


def _names(dependant: Any) -> Iterator[str]:
    """The query parameters of a route's function and of all that it depends on."""
    yield from (field.alias for field in dependant.query_params)
    for inner in dependant.dependencies:
        yield from _names(inner)
