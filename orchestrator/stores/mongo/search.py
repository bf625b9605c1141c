"""Text search as a regular expression can do it: a substring, whatever the case of its letters, in any script."""

import re

from orchestrator.stores.mongo.values import Document

MAX_TEXT = 1000
"""Characters of a search text; what follows is not looked at."""


def containing(text: str) -> Document:
    """A condition for values that hold ``text``.

    Both cases of each letter are spelled out, because servers differ in what they know of cases beyond ASCII.
    """
    return {"$regex": "".join(_either_case(character) for character in text[:MAX_TEXT])}


def _either_case(character: str) -> str:
    cases = {character, character.lower(), character.upper()}
    # Letters whose other case is several letters (ß, SS) are sought as they are.
    single = sorted(case for case in cases if len(case) == 1)
    return re.escape(character) if len(single) == 1 else f"[{''.join(single)}]"
