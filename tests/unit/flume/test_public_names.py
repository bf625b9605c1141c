import subprocess
import sys

import pytest

import flume


def test_all_names_are_sorted_and_there():
    assert flume.__all__ == sorted(flume.__all__)
    for name in flume.__all__:
        assert getattr(flume, name) is not None


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'pipelines'"):
        _ = flume.pipelines


@pytest.mark.slow
def test_importing_flume_imports_nothing_else():
    code = "import sys, flume; sys.exit(any(name in sys.modules for name in ('pydantic', 'jinja2', 'flume.nodes')))"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=30).returncode == 0
