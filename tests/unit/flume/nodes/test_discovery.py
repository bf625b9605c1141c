import os
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from flume.nodes import Registry
from flume.nodes.discovery import load_path
from flume.nodes.node_files import OUR_NAMES

NODE = """
from flume.nodes import Node, NodeInput, registry

class Made(Node):
    name = "{name}"
    version = {version}

    async def execute(self, input: NodeInput) -> str:
        return "done"

registry.register(Made)
"""


def write(path: Path, name: str, version: int = 1) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(NODE.format(name=name, version=version))
    return path


def test_a_file_is_loaded_into_the_given_registry_and_no_other(tmp_path: Path) -> None:
    file = write(tmp_path / "custom.py", "custom")
    one, other = Registry(), Registry()

    assert load_path(one, file).names == ("custom",)
    assert load_path(other, file).names == ("custom",)
    assert one.names() == other.names() == ("custom",)
    assert one.source_of("custom") == str(file)


def test_a_folder_is_loaded_file_by_file_and_package_by_package(tmp_path: Path) -> None:
    write(tmp_path / "b.py", "b")
    write(tmp_path / "a.py", "a")
    write(tmp_path / "pack" / "__init__.py", "packed")
    write(tmp_path / "_private.py", "private")
    write(tmp_path / "test_a.py", "tested")
    write(tmp_path / "plain" / "deep.py", "deep")
    registry = Registry()

    loaded = load_path(registry, tmp_path)

    assert sorted(loaded.names) == ["a", "b", "packed"]
    assert loaded.failures == ()


def test_a_package_given_itself_is_loaded_whole(tmp_path: Path) -> None:
    write(tmp_path / "pack" / "nodes.py", "inner")
    (tmp_path / "pack" / "__init__.py").write_text("from . import nodes\n")
    registry = Registry()

    assert load_path(registry, tmp_path / "pack").names == ("inner",)
    assert registry.source_of("inner") == str(tmp_path / "pack" / "nodes.py")


def test_files_of_a_folder_import_each_other_and_run_once(tmp_path: Path) -> None:
    write(tmp_path / "b.py", "b")
    inheriting = (
        NODE.format(name="a", version=1).replace("class Made(Node)", "class A(Made)").replace("r(Made)", "r(A)")
    )
    (tmp_path / "a.py").write_text(f"from .b import Made\n{inheriting}")
    registry = Registry()

    loaded = load_path(registry, tmp_path)

    assert loaded.failures == ()
    assert sorted(loaded.names) == ["a", "b"]
    assert registry.source_of("b") == str(tmp_path / "b.py")


def test_nothing_reaches_the_import_path(tmp_path: Path) -> None:
    write(tmp_path / "json.py", "custom-json")
    before = list(sys.path)

    load_path(Registry(), tmp_path)

    import json

    assert sys.path == before
    assert json.loads("1") == 1


def test_a_file_with_an_error_breaks_only_itself(tmp_path: Path) -> None:
    write(tmp_path / "good.py", "good")
    (tmp_path / "crash.py").write_text(NODE.format(name="half", version=1) + "\n1 / 0\n")
    (tmp_path / "syntax.py").write_text("x = 1\ndef broken(:\n")
    (tmp_path / "exits.py").write_text("import sys\nsys.exit(3)\n")
    (tmp_path / "rules.py").write_text(NODE.format(name="Bad Name", version=1))
    registry = Registry()

    loaded = load_path(registry, tmp_path)

    assert loaded.names == ("good",)
    assert registry.names() == ("good",)
    reasons = {Path(failure.source).name: failure.reason for failure in loaded.failures}
    assert reasons["crash.py"] == "line 13: ZeroDivisionError: division by zero"
    assert reasons["syntax.py"].startswith("line 2: SyntaxError: ")
    assert reasons["exits.py"] == "line 2: SystemExit: 3"
    assert "DNS label" in reasons["rules.py"]
    assert registry.failures == loaded.failures


