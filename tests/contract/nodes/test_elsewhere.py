"""Node files whose types run elsewhere are described by real processes, whatever the files do."""

import os
import sys
import time
from pathlib import Path

import pytest

from flume.nodes import Registry
from flume.nodes.discovery import Loaded, load_path
from flume.nodes.elsewhere import Describer

pytestmark = pytest.mark.slow

NODE = """
from flume.nodes import Node, NodeConfig, NodeInput, registry

@registry.register
class Made(Node):
    name = "{name}"
    run_on = "cpu"
    {more}

    class Config(NodeConfig):
        size: int

    def execute(self, input: NodeInput) -> str:
        return "done"
"""


def describer(limit_s: float = 30.0, **environment: str) -> Describer:
    return Describer({"PATH": os.environ["PATH"], **environment}, limit_s)


def write(path: Path, name: str, more: str = "", before: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(before + NODE.format(name=name, more=more))
    return path


def load(registry: Registry, path: Path, limit_s: float = 30.0, **environment: str) -> Loaded:
    return load_path(registry, path, describe=describer(limit_s, **environment).describe)


def reasons(loaded: Loaded) -> dict[str, str]:
    return {Path(failure.source).name: failure.reason for failure in loaded.failures}


def test_a_node_that_needs_a_library_is_known_without_importing_it(tmp_path: Path) -> None:
    library = tmp_path / "library"
    library.mkdir()
    (library / "heavy_library.py").write_text("WEIGHT = 7\n")
    file = write(
        tmp_path / "nodes" / "heavy.py",
        "heavy",
        'secrets = ("KEY",); concurrency = heavy_library.WEIGHT',
        before="import heavy_library\n",
    )
    registry = Registry()

    # The library is to be had by the describing process alone: importing the file here would fail.
    loaded = load(registry, tmp_path / "nodes", PYTHONPATH=str(library))

    assert (loaded.names, loaded.failures) == (("heavy",), ())
    heavy = registry.get("heavy")
    assert (heavy.implementation, heavy.run_on, heavy.secrets, heavy.concurrency) == (None, "cpu", ("KEY",), 7)
    assert heavy.config_schema is not None
    assert heavy.config_schema["required"] == ["size"]
    assert registry.source_of("heavy") == str(file)
    assert "heavy_library" not in sys.modules
    assert not [each for each in sys.modules.values() if getattr(each, "__file__", None) == str(file)]


def test_a_described_type_has_every_lane_of_its_class_but_the_engine(tmp_path: Path) -> None:
    write(tmp_path / "a.py", "a")
    write(tmp_path / "b.py", "b", 'lanes = ("cpu", "job")')
    registry = Registry()
    load(registry, tmp_path)
    assert {each.name: each.lanes for each in registry.types()} == {"a": ("cpu", "gpu", "job"), "b": ("cpu", "job")}


def test_a_file_that_fails_in_any_way_leaves_the_others(tmp_path: Path) -> None:
    failing = {
        "crash": "1 / 0\n",
        "dies": "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n",
        "exits": "import sys\nsys.exit(3)\n",
        "leaves": "import os\nos._exit(4)\n",
        "misses": "import no_such_library\n",
    }
    for name, text in failing.items():
        write(tmp_path / f"{name}.py", name, before=text)
    for name in ("a", "e", "z"):
        write(tmp_path / f"{name}.py", name)
    write(tmp_path / "rules.py", "rules", "version = 0")
    registry = Registry()

    loaded = load(registry, tmp_path)

    assert sorted(loaded.names) == ["a", "e", "z"]
    told = reasons(loaded)
    assert told.pop("dies.py").startswith("the process that imported it died: Killed")
    assert told.pop("leaves.py").startswith("the process that imported it ended with exit code 4")
    assert "version must be a whole number" in told.pop("rules.py")
    assert told == {
        "crash.py": "line 1: ZeroDivisionError: division by zero",
        "exits.py": "line 2: SystemExit: 3",
        "misses.py": "line 1: ModuleNotFoundError: No module named 'no_such_library'",
    }
    assert registry.failures == loaded.failures


def test_an_endless_import_is_cut_and_the_files_after_it_are_described(tmp_path: Path) -> None:
    write(tmp_path / "a.py", "a", before="import time\nwhile True: time.sleep(1)\n")
    write(tmp_path / "b.py", "b")
    registry = Registry()

    loaded = load(registry, tmp_path, limit_s=3.0)

    assert loaded.names == ("b",)
    assert reasons(loaded)["a.py"].startswith("importing it took longer than 3 s; import what is slow in setup")


def test_what_a_file_starts_holds_nobody_up_and_is_ended(tmp_path: Path) -> None:
    write(
        tmp_path / "a.py",
        "a",
        before=(
            "import subprocess, threading, time\n"
            f"child = subprocess.Popen(['sleep', '600'])\nopen({str(tmp_path / 'pid')!r}, 'w').write(str(child.pid))\n"
            "threading.Thread(target=time.sleep, args=[600]).start()\n"
        ),
    )
    began = time.monotonic()

    assert load(Registry(), tmp_path).names == ("a",)

    assert time.monotonic() - began < 25
    pid = int((tmp_path / "pid").read_text())
    while is_running(pid):
        # It was killed; that it is dead takes the system a moment.
        assert time.monotonic() - began < 25
        time.sleep(0.01)


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_what_a_file_prints_spoils_nothing_and_is_not_lost(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "a.py", "a", before="import os\nprint('{}')\nos.system('echo shouted')\ninput and print('end')\n")

    assert load(Registry(), tmp_path).names == ("a",)

    printed = capfd.readouterr()
    assert (printed.out, set(printed.err.split())) == ("", {"{}", "shouted", "end"})


WRONG_LINES = [
    "{",
    "[]",
    "7",
    "{}",
    '{"types": {}, "failures": []}',
    '{"types": [], "failures": [1]}',
    '{"types": [], "failures": [{"source": [], "reason": ""}]}',
    '{"types": [{"source": "a.py"}], "failures": []}',
    '{"types": [{"source": "a.py", "description": []}], "failures": []}',
    '{"types": [{"source": null, "description": {}}], "failures": []}',
]


def test_a_file_that_writes_where_the_answers_go_harms_itself_alone(tmp_path: Path) -> None:
    for number, line in enumerate(WRONG_LINES):
        written = f"{line}\n".encode()
        spoils = (
            f"import os\nfor each in range(3, 20):\n    try: os.write(each, {written!r})\n    except OSError: pass\n"
        )
        write(tmp_path / f"bad{number}.py", f"bad{number}", before=spoils)
        write(tmp_path / f"fine{number}.py", f"fine{number}")
    loaded = load(Registry(), tmp_path)
    count = range(len(WRONG_LINES))
    assert (sorted(loaded.names), sorted(reasons(loaded))) == (
        [f"fine{number}" for number in count],
        [f"bad{number}.py" for number in count],
    )


def test_files_import_each_other_and_share_a_base_class(tmp_path: Path) -> None:
    write(tmp_path / "b.py", "b")
    (tmp_path / "_base.py").write_text("from flume.nodes import Node\nclass Gpu(Node):\n    run_on = 'gpu'\n")
    (tmp_path / "a.py").write_text(
        "from flume.nodes import registry\nfrom ._base import Gpu\nfrom .b import Made\n"
        "@registry.register\nclass A(Gpu):\n    name = 'a'\n    def execute(self, input): ...\n"
    )
    registry = Registry()

    loaded = load(registry, tmp_path)

    assert loaded.failures == ()
    sources = {each.name: (each.run_on, registry.source_of(each.name)) for each in registry.types()}
    assert sources == {"a": ("gpu", str(tmp_path / "a.py")), "b": ("cpu", str(tmp_path / "b.py"))}


def test_a_type_that_two_processes_tell_of_is_one(tmp_path: Path) -> None:
    write(tmp_path / "a.py", "a", before="from .z import Made as Other\n")
    write(tmp_path / "b.py", "b", before="import os\nos._exit(1)\n")
    write(tmp_path / "z.py", "z")

    loaded = load(Registry(), tmp_path)

    assert sorted(loaded.names) == ["a", "z"]
    assert list(reasons(loaded)) == ["b.py"]


def test_a_type_of_the_engine_is_loaded_here_and_may_be_imported_there(tmp_path: Path) -> None:
    write(tmp_path / "a.py", "a", before="from .small import Made as Small\n")
    small = write(tmp_path / "small.py", "small")
    small.write_text(small.read_text().replace('run_on = "cpu"', ""))
    registry = Registry()

    loaded = load(registry, tmp_path)

    assert loaded.failures == ()
    assert {each.name: each.implementation is None for each in registry.types()} == {"a": True, "small": False}


def test_types_of_both_kinds_in_one_file_are_refused_with_what_to_do(tmp_path: Path) -> None:
    file = write(tmp_path / "a.py", "a")
    file.write_text(
        file.read_text() + NODE.format(name="small", more="").replace('run_on = "cpu"', "").replace("Made", "Small")
    )
    registry = Registry()

    (failure,) = load(registry, tmp_path).failures

    assert registry.names() == ()
    assert failure.reason == (
        f"node type 'small' runs in the engine, but not all of its file does ({file}, line 7: run_on = 'cpu'); "
        "give it run_on too, or move it to a file that imports none of the others"
    )


def test_ports_that_only_the_class_could_tell_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "a.py", "a", 'ports = classmethod(lambda cls, config: ["x"])')
    (failure,) = load(Registry(), tmp_path).failures
    assert "the ports of node type 'a' are made by a function" in failure.reason
    assert 'ports = ("yes", "no")' in failure.reason


