"""What each failure of a call to a language model means: worth another attempt or not, and what to do about it.

Messages name the model, the server and what it answered, without what that repeats of prompt and key.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import openai

from flume.errors import NodeError
from functions.http_failures import is_transient, reason_of, retry_after
from functions.nodes.llm_answers import MAX_NAME_LENGTH
from functions.nodes.llm_quotes import quote, sentence_of

_SHOWN_MODELS = 10
_OVERFLOW = re.compile(
    r"context.{0,20}(length|size|window)|exceed_context|maximum model length|max_model_len|model.s context",
    re.IGNORECASE,
)
_OVERFLOW_STATUSES = (400, 413, 422)


@dataclass(frozen=True, slots=True)
class Call:
    """One call, as its failures speak of it. ``hidden`` are texts that no message may show: prompts and the key."""

    model: str
    url: str
    hidden: Sequence[str] = field(repr=False)

    @property
    def source(self) -> str:
        """The model and the server."""
        return f"model '{self.model[:MAX_NAME_LENGTH]}' at {self.url}"

    def fails(self, problem: str, code: str, *, retryable: bool, wait: timedelta | None = None) -> NodeError:
        """The failure with this problem. ``wait`` is the least time before the next attempt."""
        return NodeError(f"{self.source}: {problem}", code=code, retryable=retryable, retry_after=wait)

    def quote(self, answered: object) -> str:
        """What the server said, in a line, bounded, and without what it repeats of the request."""
        return quote(answered, self.hidden)


def failure_of(error: openai.APIError, call: Call, now: datetime) -> NodeError:
    """What a failed call means, unless it is about an unknown model (`is_about_model`)."""
    match error:
        case openai.APITimeoutError():
            return call.fails("can't connect: the server does not answer", "connection", retryable=True)
        case openai.APIConnectionError():
            return _broken(error, call)
        case openai.APIStatusError():
            headers = error.response.headers
            return _refused(error, call, retry_after(headers.get("retry-after", ""), now))
        case openai.APIResponseValidationError():
            return no_api(call, "fields are missing or of other types")
        case _:
            return _refused(error, call, None)


def is_about_model(error: openai.APIError) -> bool:
    """Whether the server may not know the model, or not the whole path."""
    return error.code == "model_not_found" or _status_of(error) == 404


def not_found(error: openai.APIError, call: Call, models: Sequence[str]) -> NodeError:
    """The failure of a call that `is_about_model`; ``models`` are those the server lists, empty if it lists none."""
    said = call.quote(error.body)
    answered = f"answered {_status_of(error) or 'that there is none'}{_colon(said)}"
    if not models and "model" not in said.lower():
        return no_api(call, answered)
    shown = ", ".join(name[:MAX_NAME_LENGTH] for name in models[:_SHOWN_MODELS]) or "no list of its models"
    more = f" and {len(models) - _SHOWN_MODELS} more" if len(models) > _SHOWN_MODELS else ""
    return call.fails(f"{answered}; the server has: {shown}{more}", "unknown-model", retryable=False)


def no_api(call: Call, problem: str) -> NodeError:
    """What answers is not a server of the OpenAI API."""
    hint = "VLLM_URL has to end before /chat/completions, usually with /v1"
    return call.fails(f"this is no answer of the OpenAI API: {problem}; {hint}", "bad-response", retryable=False)


def cut_short(call: Call) -> NodeError:
    """The stream ended before the answer did."""
    return call.fails("the stream ended in the middle of the answer", "connection", retryable=True)


def too_long(call: Call, limit: int) -> NodeError:
    """The answer has no end in sight."""
    return call.fails(f"the answer is longer than {limit:,} characters; set maxTokens", "too-large", retryable=False)


def timed_out(call: Call, limit: timedelta) -> NodeError:
    """The attempt's time was up."""
    return call.fails(f"no complete answer within {limit.total_seconds():g} s", "timeout", retryable=True)


def _broken(error: openai.APIConnectionError, call: Call) -> NodeError:
    # By name, because the library below the client is the client's own affair.
    if type(error.__cause__).__name__ == "ConnectError":
        return call.fails(f"can't connect: {reason_of(error)}", "connection", retryable=True)
    return call.fails("the connection broke, or the server did not speak HTTP", "connection", retryable=True)


def _refused(error: openai.APIError, call: Call, wait: timedelta | None) -> NodeError:
    """A status, or an error within a stream that was already answered 200."""
    status, said = _status_of(error), call.quote(error.body)
    answered = f"answered {status}{_colon(said)}" if status else f"broke off the answer{_colon(said)}"
    if status in (401, 403):
        return call.fails(f"{answered}; set VLLM_API_KEY to a key that it takes", "unauthorized", retryable=False)
    if status in _OVERFLOW_STATUSES and _OVERFLOW.search(f"{error.code} {error.type} {sentence_of(error.body)}"):
        hint = "shorten what the model is given, or lower maxTokens"
        return call.fails(f"{answered}; {hint}", "context-overflow", retryable=False)
    if status is None:
        return call.fails(answered, "server-error", retryable=True)
    if 300 <= status < 400:
        return call.fails(f"{answered}; set VLLM_URL to where it redirects", "http-status", retryable=False)
    is_worth_it = is_transient(status)
    return call.fails(answered, "http-status", retryable=is_worth_it, wait=wait if is_worth_it else None)


def _status_of(error: openai.APIError) -> int | None:
    """The status of the answer, or that which an error within a stream gives as its code, as vLLM and llama.cpp do."""
    if isinstance(error, openai.APIStatusError):
        return error.status_code
    return int(error.code) if error.code and re.fullmatch("[45][0-9]{2}", error.code) else None


def _colon(said: str) -> str:
    return f": {said}" if said else ""
