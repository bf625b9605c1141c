from pathlib import Path

import pytest

from flume.nodes.file_lanes import lane_elsewhere

HEAVY = 'import torch\nclass Heavy(Node):\n    run_on = "gpu"\n'


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("statement", "shown"),
    [
        ("run_on = 'cpu'", "'cpu'"),
        ("run_on: ClassVar[str] = Lane.GPU", "Lane.GPU"),
        ("run_on = CHOSEN", "CHOSEN"),
    ],
)
def test_a_class_that_chooses_a_lane_outside_the_engine_is_found_with_its_line(
    tmp_path: Path, statement: str, shown: str
) -> None:
    file = write(tmp_path / "a.py", f'class A(Node):\n    name = "a"\n    {statement}\n')
    assert lane_elsewhere(file) == f"{file}, line 3: run_on = {shown}"


@pytest.mark.parametrize(
    "text",
    [
        'class A(Node):\n    """Says run_on = "gpu" in words alone."""\n    name = "a"\n',
        "class A(Node):\n    run_on = 'engine'\n",
        "class A(Node):\n    run_on: str = Lane.ENGINE\n",
        "class A(Node):\n    run_on: str\n",
        "run_on = 'gpu'\nclass A(Node):\n    def execute(self, input):\n        run_on = 'gpu'\n",
        "import torch\nfrom . import missing\nfrom .far.away import more\n",
    ],
)
def test_other_files_are_of_the_engine(tmp_path: Path, text: str) -> None:
    assert lane_elsewhere(write(tmp_path / "a.py", text)) == ""


@pytest.mark.parametrize(
    "content", [b"def broken(:\n" + HEAVY.encode(), b"\x00" + HEAVY.encode(), b"# coding: none\n" + HEAVY.encode()]
)
def test_a_file_that_can_not_be_read_is_left_to_whoever_runs_it(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.py").write_bytes(content)
    assert lane_elsewhere(tmp_path / "a.py") == ""
    assert lane_elsewhere(tmp_path / "missing.py") == ""


@pytest.mark.parametrize(
    ("file", "text", "base"),
    [
        ("a.py", "from ._base import Heavy", "_base.py"),
        ("a.py", "from . import _base", "_base.py"),
        ("a.py", "def later():\n    from .parts.base import Heavy", "parts/base.py"),
        ("a.py", "from .parts import base", "parts/base.py"),
        ("a.py", "from .middle import x", "_base.py"),
        ("pack/__init__.py", "from . import inner", "pack/inner.py"),
        ("pack/nodes.py", "from .._base import Heavy", "_base.py"),
    ],
)
def test_what_a_file_imports_relatively_counts(tmp_path: Path, file: str, text: str, base: str) -> None:
    write(tmp_path / "middle.py", "from . import middle, _base\n")
    write(tmp_path / file, text)
    assert lane_elsewhere(tmp_path / file) == ""
    write(tmp_path / base, HEAVY)
    assert lane_elsewhere(tmp_path / file) == f"{tmp_path / base}, line 3: run_on = 'gpu'"
