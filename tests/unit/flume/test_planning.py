"""Every problem that resolving a definition can find, with its place; and the plan of a definition without one."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from flume.nodes import Node, NodeInput
from flume.nodes.describe import describe
from flume.nodes.registry import Registry, installed_node_types
from flume.pipeline import Lane
from flume.planning import Circumstances, downstream_of, up_to
from flume.validation import validate

REGISTRY = Registry(installed_node_types)
LOG = {"type": "log", "inputs": {"message": "x"}}


def log(node, message="x", **more):
    return {"id": node, "type": "log", "inputs": {"message": message}, **more}


def http(node, **config):
    return {"id": node, "type": "http-request", "config": {"url": "http://example.test/", **config}}


def loop(node, body, edges=(), **config):
    inner = {"nodes": body, "edges": [edge(each) for each in edges]}
    return {"id": node, "type": "loop", "config": {"body": inner, "times": 1, **config}}


def edge(text):
    ends, _, port = text.partition(":")
    source, target = ends.split(">")
    return {"from": source, "to": target, **({"port": port} if port else {})}


def checked(*nodes, edges=(), circumstances=None, **top):
    document = {
        "apiVersion": "flume/v1",
        "kind": "Pipeline",
        "metadata": {"name": "sample"},
        "nodes": list(nodes),
        "edges": [edge(each) for each in edges],
        **top,
    }
    return validate(json.dumps(document), REGISTRY, circumstances=circumstances)


def problems(*nodes, **more):
    return [(problem.code, problem.pointer) for problem in checked(*nodes, **more).problems]


def only_problem(*nodes, **more):
    found = checked(*nodes, **more)
    assert len(found.problems) == 1, found.problems
    assert found.plan is None
    return found.problems[0]


def plan_of(*nodes, **more):
    return checked(*nodes, **more).require_plan()


@pytest.mark.parametrize(
    ("nodes", "edges", "code", "pointer"),
    [
        ([{"id": "a", "type": "lgo"}], [], "unknown-node-type", "/nodes/0/type"),
        ([{**log("a"), "runOn": "gpu", "type": "loop"}], [], "lane-not-allowed", "/nodes/0/runOn"),
        ([{**http("a"), "runOn": "cpu", "timeout": "11m"}], [], "timeout-too-long", "/nodes/0/timeout"),
        ([log("a"), log("b")], ["a>b:outt"], "unknown-port", "/edges/0/port"),
        (
            [{"id": "a", "type": "condition", "config": {"expression": "true"}}, log("b")],
            ["a>b"],
            "missing-port",
            "/edges/0",
        ),
        (
            [{"id": "a", "type": "condition", "config": {"expression": "true"}, "onError": "continue"}],
            [],
            "continue-with-ports",
            "/nodes/0/onError",
        ),
        ([log("a", when=False)], [], "never-runs", "/nodes/0/when"),
        ([loop("a", [{"id": "r", "type": "http-response"}])], [], "response-in-loop", "/nodes/0/config/body/nodes/0"),
        ([{**loop("a", [log("b")]), "retry": {"attempts": 2}}], [], "retry-on-loop", "/nodes/0/retry"),
        ([{"id": "a", "type": "log"}], [], "missing-value", "/nodes/0/inputs"),
        ([http("a", urll="x")], [], "unknown-key", "/nodes/0/config/urll"),
        ([http("a", method=3)], [], "bad-value", "/nodes/0/config/method"),
        ([log("a", "{{ b.output }}"), log("b")], [], "unreachable-reference", "/nodes/0/inputs/message"),
        ([log("a", "{{ a.output }}")], [], "self-reference", "/nodes/0/inputs/message"),
        ([log("a", "{{ nobody.output }}")], [], "unknown-reference", "/nodes/0/inputs/message"),
        ([log("a"), log("b", "{{ a.outptu }}")], ["a>b"], "unknown-field", "/nodes/1/inputs/message"),
        ([log("a", "{{ run.name }}")], [], "unknown-field", "/nodes/0/inputs/message"),
        ([log("a", "{{ inputs.topic }}")], [], "unknown-input", "/nodes/0/inputs/message"),
        ([log("a", "{{ variables.model }}")], [], "unknown-variable", "/nodes/0/inputs/message"),
        ([log("a", "{{ item }}")], [], "outside-loop", "/nodes/0/inputs/message"),
        (
            [loop("a", [log("b", "{{ outer.item }}")])],
            [],
            "outside-loop",
            "/nodes/0/config/body/nodes/0/inputs/message",
        ),
        ([log("a", "{{ secrets.KEY }}")], [], "secret-not-allowed", "/nodes/0/inputs/message"),
        ([http("a", headers={"x": "{{ secrets }}"})], [], "forbidden", "/nodes/0/config/headers/x"),
    ],
    ids=lambda value: value if isinstance(value, str) and "/" not in value else "",
)
def test_each_problem_is_found_at_its_place(nodes, edges, code, pointer):
    assert (code, pointer) in problems(*nodes, edges=edges)


def test_a_template_that_can_not_be_parsed_is_a_problem():
    problem = only_problem(log("a", "{{ 1 + }}"))
    assert (problem.code, problem.pointer) == ("template-syntax", "/nodes/0/inputs/message")


def test_all_problems_are_found_in_one_pass():
    found = problems(
        {"id": "a", "type": "nothing"},
        log("b", "{{ nobody.output }}"),
        log("c", when=False),
        http("d", urll="x"),
        edges=["b>c:side"],
    )
    assert {code for code, _ in found} == {
        "unknown-node-type",
        "unknown-reference",
        "never-runs",
        "unknown-key",
        "unknown-port",
    }


def test_a_node_with_a_bad_id_has_its_other_problems_told_and_is_no_gap_in_the_graph():
    found = problems(
        log("a"),
        log("Bad_Id", "{{ nobody.output }}", when=False),
        log("b", "{{ a.output }}"),
        edges=["a>Bad_Id", "Bad_Id>b"],
    )
    assert found == [
        ("bad-name", "/nodes/1/id"),
        ("unknown-reference", "/nodes/1/inputs/message"),
        ("never-runs", "/nodes/1/when"),
    ]


def test_a_node_whose_id_is_a_reserved_word_does_not_take_the_word_from_the_others():
    found = problems(log("inputs"), log("b", "{{ inputs.topic }}"), edges=["inputs>b"], inputs={"topic": {}})
    assert found == [("reserved-id", "/nodes/0/id")]


def test_a_node_without_an_id_has_its_other_problems_told_but_no_missing_edge():
    nameless = {"type": "log", "inputs": {"message": "{{ a.output }}", "level": "{{ nobody }}"}}
    assert problems(log("a"), nameless) == [
        ("missing-key", "/nodes/1"),
        ("unknown-key", "/nodes/1/inputs/level"),
        ("unknown-reference", "/nodes/1/inputs/level"),
    ]


def test_a_node_without_a_type_is_no_gap_in_the_graph():
    assert problems(log("a"), {"id": "b"}, log("c", "{{ a.output }}"), edges=["a>b", "b>c"]) == [
        ("missing-key", "/nodes/1")
    ]


def test_two_nodes_with_one_id_have_the_problems_of_both_told():
    assert problems(log("a", "{{ nobody }}"), http("a", urll="x"), log("b"), edges=["a>b"]) == [
        ("unknown-reference", "/nodes/0/inputs/message"),
        ("duplicate-id", "/nodes/1/id"),
        ("unknown-key", "/nodes/1/config/urll"),
    ]


def test_positions_are_those_of_the_text():
    text = (
        "apiVersion: flume/v1\nkind: Pipeline\nmetadata: {name: sample}\nnodes:\n"
        "  - id: a\n    type: log\n    inputs: {message: '{{ b.output }}'}\n  - {id: b, type: log, inputs: {message: x}}\n"
    )
    (problem,) = validate(text, REGISTRY).problems
    assert (problem.line, problem.code) == (7, "unreachable-reference")


def test_the_hint_of_an_unreachable_node_is_the_edge_to_add():
    problem = only_problem(log("a", "{{ b.output }}"), log("b"))
    assert problem.hint == "add the edge {from: b, to: a}"


def test_the_hint_of_a_misspelled_name_is_the_nearest_one():
    assert only_problem({"id": "a", "type": "templat"}).hint.startswith("did you mean 'template'")
    assert (
        "did you mean 'topic'?"
        in only_problem(log("a", "{{ inputs.topik }}"), inputs={"topic": {"type": "string"}}).hint
    )
    assert "did you mean 'fetch'?" in only_problem(log("fetch"), log("b", "{{ fecth.output }}"), edges=["fetch>b"]).hint


def test_an_edge_takes_what_comes_before_it_and_the_nodes_before_that():
    plan = plan_of(log("a"), log("b"), log("c", "{{ a.output }}{{ b.output }}"), edges=["a>b", "b>c"])
    assert plan.root.order == ("a", "b", "c")
    assert (plan.root.roots, plan.root.ends) == (("a",), ("c",))


def test_a_body_sees_the_nodes_before_its_loop_and_not_those_beside_it():
    assert problems(log("a"), loop("b", [log("c", "{{ a.output }}{{ item }}{{ index }}")]), edges=["a>b"]) == []
    assert problems(log("a"), loop("b", [log("c", "{{ a.output }}")])) == [
        ("unreachable-reference", "/nodes/1/config/body/nodes/0/inputs/message")
    ]


def test_what_runs_within_a_loop_can_not_be_seen_from_outside():
    problem = only_problem(loop("a", [log("b")]), log("c", "{{ b.output }}"), edges=["a>c"])
    assert problem.code == "unreachable-reference"
    assert "inside a loop" in problem.message


def test_a_loop_within_a_loop_sees_outer_and_the_body_around_it():
    inner = loop("inner", [log("x", "{{ outer.item }}{{ before.output }}{{ item }}")])
    assert problems(loop("a", [log("before"), inner], ["before>inner"])) == []


def test_a_while_condition_sees_the_item_and_what_lies_before():
    body = {"nodes": [log("x")], "edges": []}
    node = {"id": "a", "type": "loop", "config": {"body": body, "while": "item.n < start.output", "max": 3}}
    assert problems(log("start"), node, edges=["start>a"]) == []
    assert problems(log("start"), node) == [("unreachable-reference", "/nodes/1/config/while")]


def repeated(inputs=None, **config):
    return {"id": "a", "type": "loop", "config": {"body": {"nodes": [log("x")]}, **config}, "inputs": inputs or {}}


@pytest.mark.parametrize(
    ("config", "inputs", "code", "pointer"),
    [
        ({}, {}, "loop-source", "/nodes/0"),
        ({"times": None}, {}, "loop-source", "/nodes/0"),
        ({"times": 1}, {"items": [1]}, "loop-source", "/nodes/0"),
        ({"times": "{{ 1 }}"}, {"items": "{{ [1] }}"}, "loop-source", "/nodes/0"),
        ({"times": 1, "while": "true", "max": 3}, {}, "loop-source", "/nodes/0"),
        ({"times": 1, "max": 3}, {}, "loop-source", "/nodes/0/config/max"),
        ({"while": "true"}, {}, "missing-value", "/nodes/0/config"),
        ({"while": "true", "max": None}, {}, "missing-value", "/nodes/0/config"),
        ({}, {"items": None}, "bad-value", "/nodes/0/inputs/items"),
        ({"while": "true", "max": "{{ 5 }}"}, {}, "template-not-allowed", "/nodes/0/config/max"),
        ({"times": 1, "concurrency": "{{ 5 }}"}, {}, "template-not-allowed", "/nodes/0/config/concurrency"),
        ({"times": 1, "onItemError": "{{ 'fail' }}"}, {}, "template-not-allowed", "/nodes/0/config/onItemError"),
        ({"while": "true", "max": True}, {}, "bad-value", "/nodes/0/config/max"),
        ({"while": "true", "max": 0}, {}, "bad-value", "/nodes/0/config/max"),
    ],
)
def test_a_loop_says_in_the_document_how_often_it_may_run(config, inputs, code, pointer):
    assert problems(repeated(inputs, **config)) == [(code, pointer)]


def test_a_loops_bound_and_width_reach_the_plan_however_the_number_is_written():
    loop_plan = plan_of(repeated(concurrency=2.0, **{"while": "true", "max": 5.0})).nodes["a"].loop
    assert (loop_plan.limit, loop_plan.concurrency) == (5, 2)
    assert (type(loop_plan.limit), type(loop_plan.concurrency)) == (int, int)


def test_a_loop_whose_condition_is_null_has_none():
    assert plan_of(repeated(times=3, **{"while": None})).nodes["a"].loop.condition is None


def test_variables_are_those_of_the_pipeline_and_those_set_before():
    setter = {"id": "set", "type": "variable-set", "inputs": {"y": 1}}
    reads = log("a", "{{ variables.x }}{{ variables.y }}")
    assert problems(setter, reads, edges=["set>a"], variables={"x": 1}) == []
    assert problems(setter, reads, variables={"x": 1}) == [("unknown-variable", "/nodes/1/inputs/message")]


def test_setters_apply_in_the_plans_order():
    nodes = [{"id": node, "type": "variable-set", "inputs": {"x": node}} for node in ("two", "one")]
    plan = plan_of(*nodes, log("a", "{{ variables.x }}"), edges=["one>two", "two>a"])
    assert plan.nodes["a"].setters == ("one", "two")


@pytest.mark.parametrize("expression", ["{{ inputs.topic | default('x') }}", "{{ variables.x | default(1) }}"])
def test_a_name_with_a_default_may_be_missing(expression):
    assert problems(log("a", expression)) == []


def test_secrets_may_stand_only_where_a_node_acts_outside():
    header = {"x": "{{ secrets.KEY }}"}
    assert problems(http("a", headers=header)) == []
    assert problems({**http("a"), "when": "secrets.KEY"}) == [("secret-not-allowed", "/nodes/0/when")]
    body = {"nodes": [log("x")], "edges": []}
    loops = {"id": "a", "type": "loop", "config": {"body": body, "while": "secrets.KEY", "max": 3}}
    assert problems(loops) == [("secret-not-allowed", "/nodes/0/config/while")]


def test_a_secret_that_is_not_set_is_missing_where_the_names_are_known():
    node = http("a", headers={"x": "{{ secrets.KEZ }}"})
    problem = only_problem(node, circumstances=Circumstances(secrets={"KEY"}))
    assert (problem.code, problem.hint) == ("missing-secret", "did you mean 'KEY'?")
    assert problems(node) == []


class Sends(Node):
    name = "sends"
    secrets = ("MAIL_KEY",)

    class Input(NodeInput):
        text: str

    def execute(self, input: Input) -> None: ...


def sends(text="x", **more):
    return {"id": "a", "type": "sends", "inputs": {"text": text}, **more}


def problems_of_sending(node, *secrets, registry=None):
    registry = registry or registry_with(describe(Sends))
    document = {"apiVersion": "flume/v1", "kind": "Pipeline", "metadata": {"name": "sample"}, "nodes": [node]}
    return validate(json.dumps(document), registry, circumstances=Circumstances(secrets=secrets)).problems


def registry_with(node_type):
    registry = Registry()
    registry.add(node_type, source="here")
    return registry


def test_a_function_gets_only_the_secrets_that_its_node_type_names():
    known = ("MAIL_KEY", "OTHER")
    assert problems_of_sending(sends("{{ secrets.MAIL_KEY }}", runOn="cpu"), *known) == ()
    (problem,) = problems_of_sending(sends("{{ secrets.OTHER }}", runOn="cpu"), *known)
    assert (problem.code, problem.pointer) == ("secret-not-given", "/nodes/0/inputs/text")
    assert problem.message == "the function that runs 'a' does not get the secret 'OTHER'"
    assert 'secrets = ("OTHER",)' in problem.hint
    # What is meant is likelier a secret that the type has than one that is set somewhere.
    (problem,) = problems_of_sending(sends("{{ secrets.MAIL_KEI }}", runOn="cpu"), *known)
    assert problem.hint == "did you mean 'MAIL_KEY'?"


def test_a_node_of_the_engine_and_one_whose_type_names_all_may_use_any_secret():
    text = "{{ secrets.OTHER }}"
    assert problems_of_sending(sends(text), "MAIL_KEY", "OTHER") == ()
    everything = registry_with(replace(describe(Sends), secrets=("*",)))
    assert problems_of_sending(sends(text, runOn="cpu"), "OTHER", registry=everything) == ()


def test_a_secret_that_a_type_names_has_to_be_there_where_the_names_are_known():
    (problem,) = problems_of_sending(sends(), "OTHER")
    assert (problem.code, problem.pointer) == ("missing-secret", "/nodes/0/type")
    assert problem.message == "node type 'sends' needs the secret 'MAIL_KEY', and there is none"
    assert problem.hint == "set FLUME_SECRET_MAIL_KEY"


def test_a_type_without_a_class_is_checked_by_its_schemas():
    elsewhere = registry_with(replace(describe(Sends), implementation=None))
    found = problems_of_sending({"id": "a", "type": "sends", "inputs": {"txt": 1}}, "MAIL_KEY", registry=elsewhere)
    assert [(each.code, each.pointer) for each in found] == [
        ("missing-value", "/nodes/0/inputs"),
        ("unknown-key", "/nodes/0/inputs/txt"),
    ]


def test_a_nodes_own_inputs_are_names_in_its_scoped_fields_alone():
    node = {"id": "a", "type": "template", "config": {"template": "{{ word }}"}, "inputs": {"word": "x"}}
    assert problems(node) == []
    assert problems({**node, "inputs": {"word": "{{ word }}"}}) == [("unknown-reference", "/nodes/0/inputs/word")]


def test_a_value_is_checked_where_it_holds_no_template():
    assert problems(http("a", timeout="{{ inputs.t }}"), inputs={"t": {"type": "string"}}) == []
    assert problems(http("a", method="{{ inputs.t }}", headers=3), inputs={"t": {"type": "string"}}) == [
        ("bad-value", "/nodes/0/config/headers")
    ]


def test_the_operator_decides_how_long_a_function_may_take():
    node = {**http("a"), "runOn": "cpu", "timeout": "11m"}
    assert problems(node, circumstances=Circumstances(function_timeout_max=timedelta(minutes=20))) == []
    assert problems({**node, "runOn": "job"}) == []


def test_time_outs_come_from_the_node_the_type_or_the_lane():
    plan = plan_of(
        http("a"), {**http("b"), "timeout": "5s"}, {**http("c"), "runOn": "cpu"}, {**http("d"), "runOn": "job"}
    )
    seconds = {node: plan.nodes[node].timeout.total_seconds() for node in "abcd"}
    assert seconds["b"] == 5
    assert (plan.nodes["c"].lane, plan.nodes["d"].lane) == (Lane.CPU, Lane.JOB)
    assert plan.nodes["c"].start_timeout == timedelta(minutes=5)
    assert plan.nodes["d"].start_timeout == timedelta(hours=1)


@pytest.mark.parametrize(("more", "is_pure"), [({}, True), ({"durable": True}, False), ({"runOn": "cpu"}, False)])
def test_what_may_be_fused_is_pure_inline_and_not_durable(more, is_pure):
    node = {"id": "a", "type": "template", "config": {"template": "x"}, **more}
    assert plan_of(node).nodes["a"].is_pure is is_pure


def test_an_edge_from_error_takes_errors():
    plan = plan_of(log("a"), log("b"), edges=["a>b:error"])
    assert plan.nodes["a"].takes_errors
    assert not plan.nodes["b"].takes_errors


def test_up_to_keeps_what_leads_to_a_node_and_nothing_else():
    plan = plan_of(log("a"), log("b"), log("c"), log("d"), edges=["a>b", "b>c", "a>d", "b>d:error"])
    part = up_to(plan, "b")
    assert part.root.order == ("a", "b")
    assert part.root.ends == ("b",)
    assert not part.root.nodes["b"].takes_errors


def test_downstream_is_all_that_can_be_reached():
    plan = plan_of(log("a"), log("b"), log("c"), log("d"), edges=["a>b", "b>c"])
    assert downstream_of(plan.root, "a") == {"b", "c"}
    assert downstream_of(plan.root, "d") == frozenset()


def test_a_plan_finds_the_level_of_any_scope():
    plan = plan_of(loop("a", [loop("b", [log("c")])]))
    assert plan.scope("").order == ("a",)
    assert plan.scope("a[3]").order == ("b",)
    assert plan.scope("a[3].b[0]").order == ("c",)
    with pytest.raises(KeyError):
        plan.scope("a[0].b[0].c[0]")


def test_a_resolution_never_has_both_plan_and_problems():
    good, bad = checked(log("a")), checked({"id": "a", "type": "nothing"})
    assert good.plan is not None
    assert good.problems == ()
    assert bad.plan is None
    assert replace(bad, problems=()).plan is None


def wide_and_deep(count):
    """Templates, references to nodes far before, conditions and joins."""
    nodes, edges = [log("n0")], []
    for number in range(1, count):
        before = max(0, number - 20)
        nodes.append(
            log(f"n{number}", f"{{{{ n{before}.output ~ variables.x ~ run.id }}}} and text", when="true == true")
        )
        edges.append(f"n{number - 1}>n{number}")
        if number % 5 == 0:
            edges.append(f"n{before}>n{number}")
    return nodes, edges


@pytest.mark.slow
def test_2000_nodes_have_a_plan():
    nodes, edges = wide_and_deep(2000)
    plan = plan_of(*nodes, edges=edges, variables={"x": 1})
    assert len(plan.root.order) == 2000