def test_what_a_class_says_has_to_be_json(tmp_path: Path) -> None:
    write(tmp_path / "a.py", "a", 'resources = {"gpu": object()}')
    write(tmp_path / "b.py", "b")
    registry = Registry()
    loaded = load(registry, tmp_path)
    assert loaded.names == ("b",)
    assert "Made: says something that is not JSON" in reasons(loaded)["a.py"]


def test_loading_anew_replaces_what_was_described_and_keeps_it_while_the_file_is_broken(tmp_path: Path) -> None:
    file = write(tmp_path / "a.py", "a")
    registry = Registry()
    load(registry, tmp_path)

    write(file, "a", "version = 2", before="1 / 0\n")
    assert load(registry, tmp_path).names == ()
    assert registry.get("a").version == 1

    write(file, "a", "version = 2")
    assert load(registry, tmp_path).failures == ()
    assert (registry.get("a").version, registry.failures) == (2, ())

    write(file, "b")
    assert load(registry, tmp_path).gone == ("a",)
    file.unlink()
    assert load(registry, tmp_path).gone == ("b",)


def test_what_a_file_registers_no_longer_is_gone_even_if_another_file_is_broken(tmp_path: Path) -> None:
    file = write(tmp_path / "a.py", "a")
    write(tmp_path / "b.py", "b")
    registry = Registry()
    load(registry, tmp_path)

    file.write_text(file.read_text().replace("@registry.register", ""))
    write(tmp_path / "b.py", "b", before="1 / 0\n")

    assert load(registry, tmp_path).gone == ("a",)
    assert registry.names() == ("b",)


def test_a_type_may_move_from_the_engine_to_elsewhere_and_back(tmp_path: Path) -> None:
    file = write(tmp_path / "a.py", "a")
    there = file.read_text()
    here = there.replace('run_on = "cpu"', "")
    registry = Registry()
    for text in (here, there, here):
        file.write_text(text)
        assert load(registry, tmp_path).failures == ()
        assert (registry.get("a").implementation is None) == (text is there)


def test_two_files_with_one_name_are_told_with_both(tmp_path: Path) -> None:
    write(tmp_path / "a.py", "same")
    write(tmp_path / "b.py", "same")
    (failure,) = load(Registry(), tmp_path).failures
    assert str(tmp_path / "a.py") in failure.reason
    assert failure.source == str(tmp_path / "b.py")


def test_without_such_files_no_process_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    file = write(tmp_path / "a.py", "a")
    (failure,) = load(Registry(), tmp_path).failures
    assert failure.reason.startswith("the process that describes it can't be started: ")
    file.write_text(file.read_text().replace('run_on = "cpu"', ""))
    assert load(Registry(), tmp_path).names == ("a",)
