"""Processes that are killed at any moment, with many runs in flight, and started again on the same folder."""

import json
import subprocess
import sys
from pathlib import Path
from threading import Timer

import pytest

SCRIPT = Path(__file__).with_name("orchestrator_under_load.py")
ITEMS = 3


class Fleet:
    """One process after another on one folder; gathers what they said."""

    def __init__(self, folder, count):
        self.folder = folder
        self.count = count
        self.acknowledged = {}
        self.runs = []
        self.errors = ""

    def live(self, killed_after_s=None):
        """Run one process to its end, or to the moment that it is killed, counted from when it is ready. Whether it finished."""
        known = map(str, sorted(self.acknowledged))
        command = [sys.executable, str(SCRIPT), str(self.folder), str(self.count), *known]
        with (
            (self.folder / "errors.txt").open("w+") as errors,
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as process,
        ):
            overdue = Timer(100, process.kill)
            overdue.start()
            death = Timer(killed_after_s, process.kill) if killed_after_s is not None else None
            try:
                finished = self._listen(process, death)
            finally:
                overdue.cancel()
                if death is not None:
                    death.cancel()
                process.kill()
            errors.seek(0)
            self.errors = errors.read()
        return finished

    def _listen(self, process, death):
        for line in process.stdout:
            word, _, rest = line.strip().partition(" ")
            match word:
                case "ready" if death is not None:
                    death.start()
                case "acknowledged":
                    number, _, run_id = rest.partition(" ")
                    self.acknowledged.setdefault(int(number), set()).add(run_id)
                case "run":
                    self.runs.append(json.loads(rest))
                case "finished":
                    return True
        return False


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_whatever_was_acknowledged_ends_once_however_often_the_process_is_killed(tmp_path, chance, is_long):
    count, kills = (1_000, 15) if is_long else (100, 2)
    fleet = Fleet(tmp_path, count)
    deaths = 0
    for _ in range(kills):
        fleet.runs.clear()
        deaths += not fleet.live(killed_after_s=chance.uniform(0.02, 1.5 if is_long else 0.4))
    fleet.runs.clear()
    assert fleet.live(), fleet.errors
    check(fleet, deaths)


def check(fleet, deaths):
    by_key = {run["key"]: run for run in fleet.runs}
    assert len(by_key) == len(fleet.runs) == fleet.count
    for number, ids in fleet.acknowledged.items():
        assert ids == {by_key[f"key:{number}"]["id"]}
    for run in fleet.runs:
        assert run["status"] == "completed", run
        assert run["items"] == ["completed"] * ITEMS, run
        assert run["nodes"] == {node: ["completed", 1, 1] for node in ("begin", "first", "each", "nap", "last")}, run
    effects = {path.name: path.stat().st_size for path in (fleet.folder / "effects").iterdir()}
    expected = {
        f"{run['id']}_{instance}_0"
        for run in fleet.runs
        for instance in ("first", "last", *(f"each[{index}].step" for index in range(ITEMS)))
    }
    assert effects.keys() == expected
    assert max(effects.values()) <= 1 + deaths
