"""What the driver and the server report, in Flume's errors: each says which server it is about and what a person can do.

A server's own words are left out: they may quote documents, and the driver's may quote the URL with its password.
"""

from pymongo.errors import (
    ConfigurationError,
    ConnectionFailure,
    ExecutionTimeout,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WaitQueueTimeoutError,
    WTimeoutError,
)

from flume.errors import FlumeError, StoreError, UnavailableError

DUPLICATE_KEY = 11000

NAMESPACE_EXISTS = 48

TOO_LARGE = frozenset({10334, 17280, 17419, 17420})
"""Codes for a document that is larger than the server takes."""

_WRONG_USER = 18
_NOT_ALLOWED = 13
_NO_ROOM = 14031

_OTHER_INDEX = frozenset({85, 86})

_NOT_NOW = frozenset(
    {6, 7, 24, 43, 46, 50, 64, 89, 91, 112, 133, 134, 175, 189, 202, 262, 9001, 10107, 11600, 11602, 13435, 13436}
)
"""No primary, one that steps down or shuts down, a time limit, a lock, a conflict of writes: another try may succeed."""

_PASSING = (
    ConnectionFailure,
    ExecutionTimeout,
    ServerSelectionTimeoutError,
    WaitQueueTimeoutError,
    WTimeoutError,
)

_LABELS = ("RetryableWriteError", "TransientTransactionError")


def translated(error: Exception, where: str) -> Exception:
    """The error to raise instead of one of the driver's; any other is returned as it is. ``where`` names server and database."""
    if isinstance(error, FlumeError) or not isinstance(error, PyMongoError):
        return error
    if isinstance(error, OperationFailure) and not isinstance(error, _PASSING):
        return refusal(error.code, where, is_passing=any(map(error.has_error_label, _LABELS)))
    if isinstance(error, _PASSING):
        return UnavailableError(
            f"{where} is out of reach ({type(error).__name__}); check that it runs; trying again helps"
        )
    if isinstance(error, ConfigurationError):
        return StoreError(f"{where} can't be used as MONGODB_URL says ({type(error).__name__}); correct its options")
    return StoreError(f"{where} failed ({type(error).__name__}); this is a fault of Flume, please report it")


def refusal(code: int | None, where: str, *, is_passing: bool = False) -> FlumeError:
    """What a server's error number means."""
    if is_passing or code in _NOT_NOW:
        return UnavailableError(f"{where} can't do it just now (error {code}); trying again helps")
    if code == _WRONG_USER:
        return StoreError(f"{where} refuses the user or the password; correct them in MONGODB_URL")
    if code == _NOT_ALLOWED:
        return StoreError(f"{where} does not let this user do it; give the user the role readWrite on the database")
    if code == _NO_ROOM:
        return StoreError(f"{where} can't grow: its disk is full; make room on it, nothing has to be restarted")
    if code in TOO_LARGE:
        return StoreError(
            f"{where} takes no document as large as one of these (error {code}); let nodes give smaller values"
        )
    if code in _OTHER_INDEX:
        problem = f"has another index under a name of Flume's (error {code})"
        return StoreError(
            f"{where} {problem}; drop that index, Flume makes its own, or set DB_NAME to another database"
        )
    return StoreError(f"{where} refused a command (error {code}); this is a fault of Flume, please report it")
