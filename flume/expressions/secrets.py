"""Secrets in templates: a name becomes a marker, and only the process that runs the node puts the value in its place.

The marker holds a nonce that is new for each invocation, so that data can't forge one. It is made of characters that
stand unchanged in URLs, so that a schema check of a rendered value sees the right shape."""

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any

from flume.errors import ExpressionError
from flume.expressions.access import MISSING, list_names
from flume.expressions.errors import shorten
from flume.expressions.frame import Frame, Program
from flume.values import JsonValue

SECRETS = "secrets"
"""The name in a scope under which the `SecretNames` are."""

MASK = "•••"
"""What people see where a secret is."""


@dataclass(frozen=True, slots=True)
class SecretNames:
    """What a scope holds under ``secrets``: the names that may be used, and never a value.

    ``nonce`` consists of letters and digits and is unguessable. A name must not hold ``~``: ValueError.
    """

    names: Collection[str]
    nonce: str

    def __post_init__(self) -> None:
        wrong = [name for name in self.names if "~" in name]
        if wrong or not self.nonce.isalnum():
            raise ValueError(
                f"a secret's name holds no '~' and a nonce is letters and digits; wrong: {wrong or self.nonce}"
            )

    def marker(self, name: str) -> str:
        """The text that stands for the secret ``name`` until `reveal`."""
        return f"{_prefix(self.nonce)}{name}~"


def reveal(value: JsonValue, nonce: str, lookup: Callable[[str], str]) -> JsonValue:
    """``value`` with each marker of ``nonce`` replaced by what ``lookup`` gives for its name.

    Parts without a marker are the same objects as before. What ``lookup`` raises passes through; what it gives is not
    looked at again.
    """
    prefix, pattern = _prefix(nonce), _pattern(nonce)

    def replace(text: str) -> str:
        return pattern.sub(lambda match: lookup(match.group(1)), text) if prefix in text else text

    return _map_texts(value, replace)


def mask_markers(value: JsonValue, nonce: str) -> JsonValue:
    """``value`` with each marker of ``nonce`` replaced by `MASK`."""
    pattern = _pattern(nonce)
    return _map_texts(value, lambda text: pattern.sub(MASK, text))


def conceal(value: JsonValue, secrets: Iterable[str]) -> JsonValue:
    """``value`` with every occurrence of a secret's value replaced by `MASK`, in keys of objects too."""
    # The longest first: a secret may be part of another.
    ordered = sorted(filter(None, secrets), key=len, reverse=True)

    def replace(text: str) -> str:
        for secret in ordered:
            if secret in text:
                text = text.replace(secret, MASK)
        return text

    return _map_texts(value, replace, keys=True) if ordered else value


def secret_program(name: str, *, strict: bool) -> Program:
    """Gives the marker of a secret; one that is not in the scope is an error or, not ``strict``, `MISSING`."""

    def evaluate(frame: Frame) -> Any:
        secrets = frame.scope.get(SECRETS)
        known = secrets if isinstance(secrets, SecretNames) else SecretNames((), "none")
        if name in known.names:
            return known.marker(name)
        if not strict:
            return MISSING
        raise ExpressionError(
            f"there is no secret '{shorten(name)}' here; there are: {list_names(dict.fromkeys(sorted(known.names)), name)}"
        )

    return evaluate


def _prefix(nonce: str) -> str:
    return f"secret~{nonce}~"


def _pattern(nonce: str) -> re.Pattern[str]:
    return re.compile(re.escape(_prefix(nonce)) + "([^~]*)~")


def _map_texts(value: Any, replace: Callable[[str], str], *, keys: bool = False) -> Any:
    kind = type(value)
    if kind is str:
        return replace(value)
    if kind is list:
        items = [_map_texts(inner, replace, keys=keys) for inner in value]
        return items if any(new is not old for new, old in zip(items, value, strict=True)) else value
    if kind is dict:
        pairs = [(replace(key) if keys else key, _map_texts(inner, replace, keys=keys)) for key, inner in value.items()]
        changed = any(
            key is not old or new is not inner for (key, new), (old, inner) in zip(pairs, value.items(), strict=True)
        )
        return dict(pairs) if changed else value
    return value
