"""Proofs that need no store: who holds one was given it by this installation.

A token is an HMAC over what it is for, under the installation's key: the same on every replica and after a restart, and of
no use for any other attempt or pipeline. Whoever learns the key can make them all; a new key makes all old ones void.
"""

import hmac
from base64 import urlsafe_b64encode

from flume.errors import RequestError
from flume.ids import Instance, RunId

_SHORTEST_KEY = 16


class AttemptTokens:
    """Tokens with which the process that works on an attempt answers for it, and for nothing else.

    Raises `flume.errors.RequestError` for a key under 16 bytes.
    """

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        self._key = _checked(key)

    def make(self, run_id: RunId, instance: Instance, attempt: int) -> str:
        """The token of an attempt: 43 characters that are safe in URLs and headers, the same each time."""
        return _proof(self._key, "attempt", run_id, instance, str(attempt))

    def check(self, token: str, run_id: RunId, instance: Instance, attempt: int) -> bool:
        """Whether ``token`` is this attempt's, in constant time. Any text may be asked about."""
        return _same(token, self.make(run_id, instance, attempt))


class PipelineKeys:
    """The ``?key=`` with which senders that can't send a Bearer token reach one pipeline's event address.

    Raises `flume.errors.RequestError` for a key under 16 bytes.
    """

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        self._key = _checked(key)

    def make(self, namespace: str, pipeline: str) -> str:
        """The key of a pipeline: 43 characters that are safe in URLs, the same each time."""
        return _proof(self._key, "pipeline", namespace, pipeline)

    def check(self, key: str, namespace: str, pipeline: str) -> bool:
        """Whether ``key`` is this pipeline's, in constant time. Any text may be asked about."""
        return _same(key, self.make(namespace, pipeline))


def _checked(key: bytes) -> bytes:
    if len(key) < _SHORTEST_KEY:
        message = f"a key of {len(key)} bytes can be guessed; give at least {_SHORTEST_KEY} random bytes"
        raise RequestError(message, code="weak-key")
    return key


def _proof(key: bytes, *facts: str) -> str:
    # Lengths keep the facts apart: ("a", "bc") and ("ab", "c") are different things.
    encoded = [fact.encode(errors="surrogatepass") for fact in facts]
    message = b"".join(len(fact).to_bytes(8) + fact for fact in encoded)
    return urlsafe_b64encode(hmac.digest(key, message, "sha256")).rstrip(b"=").decode("ascii")


def _same(given: str, right: str) -> bool:
    return hmac.compare_digest(given.encode(errors="surrogatepass"), right.encode())
