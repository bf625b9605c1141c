"""Refuses to start when a foreign module has taken the place of one of Flume's packages.

``functions`` or ``console`` are names that others use too. Started by the ``flume`` script nothing of the working folder
is searched; started otherwise, or with ``PYTHONPATH`` set, a file there may come before ours.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

PACKAGES = ("eventing", "functions", "orchestrator", "console", "knative")

OUR_FOLDER = Path(__file__).resolve().parents[2]
"""Where Flume's packages lie side by side."""


@dataclass(frozen=True, slots=True)
class Intruder:
    """A module that is found in place of ours."""

    name: str
    origin: str

    def __str__(self) -> str:
        return (
            f"{self.origin} is in the way: Flume has a package '{self.name}' of its own; rename yours, or take its folder "
            "out of PYTHONPATH and start Flume with the flume script or with python -P -m flume"
        )


def find_intruder(names: Sequence[str] = PACKAGES, folder: Path = OUR_FOLDER) -> Intruder | None:
    """The first of our packages in whose place another module would be imported. Imports none of them."""
    for name in names:
        ours = folder / name / "__init__.py"
        if not ours.exists():
            continue
        spec = find_spec(name)
        if spec is None or spec.origin is None:
            places = "" if spec is None else ", ".join(spec.submodule_search_locations or ())
            return Intruder(name, places or "something")
        if Path(spec.origin).resolve() != ours:
            return Intruder(name, spec.origin)
    return None
