"""The ``flume`` command: runs it, and turns what goes wrong into sentences and exit codes.

Exit codes: 0 all is well, 1 the run failed or the document is invalid, 2 wrong usage, 130 interrupted.
"""

import os
import sys
import traceback
from collections.abc import Sequence

from flume.cli.guard import find_intruder
from flume.cli.problem_lines import line_of
from flume.cli.visible import visible
from flume.errors import DefinitionError, FlumeError, RequestError


def main(arguments: Sequence[str] | None = None) -> None:
    """The entry point of the ``flume`` script. Always raises `SystemExit`; ``arguments`` None takes those of the process."""
    intruder = find_intruder()
    if intruder is not None:
        _complain(str(intruder))
        sys.exit(2)
    from flume.cli.commands import app

    try:
        app(None if arguments is None else list(arguments), prog_name="flume")
    except FlumeError as error:
        _show_trace()
        sys.exit(_tell(error))
    # The edge of the process: a bug is told in one line, and in full to those who ask.
    except Exception as error:
        if not _show_trace():
            _complain(
                f"internal error: {type(error).__name__}: {error}", "run it again with flume --debug to see where"
            )
        sys.exit(1)


def _tell(error: FlumeError) -> int:
    """Say what is wrong; the exit code."""
    if isinstance(error, DefinitionError):
        for problem in error.problems:
            _say(line_of(problem))
        return 1
    _complain(str(error), getattr(error, "hint", ""))
    return 2 if isinstance(error, RequestError) else 1


def _complain(message: str, hint: str = "") -> None:
    _say(f"flume: {message}" + (f"; {hint}" if hint and hint not in message else ""))


def _say(line: str) -> None:
    sys.stderr.write(visible(line) + "\n")


def _show_trace() -> bool:
    """Print the traceback to those who asked for it with ``--debug`` or ``LOG_LEVEL=debug``; whether they did."""
    is_wanted = os.environ.get("LOG_LEVEL", "").lower() == "debug"
    if is_wanted:
        traceback.print_exc()
    return is_wanted
