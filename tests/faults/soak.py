"""``make faults``: the long versions of all fault tests in turn, each with a new seed, for ``FAULTS_MINUTES``.

Each seed is printed before it is tried, with the command that tries it again alone. Nothing is begun after the time; the exit
code is 1 if anything was found.
"""

import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import cycle
from pathlib import Path

HERE = Path(__file__).parent
MINUTES = "FAULTS_MINUTES"
DEFAULT_MINUTES = 15.0

_COUNTED = re.compile(r"^trial: (\d+) runs, (\d+) faults", re.MULTILINE)


def say(line: str) -> None:
    """To stdout, at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def tests() -> list[str]:
    """All that takes a seed, by the name that pytest knows it by."""
    listed = _pytest("--collect-only", "-q", *map(str, sorted(HERE.glob("test_*.py"))))
    return [
        line
        for line in listed.stdout.splitlines()
        if "::" in line and not line.startswith(("tests/faults/test_history", "tests/faults/test_soak"))
    ]


def _pytest(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "pytest", "--run-faults", *arguments]
    return subprocess.run(command, cwd=HERE.parent.parent, text=True, capture_output=True)


def seeds() -> Iterator[int]:
    """One after another, none of which has been before."""
    source = random.SystemRandom()
    while True:
        yield source.randrange(2**32)


def soak(names: Sequence[str], minutes: float) -> int:
    """Try the tests in turn until the time is up, each at least once if there is time; how many failed."""
    until = time.monotonic() + minutes * 60
    failed = tried = runs = faults = 0
    for name, seed in zip(cycle(names), seeds(), strict=False):
        if time.monotonic() > until:
            break
        say(f"\nseed {seed}: {sys.executable} -m pytest '{name}' --run-faults --fault-seed {seed}")
        began = time.monotonic()
        result = _pytest("-q", "-rP", "-p", "no:cacheprovider", "--fault-seed", str(seed), name)
        for counted in _COUNTED.finditer(result.stdout):
            runs, faults = runs + int(counted[1]), faults + int(counted[2])
        tried, failed = tried + 1, failed + (result.returncode != 0)
        say(f"  {'found something' if result.returncode else 'nothing found'} in {time.monotonic() - began:.0f} s")
        if result.returncode:
            say(result.stdout + result.stderr)
    say(f"\n{tried} seeds, {runs} runs, {faults} faults; {failed} found something")
    return failed


def main() -> int:
    """The exit code."""
    text = os.environ.get(MINUTES, "") or str(DEFAULT_MINUTES)
    try:
        minutes = float(text)
    except ValueError:
        say(f"{MINUTES}: expected a number of minutes such as 15, not '{text}'")
        return 2
    return min(soak(sys.argv[1:] or tests(), minutes), 1)


if __name__ == "__main__":
    sys.exit(main())