def test_an_error_in_a_helper_names_the_helper(tmp_path: Path) -> None:
    (tmp_path / "_helper.py").write_text("\n\nraise RuntimeError('no key')\n")
    (tmp_path / "a.py").write_text("from . import _helper\n")

    (failure,) = load_path(Registry(), tmp_path).failures

    assert failure.reason == f"{tmp_path / '_helper.py'}, line 3: RuntimeError: no key"


@pytest.mark.parametrize("name", sorted(OUR_NAMES))
def test_a_file_under_one_of_our_names_is_refused(tmp_path: Path, name: str) -> None:
    write(tmp_path / f"{name}.py", "custom")
    registry = Registry()

    (failure,) = load_path(registry, tmp_path).failures

    assert f"'{name}' is the name of a part of Flume" in failure.reason
    assert registry.names() == ()


def test_a_path_that_does_not_exist_is_reported(tmp_path: Path) -> None:
    loaded = load_path(Registry(), tmp_path / "missing")

    assert loaded.failures[0].reason == "no such file or folder"


def test_a_name_that_is_taken_is_reported_with_both_files(tmp_path: Path) -> None:
    write(tmp_path / "a.py", "same")
    write(tmp_path / "b.py", "same")
    registry = Registry()

    loaded = load_path(registry, tmp_path)

    assert loaded.names == ("same",)
    assert str(tmp_path / "a.py") in loaded.failures[0].reason
    assert loaded.failures[0].source == str(tmp_path / "b.py")


def test_reloading_replaces_what_the_files_provided(tmp_path: Path) -> None:
    changed = write(tmp_path / "changed.py", "changed", version=1)
    renamed = write(tmp_path / "renamed.py", "old-name")
    registry = Registry()
    load_path(registry, tmp_path)

    write(changed, "changed", version=2)
    write(renamed, "new-name")
    loaded = load_path(registry, tmp_path)

    assert loaded.failures == ()
    assert registry.names() == ("changed", "new-name")
    assert registry.get("changed").version == 2


def test_an_edit_that_changes_neither_size_nor_second_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    file = write(tmp_path / "a.py", "a", version=1)
    os.utime(file, (1_700_000_000, 1_700_000_000))
    registry = Registry()
    load_path(registry, file)

    write(file, "a", version=2)
    os.utime(file, (1_700_000_000, 1_700_000_000))
    load_path(registry, file)

    assert registry.get("a").version == 2
    assert not (tmp_path / "__pycache__").exists()


