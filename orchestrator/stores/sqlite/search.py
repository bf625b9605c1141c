"""Text search as SQL can do it: a substring, whatever the case of its letters, in any script."""

MAX_TEXT = 1000
"""Characters of a search text; what follows is not looked at."""

_SPECIAL = frozenset("*?[")


def contains_pattern(text: str) -> str:
    """A GLOB pattern for values that hold ``text``.

    LIKE knows the cases of ASCII letters alone; a class of both cases for each letter knows those of all scripts.
    """
    return "*" + "".join(_either_case(character) for character in text[:MAX_TEXT]) + "*"


def _either_case(character: str) -> str:
    if character in _SPECIAL:
        return f"[{character}]"
    cases = {character, character.lower(), character.upper()}
    # Letters whose other case is several letters (ß, SS) are sought as they are.
    single = sorted(case for case in cases if len(case) == 1)
    return character if len(single) == 1 else f"[{''.join(single)}]"
