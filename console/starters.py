"""Examples that a new pipeline can begin with. A test holds them valid."""

from pathlib import Path

STARTERS = {
    "hello": "Hello",
    "fetch": "Fetch on a schedule",
    "each": "For each item",
    "model": "Ask a model",
    "empty": "Empty",
}
"""By name: what they are called in the page. The empty one has everything but nodes."""

_FOLDER = Path(__file__).parent / "starters"


def starter(name: str) -> str:
    """The text of an example; of the first one for a name that is none."""
    known = name if name in STARTERS else next(iter(STARTERS))
    return (_FOLDER / f"{known}.yaml").read_text()
