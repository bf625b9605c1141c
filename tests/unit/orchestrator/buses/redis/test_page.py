"""The page of what is in Redis says what the code does."""

import re
from pathlib import Path

from functions import memo, redis_shelf, shared_memo
from orchestrator.buses.redis import shares, wire
from orchestrator.buses.redis.bus import Timing

PAGE = (Path(__file__).parents[5] / "docs" / "reference" / "redis.md").read_text()
EXPLANATION = (Path(__file__).parents[5] / "docs" / "explanation" / "redis.md").read_text()


def test_its_numbers_are_those_of_the_code():
    assert (Timing().beat, Timing().silence, Timing().forget, Timing().answer) == (2, 6, 10, 1)
    assert (shares.TTL_MS, shares.TURN_MS, wire.MOST_MESSAGE) == (5_000, 1_000, 64 * 1024)
    assert (memo.SHORTEST_S, shared_memo.CLAIM_S, shared_memo.CLAIM_AGAIN_S) == (600, 15, 5)
    assert shared_memo.MOST_BYTES == 4 * 1024 * 1024
    for text in (
        "every 2 s",
        "at most 64 KiB",
        "5 s after the last word",
        "10 min",
        "15 s; renewed every 5 s",
        "4 MiB",
    ):
        assert text in PAGE
    for text in ("after six\nseconds", "ten seconds", "within a second", "turns of a second", "after five seconds"):
        assert text.replace("\n", " ") in " ".join(EXPLANATION.lower().split())


def test_it_names_the_commands_that_scripts_call():
    scripts = shares._SHARE + redis_shelf._FIND + redis_shelf._HOLD + redis_shelf._LET_GO
    called = set(re.findall(r"redis\.call\('([A-Z]+)'", scripts))
    assert called
    assert {command for command in called if f"`{command}`" not in PAGE} == set()
