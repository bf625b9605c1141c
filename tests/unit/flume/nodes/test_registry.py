import time
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import EntryPoint
from typing import Any

import pytest

from flume.errors import ConflictError, NotFoundError
from flume.nodes import Node, NodeInput, Registry
from flume.nodes.describe import describe
from flume.nodes.registry import GROUP


def node_class(name: str) -> type[Node]:
    def execute(self: Node, input: NodeInput) -> None: ...

    return type("Made", (Node,), {"name": name, "execute": execute, "__qualname__": f"Made_{name}"})


def entry_point(name: str, value: str) -> EntryPoint:
    return EntryPoint(name, value, GROUP)


def registry_of(*points: EntryPoint) -> Registry:
    return Registry(lambda: points)


def test_types_are_listed_by_name() -> None:
    registry = Registry()
    for name in ("b", "c", "a"):
        registry.register(node_class(name))

    assert [node_type.name for node_type in registry.types()] == ["a", "b", "c"]
    assert "b" in registry
    assert "d" not in registry


def test_a_class_that_is_in_several_registries_has_one_schema() -> None:
    made = node_class("a")
    one, other = Registry(), Registry()
    one.register(made)
    other.register(made)

    assert one.get("a").input_schema is other.get("a").input_schema


def test_threads_that_ask_at_once_for_what_is_not_imported_yet_import_it_once() -> None:
    loads: list[str] = []

    class SlowEntryPoint(EntryPoint):
        def load(self) -> Any:
            loads.append(self.name)
            time.sleep(0.02)
            return super().load()

    registry = registry_of(SlowEntryPoint("template", "functions.nodes.transform:Template", GROUP))
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(registry.get, ["template"] * 4))

    assert (len({id(each) for each in found}), loads, registry.failures) == (1, ["template"], ())


def test_an_unknown_name_is_answered_with_those_near_it() -> None:
    registry = registry_of(entry_point("http-request", "functions.nodes.http:HttpRequest"))

    with pytest.raises(NotFoundError, match="no node type 'htp-request'; did you mean 'http-request'"):
        registry.get("htp-request")
    with pytest.raises(NotFoundError, match="known types: http-request"):
        registry.get("zzz")


def test_a_name_is_taken_once_and_the_error_names_both_places() -> None:
    registry = Registry()
    registry.add_class(node_class("twice"), source="first.py")

    with pytest.raises(ConflictError, match=r"'twice' of second\.py is already provided by first\.py"):
        registry.add_class(node_class("twice"), source="second.py")


def test_an_installed_type_can_not_be_replaced() -> None:
    registry = registry_of(entry_point("delay", "functions.nodes.utility:Delay"))

    with pytest.raises(ConflictError, match=r"functions\.nodes\.utility:Delay"):
        registry.register(node_class("delay"))


def test_an_installed_type_is_loaded_when_it_is_asked_for() -> None:
    registry = registry_of(
        entry_point("delay", "functions.nodes.utility:Delay"), entry_point("broken", "no.such:Thing")
    )

    assert registry.names() == ("broken", "delay")
    assert registry.source_of("delay") == ""
    assert registry.get("delay").category == "Utility"
    assert registry.source_of("delay") == "functions.nodes.utility:Delay"
    assert registry.failures == ()


def test_a_plugin_that_fails_is_reported_once_and_skipped() -> None:
    registry = registry_of(
        entry_point("broken", "no.such.module:Thing"), entry_point("delay", "functions.nodes.utility:Delay")
    )

    assert [node_type.name for node_type in registry.types()] == ["delay"]
    assert [node_type.name for node_type in registry.types()] == ["delay"]
    (failed,) = registry.failures
    assert (failed.name, failed.source) == ("broken", "no.such.module:Thing")
    assert "ModuleNotFoundError" in failed.reason
    with pytest.raises(NotFoundError, match="could not be loaded: ModuleNotFoundError"):
        registry.get("broken")


def test_an_entry_point_of_another_name_than_its_class_is_a_failure() -> None:
    registry = registry_of(entry_point("wait", "functions.nodes.utility:Delay"))

    assert registry.types() == ()
    assert "'delay'" in registry.failures[0].reason
    assert "'wait'" in registry.failures[0].reason


def test_an_entry_point_that_is_no_node_class_is_a_failure() -> None:
    registry = registry_of(entry_point("odd", "json:dumps"))

    assert registry.types() == ()
    assert "not a subclass" in registry.failures[0].reason


def test_of_two_plugins_with_one_name_the_first_wins_and_the_second_is_reported() -> None:
    registry = registry_of(entry_point("delay", "functions.nodes.utility:Delay"), entry_point("delay", "other:Delay"))

    assert registry.get("delay").category == "Utility"
    assert registry.failures[0].source == "other:Delay"
    assert "already provided by functions.nodes.utility:Delay" in registry.failures[0].reason


def test_removing_a_source_forgets_its_types_alone() -> None:
    registry = Registry()
    registry.add_class(node_class("a"), source="one.py")
    registry.add_class(node_class("b"), source="two.py")

    assert registry.remove("one.py") == ("a",)
    assert registry.names() == ("b",)
    registry.add_class(node_class("a"), source="three.py")


def test_a_described_type_can_be_added_without_a_class() -> None:
    registry = Registry()
    described: Any = describe(node_class("remote"))

    registry.add(described, source="registry.example.com/remote:1")

    assert registry.get("remote") is described
    assert registry.source_of("remote") == "registry.example.com/remote:1"


def test_while_collecting_nothing_is_added() -> None:
    registry = Registry()
    made = node_class("later")

    with registry.collecting() as collected:
        registry.register(made)

    assert collected == [made]
    assert registry.names() == ()
