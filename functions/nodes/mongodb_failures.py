"""What goes wrong between a node and MongoDB, as `NodeError`.

Codes: ``connection`` and ``timeout`` may be tried again, and nobody knows whether the work was done; ``duplicate-key``,
``bad-query``, ``bad-input``, ``bad-response``, ``unauthorized`` and ``too-large`` are permanent. Texts name collections and
hosts. A server's own words are passed on for ``bad-query`` alone, because others quote documents.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from bson.errors import BSONError
from pymongo.errors import (
    ConfigurationError,
    ConnectionFailure,
    DocumentTooLarge,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
)

from flume.errors import NodeError

DUPLICATE_KEY = 11000

_MAX_WORDS = 500
"""Characters of a server's words that a message holds."""

_UNAUTHORIZED = frozenset({13, 18})
_TIMED_OUT = frozenset({50, 64, 202, 262})
"""maxTimeMS passed; replicas too slow for the write concern; time limits within the cluster."""

_NOT_NOW = frozenset({6, 7, 24, 43, 46, 89, 91, 112, 133, 134, 175, 189, 9001, 10107, 11600, 11602, 13435, 13436})
"""No primary, one that steps down or shuts down, a lost cursor, a lock, a conflict of writes: another try may succeed."""

_TRANSIENT_LABELS = ("RetryableWriteError", "TransientTransactionError")
_TOO_LARGE = frozenset({10334, 17419, 17420})


@contextmanager
def failures_of(where: str) -> Iterator[None]:
    """Turn what the driver raises into a `NodeError`. ``where`` is the collection with its database."""
    try:
        yield
    except DocumentTooLarge:
        raise permanent("too-large", f"{where}: a document is larger than MongoDB's limit of 16 MiB") from None
    except OperationFailure as error:
        raise failure_of(where, error.code, _words(error.details), error) from None
    except TimeoutError:
        raise timed_out(where) from None
    except PyMongoError as error:
        raise _out_of_reach(where, error) from None
    except (BSONError, UnicodeError, OverflowError) as error:
        problem = f"can't be put into or read from BSON ({type(error).__name__})"
        raise permanent("bad-input", f"{where}: a value {problem}") from None


def failure_of(where: str, code: int | None, words: str, error: PyMongoError | None = None) -> NodeError:
    """What a server's error number means."""
    is_transient = error is not None and any(error.has_error_label(label) for label in _TRANSIENT_LABELS)
    if code == DUPLICATE_KEY:
        return permanent("duplicate-key", f"{where}: a unique index holds such a key already")
    if code in _UNAUTHORIZED:
        problem = "the server refused the user or what it may do"
        return permanent("unauthorized", f"{where}: {problem}; check the URL's user, password and roles")
    if code in _TOO_LARGE:
        return permanent("too-large", f"{where}: a document is larger than MongoDB's limit of 16 MiB")
    if code in _TIMED_OUT:
        return timed_out(where)
    if is_transient or code in _NOT_NOW:
        return NodeError(
            f"{where}: the server can't do it now (error {code}); try again", code="connection", retryable=True
        )
    return permanent("bad-query", f"{where}: the server refused it: {words}")


def timed_out(where: str) -> NodeError:
    """The time was up before the server was done."""
    message = f"{where}: not done in time; add an index or narrow the query, or give the node a longer timeout"
    return NodeError(message, code="timeout", retryable=True)


def permanent(code: str, message: str) -> NodeError:
    """A failure that another try would only repeat."""
    return NodeError(message, code=code, retryable=False)


def shortened_words(words: object) -> str:
    """A server's words on one line, of bounded length."""
    text = " ".join(str(words).split())
    return text if len(text) <= _MAX_WORDS else f"{text[: _MAX_WORDS - 1]}…"


def _words(details: Mapping[str, Any] | None) -> str:
    return shortened_words((details or {}).get("errmsg", "without a reason"))


def _out_of_reach(where: str, error: PyMongoError) -> NodeError:
    # The driver calls it a time-out, too, when it found no server in time; but then nothing was sent.
    if error.timeout and not isinstance(error, ServerSelectionTimeoutError):
        return timed_out(where)
    if isinstance(error, (ConnectionFailure, ConfigurationError)):
        reason = shortened_words(str(error).partition(" (configured timeouts")[0])
        return NodeError(f"{where}: can't reach MongoDB: {reason}", code="connection", retryable=True)
    return permanent("bad-query", f"{where}: {shortened_words(error)}")
