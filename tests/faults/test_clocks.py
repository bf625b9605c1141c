"""Clocks of replicas jump by minutes and hours: no run is lost, none waits longer than the jump, and nothing is due twice."""

import pytest

from tests.faults.breakage import (
    die_ahead,
    freeze_shortly,
    jump_back,
    jump_forward,
    jump_there_and_back,
    kill_and_start_again,
)
from tests.faults.trial import Trial, held

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

JUMPS = [jump_forward, jump_back, jump_there_and_back]


async def test_one_orchestrator_whose_clock_jumps(tmp_path, chance, is_long):
    faults = chance.sample([*JUMPS, kill_and_start_again] * 4, k=16) if is_long else chance.sample(JUMPS, k=2)
    settings = {"FLUME_DATA": str(tmp_path / "data")}
    await held(Trial(settings, 300 if is_long else 15, faults, with_clocks=True), tmp_path, chance)


async def test_a_fleet_whose_clocks_jump_apart(tmp_path, chance, is_long, shared_settings):
    long = [*JUMPS, die_ahead, kill_and_start_again, freeze_shortly] * 3
    faults = chance.sample(long, k=len(long)) if is_long else chance.sample(JUMPS, k=2)
    trial = Trial(
        shared_settings,
        300 if is_long else 15,
        faults,
        replicas=3 if is_long else 2,
        with_clocks=True,
        events=200 if is_long else 0,
        ends_within_s=150,
    )
    await held(trial, tmp_path, chance)
