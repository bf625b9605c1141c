"""What each failure of MongoDB means for the run."""

import pytest
from pymongo.errors import (
    AutoReconnect,
    ConfigurationError,
    ConnectionFailure,
    DocumentTooLarge,
    DuplicateKeyError,
    ExecutionTimeout,
    InvalidOperation,
    NetworkTimeout,
    NotPrimaryError,
    OperationFailure,
    ServerSelectionTimeoutError,
    WTimeoutError,
)

from flume.errors import NodeError
from functions.nodes.mongodb_failures import failures_of


def refused(code: int, words: str = "no", labels: tuple[str, ...] = ()) -> OperationFailure:
    return OperationFailure(words, code, {"errmsg": words, "code": code, "errorLabels": [*labels]})


@pytest.mark.parametrize(
    ("error", "code", "retryable"),
    [
        (AutoReconnect("a:1: connection closed"), "connection", True),
        (ConnectionFailure("a:1"), "connection", True),
        (ServerSelectionTimeoutError("a:1: refused"), "connection", True),
        (NotPrimaryError("not primary"), "connection", True),
        (ConfigurationError("no such name"), "connection", True),
        (refused(11600), "connection", True),
        (refused(112), "connection", True),
        (refused(1, labels=("TransientTransactionError",)), "connection", True),
        (NetworkTimeout("a:1"), "timeout", True),
        (TimeoutError(), "timeout", True),
        (ExecutionTimeout("late", 50, {"errmsg": "late"}), "timeout", True),
        (WTimeoutError("late", 64, {"errmsg": "late"}), "timeout", True),
        (DuplicateKeyError("dup", 11000, {"errmsg": "dup"}), "duplicate-key", False),
        (refused(18), "unauthorized", False),
        (refused(13), "unauthorized", False),
        (refused(2), "bad-query", False),
        (refused(121), "bad-query", False),
        (refused(10334), "too-large", False),
        (DocumentTooLarge("17 MB"), "too-large", False),
        (InvalidOperation("no"), "bad-query", False),
        (OverflowError("8 bytes"), "bad-input", False),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_failure_says_whether_another_try_may_help(error: Exception, code: str, retryable: bool) -> None:
    with pytest.raises(NodeError) as failed, failures_of("shop.orders"):
        raise error

    assert (failed.value.code, failed.value.retryable) == (code, retryable)
    assert str(failed.value).startswith("shop.orders: ")


def test_the_servers_words_are_bounded_and_on_one_line() -> None:
    with pytest.raises(NodeError) as failed, failures_of("a.b"):
        raise refused(2, "bad\n" + "x" * 10_000)

    assert "bad xxx" in str(failed.value)
    assert len(str(failed.value)) < 600


@pytest.mark.parametrize("code", [13, 18, 11000, 50])
def test_words_that_may_quote_documents_are_not_passed_on(code: int) -> None:
    with pytest.raises(NodeError) as failed, failures_of("a.b"):
        raise refused(code, 'not authorized to execute command { insert: "b", documents: [{ password: "s3cret" }] }')

    assert "s3cret" not in str(failed.value)