@pytest.mark.parametrize("helper", ["_helper.py", "_helper/__init__.py", "_helper/deep.py"])
def test_such_an_edit_of_a_file_that_a_node_file_imports_is_seen_too(
    helper: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    module = ".".join(Path(helper).with_suffix("").parts).removesuffix(".__init__")
    (tmp_path / "a.py").write_text(f"from .{module} import VERSION\n" + NODE.format(name="a", version="VERSION"))
    file = tmp_path / helper
    file.parent.mkdir(exist_ok=True)
    registry, versions = Registry(), []
    for version in (1, 2):
        file.write_text(f"VERSION = {version}\n")
        os.utime(file, (1_700_000_000, 1_700_000_000))
        assert load_path(registry, tmp_path).failures == ()
        versions.append(registry.get("a").version)

    assert versions == [1, 2]
    assert not list(tmp_path.rglob("__pycache__"))


def test_a_helper_that_appears_between_two_loads_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("from .helper import VERSION\n" + NODE.format(name="a", version="VERSION"))
    folder_times = (1_700_000_000, 1_700_000_000)
    os.utime(tmp_path, folder_times)
    registry = Registry()
    assert "helper" in load_path(registry, tmp_path / "a.py").failures[0].reason

    (tmp_path / "helper.py").write_text("VERSION = 3\n")
    os.utime(tmp_path, folder_times)

    assert load_path(registry, tmp_path / "a.py").names == ("a",)


def test_reloading_one_file_of_a_folder_leaves_the_others(tmp_path: Path) -> None:
    write(tmp_path / "a.py", "a")
    b = write(tmp_path / "b.py", "b")
    registry = Registry()
    load_path(registry, tmp_path)
    kept = registry.get("a")

    write(b, "b", version=2)
    load_path(registry, b)

    assert registry.get("a") is kept
    assert registry.get("b").version == 2


def test_a_mended_file_loses_its_failure(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_text("1 / 0")
    registry = Registry()
    load_path(registry, file)
    assert len(registry.failures) == 1

    write(file, "a")
    load_path(registry, file)

    assert registry.failures == ()
    assert registry.names() == ("a",)


def test_a_file_that_breaks_keeps_what_it_provided_until_it_is_mended(tmp_path: Path) -> None:
    file = write(tmp_path / "a.py", "a")
    registry = Registry()
    load_path(registry, file)
    kept = registry.get("a")

    file.write_text(NODE.format(name="a", version=2) + "\nbroken(\n")
    loaded = load_path(registry, file)

    assert (loaded.names, loaded.gone) == ((), ())
    assert registry.get("a") is kept
    assert [failure.source for failure in registry.failures] == [str(file)]

    write(file, "a", version=3)
    load_path(registry, file)

    assert registry.get("a").version == 3
    assert registry.failures == ()


def test_a_file_with_a_class_that_is_refused_keeps_all_that_it_provided(tmp_path: Path) -> None:
    file = write(tmp_path / "a.py", "a")
    write(tmp_path / "b.py", "b")
    registry = Registry()
    load_path(registry, tmp_path)

    file.write_text(NODE.format(name="a", version=2) + NODE.format(name="b", version=1))
    loaded = load_path(registry, file)

    assert registry.get("a").version == 1
    assert registry.source_of("b") == str(tmp_path / "b.py")
    assert "already provided by" in loaded.failures[0].reason


def test_a_file_that_is_reached_through_one_that_breaks_keeps_what_it_provided(tmp_path: Path) -> None:
    write(tmp_path / "pack" / "inner.py", "inner")
    package = tmp_path / "pack" / "__init__.py"
    package.write_text("from . import inner\n")
    registry = Registry()
    load_path(registry, tmp_path)

    package.write_text("broken(\nfrom . import inner\n")
    load_path(registry, tmp_path)

    assert registry.names() == ("inner",)


def test_types_of_a_deleted_file_and_those_no_longer_registered_are_gone(tmp_path: Path) -> None:
    deleted = write(tmp_path / "a.py", "a")
    renamed = write(tmp_path / "b.py", "b")
    registry = Registry()
    load_path(registry, tmp_path)

    deleted.unlink()
    write(renamed, "c")
    loaded = load_path(registry, tmp_path)

    assert (loaded.names, loaded.gone) == (("c",), ("a", "b"))
    assert registry.names() == ("c",)


def test_a_type_may_move_from_one_file_to_another(tmp_path: Path) -> None:
    write(tmp_path / "b.py", "a")
    registry = Registry()
    load_path(registry, tmp_path)

    write(tmp_path / "a.py", "a", version=2)
    write(tmp_path / "b.py", "b")
    loaded = load_path(registry, tmp_path)

    assert loaded.failures == ()
    assert registry.get("a").version == 2


def test_the_example_file_of_the_documentation_loads(tmp_path: Path) -> None:
    (tmp_path / "example.py").write_text(
        dedent(
            '''
            from flume.nodes import Node, NodeInput, NodeOutput, registry

            class MyCustomNode(Node):
                """A custom node."""
                name = "my-custom-node"
                category = "custom"
                run_on = "engine"            # engine | cpu | gpu | job

                class Input(NodeInput):
                    data: str
                    count: int = 1

                class Output(NodeOutput):
                    result: list[str]

                async def execute(self, input: Input) -> Output:
                    return self.Output(result=[input.data] * input.count)

            registry.register(MyCustomNode)
            '''
        )
    )
    registry = Registry()

    assert load_path(registry, tmp_path).names == ("my-custom-node",)
    assert registry.get("my-custom-node").run_on == "engine"
