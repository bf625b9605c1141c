"""`make faults` itself: it tells each seed before it tries it, and what was found decides the exit code."""

import re

import pytest

from tests.faults import soak


def test_a_time_that_is_none_is_told(monkeypatch, capsys):
    monkeypatch.setenv("FAULTS_MINUTES", "soon")
    assert soak.main() == 2
    assert "FAULTS_MINUTES: expected a number of minutes such as 15, not 'soon'" in capsys.readouterr().out


def test_nothing_is_begun_when_the_time_is_up(capsys):
    assert soak.soak(["tests/faults/test_history.py::test_none"], minutes=-1) == 0
    assert capsys.readouterr().out == "\n0 seeds, 0 runs, 0 faults; 0 found something\n"


@pytest.mark.slow
def test_each_seed_is_told_with_how_to_try_it_again_and_what_fails_is_counted(capsys):
    assert soak.soak(["tests/faults/test_history.py::test_none"], minutes=0.001) == 1
    told = capsys.readouterr().out
    assert re.match(
        r"\nseed (\d+): \S+ -m pytest 'tests/faults/test_history.py::test_none' --run-faults --fault-seed \1\n", told
    )
    assert "found something" in told
    assert "not found: " in told


@pytest.mark.slow
def test_all_that_takes_a_seed_is_tried():
    files = {name.partition("::")[0].rpartition("/")[2] for name in soak.tests()}
    assert files == {"test_clocks.py", "test_fleet.py", "test_functions.py", "test_killed_processes.py"}
