"""The functions of CESQL by their names, each with the types of its arguments, which are cast before it is called.

Text counts in characters, from 1 where a position is meant.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from flume.errors import ExpressionError
from flume.filters.cesql.values import INT_MIN, Value, to_boolean, to_integer, to_text

MAX_TEXT = 64 * 1024
"""Characters of a text that an expression makes."""

# Those that Unicode calls white space; Python's own strip() takes four control characters with them.
_WHITE_SPACE = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))

Cast = Callable[[Value], Value]


@dataclass(frozen=True, slots=True)
class Function:
    """A function: ``casts`` has one entry per argument, ``rest`` casts any number of further ones, None allows none.

    ``call`` takes cast arguments, one by one, and raises `flume.errors.ExpressionError`.
    """

    call: Callable[..., Value]
    returns: type[Value]
    casts: tuple[Cast, ...]
    rest: Cast | None = None

    def takes(self, count: int) -> bool:
        """Whether it can be called with so many arguments."""
        return count == len(self.casts) or (self.rest is not None and count > len(self.casts))

    def cast(self, index: int) -> Cast:
        """The cast of the argument at ``index``, which the function takes."""
        return self.casts[index] if index < len(self.casts) or self.rest is None else self.rest


def _as_it_is(value: Value) -> Value:
    return value


def _concatenate(*texts: str) -> str:
    return _join("", *texts)


def _join(delimiter: str, *texts: str) -> str:
    if sum(map(len, texts)) + len(delimiter) * len(texts) > MAX_TEXT:
        raise ExpressionError(f"the text is longer than {MAX_TEXT:,} characters")
    return delimiter.join(texts)


def _trim(text: str) -> str:
    return text.strip(_WHITE_SPACE)


def _left(text: str, count: int) -> str:
    return text[: _not_negative(count)]


def _right(text: str, count: int) -> str:
    return text[max(0, len(text) - _not_negative(count)) :]


def _substring(text: str, position: int, length: int = MAX_TEXT) -> str:
    if not -len(text) <= position <= len(text):
        raise ExpressionError("SUBSTRING begins outside of the text")
    if _not_negative(length) == 0 or position == 0:
        return ""
    start = position - 1 if position > 0 else len(text) + position
    return text[start : start + length]


def _not_negative(count: int) -> int:
    if count < 0:
        raise ExpressionError("a number of characters is negative")
    return count


def _absolute(number: int) -> int:
    if number == INT_MIN:
        raise ExpressionError("the number is beyond 32 bits")
    return abs(number)


def _can_be(cast: Cast) -> Callable[[Value], bool]:
    def check(value: Value) -> bool:
        try:
            cast(value)
        except ExpressionError:
            return False
        return True

    return check


FUNCTIONS: Mapping[str, tuple[Function, ...]] = {
    "LENGTH": (Function(len, int, (to_text,)),),
    "CONCAT": (Function(_concatenate, str, (), to_text),),
    "CONCAT_WS": (Function(_join, str, (to_text,), to_text),),
    "LOWER": (Function(str.lower, str, (to_text,)),),
    "UPPER": (Function(str.upper, str, (to_text,)),),
    "TRIM": (Function(_trim, str, (to_text,)),),
    "LEFT": (Function(_left, str, (to_text, to_integer)),),
    "RIGHT": (Function(_right, str, (to_text, to_integer)),),
    "SUBSTRING": (
        Function(_substring, str, (to_text, to_integer)),
        Function(_substring, str, (to_text, to_integer, to_integer)),
    ),
    "ABS": (Function(_absolute, int, (to_integer,)),),
    "INT": (Function(to_integer, int, (_as_it_is,)),),
    "BOOL": (Function(to_boolean, bool, (_as_it_is,)),),
    "STRING": (Function(to_text, str, (_as_it_is,)),),
    "IS_INT": (Function(_can_be(to_integer), bool, (_as_it_is,)),),
    "IS_BOOL": (Function(_can_be(to_boolean), bool, (_as_it_is,)),),
}
"""By upper-case name, the overloads of each."""
