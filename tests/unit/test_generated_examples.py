"""Examples that Hypothesis makes up are the same in every process, whichever tests it has been given."""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st


def examples() -> list[int]:
    seen: list[int] = []

    @given(st.integers())
    def see(number: int) -> None:
        seen.append(number)

    see()
    return seen


def test_a_module_that_happens_to_be_loaded_changes_no_example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = examples()
    file = tmp_path / "constants.py"
    file.write_text(f"NUMBERS = {[2**40 + 7 * number for number in range(1_000)]}\n")
    spec = spec_from_file_location("loaded_meanwhile", file)
    assert spec is not None
    monkeypatch.setitem(sys.modules, spec.name, module_from_spec(spec))

    assert examples() == before
