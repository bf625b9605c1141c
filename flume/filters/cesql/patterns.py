"""Patterns of LIKE: ``%`` stands for any characters, ``_`` for one, and a backslash before either takes it as it is.

A pattern is matched against all of a text in one pass over it, whatever the two are: the places in the pattern at which the
text read so far may stand are the bits of one integer. A regular expression would take exponential time for some patterns,
and a search that goes back would take the product of both lengths.
"""

import re

_UNIT = re.compile(r"\\([%_])|(%)|(_)|(.)", re.DOTALL)


class Pattern:
    """A pattern that has been read. Place ``n`` is reached when ``n`` characters of it, not counting ``%``, are matched."""

    def __init__(self, text: str) -> None:
        self._exact: dict[str, int] = {}
        self._any = 0
        self._repeating = 0
        place = 0
        for found in _UNIT.finditer(text):
            escaped, many, one, plain = found.groups()
            if many:
                self._repeating |= 1 << place
                continue
            if one:
                self._any |= 1 << place
            else:
                character = escaped or plain
                self._exact[character] = self._exact.get(character, 0) | 1 << place
            place += 1
        self._end = 1 << place

    def steps(self, text: str) -> int:
        """What it costs to match a text, as `flume.filters.cesql.scope` counts: long patterns take longer for each character."""
        return len(text) * (1 + self._end.bit_length() // 1024)

    def matches(self, text: str) -> bool:
        """Whether all of the text fits the pattern; letters differ by their case."""
        places = 1
        for character in text:
            going_on = places & (self._exact.get(character, 0) | self._any)
            places = going_on << 1 | places & self._repeating
            if not places:
                return False
            if places & self._repeating & self._end:
                return True
        return bool(places & self._end)
