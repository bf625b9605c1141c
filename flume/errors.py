"""Every error that Flume raises, by what the one who catches it can do.

FlumeError
├── DefinitionError      mend the pipeline document; carries all its problems
├── RequestError         mend what was sent: an argument, a body, a setting
│   ├── SettingError     mend an environment variable
│   └── TooLargeError    send less
├── NotFoundError        the thing named does not exist
├── ConflictError        it exists already, or is in another state than the call needs
├── ExpressionError      a template failed on the data it met
├── NodeError            a node's work failed: raised by nodes, recorded in the run
├── UnavailableError     come back later
└── StoreError           the store can't be used: disk full, locked, damaged, newer schema
    └── StoreAwayError   its server does not answer: start it, or wait for it

Constructors take facts and write the sentence; the facts stay attributes.
"""

from collections.abc import Sequence
from datetime import timedelta

from flume.problems import Problem


class FlumeError(Exception):
    """Base of all errors below. ``code`` is stable and shown to programs; the message is for people."""

    code = "error"


class DefinitionError(FlumeError):
    """A pipeline document is not valid. ``problems`` holds every problem found, in the order of the text."""

    code = "invalid-definition"

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        first = self.problems[0]
        rest = "" if count == 1 else f" (and {count - 1} more)"
        super().__init__(f"{first.pointer or 'document'}: {first.message}{rest}")


class RequestError(FlumeError):
    """What was sent with a call is wrong. ``pointer`` names the place in it, ``hint`` says how to mend it."""

    code = "bad-request"

    def __init__(self, message: str, *, code: str = "", pointer: str = "", hint: str = "") -> None:
        self.code = code or type(self).code
        self.pointer = pointer
        self.hint = hint
        super().__init__(message)


class SettingError(RequestError):
    """An environment variable has a value that can't be used; the start stops."""

    code = "bad-setting"

    def __init__(self, variable: str, expected: str) -> None:
        self.variable = variable
        self.expected = expected
        super().__init__(f"{variable}: {expected}")


class TooLargeError(RequestError):
    """Something that came in is above its limit. ``limit`` is in bytes unless ``unit`` says otherwise."""

    code = "too-large"

    def __init__(self, what: str, limit: int, unit: str = "bytes") -> None:
        self.what = what
        self.limit = limit
        super().__init__(f"{what} is larger than the limit of {limit:,} {unit}")


class NotFoundError(FlumeError):
    """The thing that a call names does not exist."""

    code = "not-found"

    def __init__(self, kind: str, name: str, hint: str = "") -> None:
        self.kind = kind
        self.name = name
        self.hint = hint
        super().__init__(f"no {kind} '{name}'" + (f"; {hint}" if hint else ""))


class ConflictError(FlumeError):
    """The call does not fit the state that things are in. ``code`` tells which conflict it is."""

    code = "conflict"

    def __init__(self, message: str, *, code: str = "", hint: str = "") -> None:
        self.code = code or type(self).code
        self.hint = hint
        super().__init__(message)


class ExpressionError(FlumeError):
    """A template or expression failed on the data it met: an unknown name, a wrong type, a bound that was passed.

    ``source`` is the expression's own text; data never appears in the message beyond the names of keys.
    """

    code = "template-error"

    def __init__(self, message: str, *, source: str = "", pointer: str = "") -> None:
        self.source = source
        self.pointer = pointer
        self.reason = message
        where = f"{pointer}: " if pointer else ""
        super().__init__(f"{where}{message}")


class NodeError(FlumeError):
    """A node's work failed. Raised by nodes; the engine records it and decides about another attempt.

    ``retryable`` None leaves the decision to the node type's default. ``retry_after`` is the least wait before the next
    attempt, as a server asked for it.
    """

    code = "node-error"

    def __init__(
        self,
        message: str,
        *,
        code: str = "",
        retryable: bool | None = None,
        retry_after: timedelta | None = None,
    ) -> None:
        self.code = code or type(self).code
        self.retryable = retryable
        self.retry_after = retry_after
        super().__init__(message)


class UnavailableError(FlumeError):
    """Not now: over capacity, shutting down, or the store is out of reach. ``retry_after`` says when to come back."""

    code = "unavailable"

    def __init__(self, message: str, *, retry_after: timedelta = timedelta(seconds=1)) -> None:
        self.retry_after = retry_after
        super().__init__(message)


class OverloadedError(UnavailableError):
    """Not now, since there is as much to do as there may be: whoever comes back later, or asks another replica, is served."""


class StoreError(FlumeError):
    """The store can't do what was asked: the message names the file or server and what a person can do."""

    code = "store-error"


class StoreAwayError(StoreError):
    """The server of the store does not answer, or can't do anything just now. Nothing is known to be wrong with it."""
