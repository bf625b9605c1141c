"""What to tell whoever sent a form of which nothing came, on the page that gives back what they wrote."""

from http import HTTPStatus

from console.engine import EngineRefusal, EngineUnreachable
from console.formats import sentence

LOGGED_OUT = "You are not logged in any more. Log in in another tab, then come back and send it again."


def why_not(error: EngineRefusal | EngineUnreachable) -> str:
    """Why, and what to do, in sentences."""
    if isinstance(error, EngineRefusal) and error.status == HTTPStatus.UNAUTHORIZED:
        return LOGGED_OUT
    # Some errors end with their hint already.
    hint = "" if error.hint.lower() in str(error).lower() else error.hint
    return " ".join(sentence(each) for each in (str(error), hint) if each)
