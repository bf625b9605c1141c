"""The names that a template reads, known without evaluating it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reference:
    """A name of the scope and the keys behind it, as far as they stand in the text.

    ``{{ fetch-topic.output.rows[0][x] }}`` is ``("fetch-topic", ("output", "rows", 0))``. ``guarded`` means that it
    need not exist, because ``default`` or ``is defined`` deals with that."""

    root: str
    path: tuple[str | int, ...] = ()
    guarded: bool = False
