"""What each dialect asks of an event.

An event without the attribute that a filter names does not match, and `Not` of that filter matches it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from flume.errors import ExpressionError
from flume.filters.cesql import Attributes, Evaluate, Scope
from flume.filters.cesql.values import to_text


class Dialect(Protocol):
    """One filter of a list, and those within it."""

    def matches(self, scope: Scope) -> bool:
        """Whether the event is wanted. Never raises; once the scope is spent, what it says has no meaning."""
        ...


@dataclass(frozen=True, slots=True)
class Exact:
    """Each attribute has exactly this value."""

    wanted: Mapping[str, str]

    def matches(self, scope: Scope) -> bool:
        """See `Dialect.matches`."""
        return all(_text(scope, name) == value for name, value in self.wanted.items())


@dataclass(frozen=True, slots=True)
class Prefix:
    """Each attribute begins with this text."""

    wanted: Mapping[str, str]

    def matches(self, scope: Scope) -> bool:
        """See `Dialect.matches`."""
        return all((_text(scope, name) or "").startswith(value) for name, value in self.wanted.items())


@dataclass(frozen=True, slots=True)
class Suffix:
    """Each attribute ends with this text."""

    wanted: Mapping[str, str]

    def matches(self, scope: Scope) -> bool:
        """See `Dialect.matches`."""
        return all((_text(scope, name) or "").endswith(value) for name, value in self.wanted.items())


@dataclass(frozen=True, slots=True)
class All:
    """Every one of these filters matches."""

    filters: tuple[Dialect, ...]

    def matches(self, scope: Scope) -> bool:
        """See `Dialect.matches`."""
        return all(each.matches(scope) for each in self.filters)


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one of these filters matches."""

    filters: tuple[Dialect, ...]

    def matches(self, scope: Scope) -> bool:
        """See `Dialect.matches`."""
        return any(each.matches(scope) for each in self.filters)


@dataclass(frozen=True, slots=True)
class Not:
    """This filter does not match."""

    filter: Dialect

    def matches(self, scope: Scope) -> bool:
        """See `Dialect.matches`."""
        return not self.filter.matches(scope)


@dataclass(frozen=True, slots=True)
class Cesql:
    """The expression gives true. What it gives otherwise, or that it failed on this event, is no match, as in Knative."""

    text: str
    evaluate: Evaluate = field(repr=False, compare=False)

    def matches(self, scope: Scope) -> bool:
        """See `Dialect.matches`."""
        try:
            return self.evaluate(scope) is True
        except ExpressionError:
            return False


_ANY_EVENT = {
    "specversion": "1.0",
    "id": "any",
    "source": "/any",
    "type": "any",
    "subject": "any",
    "time": "1970-01-01T00:00:00Z",
    "datacontenttype": "application/json",
}


@dataclass(frozen=True, slots=True)
class Filter:
    """Tells which events are wanted: those that all of these filters match; with none, every event."""

    filters: tuple[Dialect, ...] = ()

    def matches(self, attributes: Attributes) -> bool:
        """Whether an event with these attributes is wanted. Never raises; what would take too much work is not wanted."""
        scope = Scope(attributes)
        return All(self.filters).matches(scope) and not scope.is_spent

    @property
    def takes_anything(self) -> bool:
        """Whether an event is wanted that nobody asks for in particular."""
        return self.matches(_ANY_EVENT)


def _text(scope: Scope, name: str) -> str | None:
    value = scope.attributes.get(name)
    return None if value is None else to_text(value)
