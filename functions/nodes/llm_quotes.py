"""What messages may quote of a server's answer.

Servers like to repeat the request in their answers, so whatever was sent as prompt, and the key, is taken out of what they say.
"""

from collections.abc import Iterable
from urllib.parse import urlsplit

MAX_QUOTE = 500
"""Characters that a message quotes of what a server answered."""

_SHORTEST_ECHO = 6
"""A shorter prompt is no secret, and taking it out would spoil ordinary words."""

_WINDOW, _STEP = 16, 8
"""A prompt is looked for in windows: every run of `_WINDOW` + `_STEP` characters of it holds one."""


def quote(answered: object, hidden: Iterable[str]) -> str:
    """What a server said, in a line, bounded, and without what it repeats of the ``hidden`` texts. Empty if it said nothing."""
    # Shortened to the end only afterwards: of a text that is cut, the rest would not be recognized.
    text = " ".join(sentence_of(answered).split())[: 4 * MAX_QUOTE]
    for each in hidden:
        # The answer was put on one line, so a prompt of several is found in it only as one, too.
        text = without_echo(text, " ".join(each.split()))
    return text if len(text) <= MAX_QUOTE else text[: MAX_QUOTE - 1] + "…"


def sentence_of(body: object) -> str:
    """The sentence in a body, by the habits of servers: an error object, FastAPI's ``detail``, or plain text."""
    match body:
        case str():
            return body
        case {"message": str(message)}:
            return message
        case {"error": inner} | {"detail": inner}:
            return sentence_of(inner)
        case {"msg": str(message)}:
            # FastAPI's findings hold the refused value besides, which is left out.
            return message
        case [*found]:
            return "; ".join(filter(None, map(sentence_of, found)))
        case _:
            return ""


def shown_url(url: str) -> str:
    """A URL without what may be secret in it: user, password, query and fragment."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


def without_echo(text: str, hidden: str) -> str:
    """``text`` without what it repeats of ``hidden``: the whole of it, or any run of 24 characters."""
    if len(hidden) < _SHORTEST_ECHO:
        return text
    if len(hidden) < _WINDOW + _STEP:
        return text.replace(hidden, "…")
    kept, end = "", 0
    for at in range(0, len(text) - _WINDOW + 1, _STEP):
        if at >= end and text[at : at + _WINDOW] in hidden:
            start, stop = _widened(text, at, end, hidden)
            kept, end = kept + text[end:start] + "…", stop
    return kept + text[end:]


def _widened(text: str, at: int, least: int, hidden: str) -> tuple[int, int]:
    """The whole run of ``hidden`` around the window at ``at``, which begins at ``least`` or later."""
    start, stop = at, at + _WINDOW
    while start > least and text[start - 1 : stop] in hidden:
        start -= 1
    while stop < len(text) and text[start : stop + 1] in hidden:
        stop += 1
    return start, stop
