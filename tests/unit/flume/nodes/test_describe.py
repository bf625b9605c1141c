from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from flume.nodes import Node, NodeConfig, NodeInput, NodeOutput, Rendering, Role
from flume.nodes.describe import NodeClassError, describe
from flume.nodes.fields import Duration


class Whole(Node):
    """Says everything.

    In two paragraphs.
    """

    name = "whole"
    category = "Test"
    run_on = "gpu"
    lanes = ("gpu", "cpu")
    version = 3
    icon = "star"
    role = Role.RESPONSE
    renderings: Mapping[str, Rendering] = {"code": Rendering.VERBATIM}  # type: ignore[misc]
    ports = ("yes", "no", "yes")
    pure = True
    retryable = False
    timeout = "1m30s"
    concurrency = 4
    resources: Mapping[str, Any] = {"gpu": 1}  # type: ignore[misc]
    image = "registry.example.com/whole:1"
    scale: Mapping[str, Any] = {"max": 3}  # type: ignore[misc]

    class Config(NodeConfig):
        max_tokens: int = 5
        wait: Duration = timedelta(seconds=1)

    class Input(NodeInput):
        first_name: str

    class Output(NodeOutput):
        full_name: str

    def execute(self, input: Input) -> Output:
        return self.Output(full_name=input.first_name)


def make(**attributes: Any) -> type[Node]:
    def execute(self: Node, input: NodeInput) -> None:
        return None

    return type("Made", (Node,), {"name": "made", "execute": execute, **attributes})


def test_every_attribute_reaches_the_description() -> None:
    node_type = describe(Whole)

    assert node_type.description == "Says everything.\n\nIn two paragraphs."
    assert (node_type.name, node_type.category, node_type.version, node_type.icon) == ("whole", "Test", 3, "star")
    assert (node_type.run_on, node_type.lanes, node_type.role) == ("gpu", ("gpu", "cpu"), Role.RESPONSE)
    assert (node_type.ports, node_type.pure, node_type.retryable) == (("yes", "no"), True, False)
    assert (node_type.timeout, node_type.concurrency) == (timedelta(seconds=90), 4)
    assert (node_type.resources, node_type.image, node_type.scale) == (
        {"gpu": 1},
        "registry.example.com/whole:1",
        {"max": 3},
    )
    assert node_type.rendering_of("code") is Rendering.VERBATIM
    assert node_type.implementation is Whole


def test_schemas_speak_camel_case_and_refuse_unknown_keys() -> None:
    node_type = describe(Whole)

    assert node_type.config_schema is not None
    assert set(node_type.config_schema["properties"]) == {"maxTokens", "wait"}
    assert node_type.config_schema["additionalProperties"] is False
    assert node_type.input_schema["required"] == ["firstName"]
    assert set(node_type.output_schema["properties"]) == {"fullName"}


def test_defaults_are_those_of_a_plain_engine_node() -> None:
    node_type = describe(make())

    assert (node_type.run_on, node_type.lanes) == ("engine", ("engine", "cpu", "gpu", "job"))
    assert (node_type.ports, node_type.role, node_type.version) == (("out",), Role.PLAIN, 1)
    assert (node_type.pure, node_type.retryable, node_type.timeout) == (False, True, None)
    assert node_type.input_schema["additionalProperties"] is False
    assert node_type.output_schema == {}
    assert node_type.description == ""


def test_a_plain_type_can_be_the_output() -> None:
    assert describe(make(Output=str)).output_schema == {"type": "string"}


@pytest.mark.parametrize("wrap", [staticmethod, lambda function: classmethod(lambda cls, config: function(config))])
def test_ports_may_follow_from_the_config_and_never_fail(wrap: Any) -> None:
    node_type = describe(make(ports=wrap(lambda config: [*config["names"], "error", 3])))

    assert node_type.ports is None
    assert node_type.ports_for({"names": ["a", "b", "a"]}) == ("a", "b")
    assert node_type.ports_for({}) == ("out",)
    assert node_type.ports_for({"names": []}) == ("out",)


class PlainConfig:
    pass


def no_input(self: Node) -> None: ...
def two_inputs(self: Node, input: Any, more: Any) -> None: ...
def generator(self: Node, input: Any) -> Any:
    yield 1


async def not_a_classmethod(self: Node, settings: Any) -> None: ...


@pytest.mark.parametrize(
    ("attributes", "complaint"),
    [
        ({"name": ""}, "no name"),
        ({"name": "My_Node"}, "DNS label"),
        ({"name": "a" * 64}, "DNS label"),
        ({"name": "-a"}, "DNS label"),
        ({"name": 3}, "DNS label"),
        ({"execute": Node.execute}, "no execute"),
        ({"execute": no_input}, r"execute\(self\) must be execute\(self, input\)"),
        ({"execute": two_inputs}, r"execute\(self, input, more\) must be"),
        ({"execute": generator}, "yields"),
        ({"run_on": "moon"}, "unknown lane 'moon'; run_on and lanes are among: engine, cpu, gpu, job"),
        ({"lanes": ("cpu",)}, "run_on is 'engine', which its lanes leave out: cpu"),
        ({"ports": ("out", "error")}, "port 'error'"),
        ({"ports": "out"}, "ports must be names"),
        ({"ports": ()}, "ports must be names"),
        ({"Input": PlainConfig}, r"Input must be a class Input\(NodeInput\)"),
        ({"Config": NodeInput}, r"Config must be a class Config\(NodeConfig\)"),
        ({"secrets": "KEY"}, r"secrets must be names, such as secrets = \(\"API_KEY\",\)"),
        ({"secrets": ("MY-KEY",)}, "'MY-KEY' can't be a secret's name"),
        ({"secrets": (3,)}, "3 can't be a secret's name"),
        ({"version": 0}, "version must be a whole number from 1"),
        ({"version": True}, "version must be a whole number from 1"),
        ({"timeout": "soon"}, "timeout 'soon'"),
        ({"timeout": 0}, "longer than nothing"),
        ({"role": "king"}, "unknown role 'king'"),
        ({"renderings": {"a": "raw"}}, "unknown rendering 'raw' of 'a'"),
        ({"resources": []}, "resources must be a dict"),
        ({"icon": 1}, "icon must be text"),
        ({"__init__": lambda self: None}, "has an __init__"),
        ({"setup": not_a_classmethod}, "setup must be a `@classmethod`"),
    ],
)
def test_a_class_that_breaks_a_rule_is_told_which_and_where(attributes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(NodeClassError, match=complaint) as refused:
        describe(make(**attributes))

    assert "Made: " in str(refused.value)


def test_what_is_no_node_class_is_refused() -> None:
    with pytest.raises(NodeClassError, match="not a subclass"):
        describe(PlainConfig)  # type: ignore[arg-type]


def test_a_field_without_a_json_schema_is_refused() -> None:
    class Odd(Node):
        name = "odd"

        class Input(NodeInput):
            model_config = {"arbitrary_types_allowed": True}  # noqa: RUF012
            thing: PlainConfig

        def execute(self, input: Input) -> None: ...

    with pytest.raises(NodeClassError, match="Input has no JSON Schema"):
        describe(Odd)
