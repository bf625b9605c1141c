from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flume import document_nodes
from flume.document import ParsedPipeline, parse_pipeline, parse_text, to_document, to_resource
from flume.errors import DefinitionError
from flume.ids import NodeId
from flume.pipeline import (
    Backoff,
    EdgeDefinition,
    Lane,
    OnError,
    PipelineStatus,
    RetryPolicy,
    WebhookTrigger,
    all_nodes,
)
from flume.source import Source, read_source

ARTICLE = """\
apiVersion: flume/v1            # comments stay
kind: Pipeline
metadata:
  name: article-generator
  namespace: default
  description: 기사 생성 파이프라인
  labels: {team: news}
trigger: {type: webhook}
inputs:
  topic: {type: string, default: 바다, description: 기사 주제}
variables: {model: llama3.1-70b}
timeout: 1h
nodes:
  - id: fetch-topic
    type: http-request
    config: {method: GET, url: "https://api.example.com/topics"}
  - id: generate-article
    type: llm-generate
    runOn: gpu
    config: {model: "{{variables.model}}", maxTokens: 4096}
    inputs:
      prompt: |
        주제: {{fetch-topic.output.topic}}
        위 주제로 뉴스 기사를 작성하세요.
    retry: {attempts: 3, delay: 1s, backoff: exponential, maxDelay: 1m}
    timeout: 10m
  - id: save-article
    type: mongodb-insert
    config: {database: flume, collection: articles}
    inputs:
      document:
        title: "{{fetch-topic.output.topic}}"
        content: "{{generate-article.output}}"
        createdAt: "{{$now}}"
edges:
  - {from: fetch-topic, to: generate-article}
  - {from: generate-article, to: save-article}
"""

SEED = """\
apiVersion: flume/v1
kind: Pipeline
metadata:
  name: article-generator
  description: 기사 생성 파이프라인
trigger:
  type: webhook
  # type: cron
  # schedule: "0 9 * * *"
variables:
  model: llama3.1-70b
nodes:
  - id: fetch-topic
    type: http-request
    config:
      method: GET
      url: "https://api.example.com/topics"
  - id: generate-article
    type: llm-generate
    runOn: gpu # GPU Pod에서 실행
    config:
      model: "{{variables.model}}"
      maxTokens: 4096
    inputs:
      prompt: |
        주제: {{fetch-topic.output.topic}}
        위 주제로 뉴스 기사를 작성하세요.
  - id: save-article
    type: mongodb-insert
    config:
      database: flume
      collection: articles
    inputs:
      document:
        title: "{{fetch-topic.output.topic}}"
        content: "{{generate-article.output}}"
        createdAt: "{{$now}}"
edges:
  - from: fetch-topic
    to: generate-article
  - from: generate-article
    to: save-article
"""

HEAD = "apiVersion: flume/v1\nkind: Pipeline\nmetadata: {name: p}\n"
NODES = "nodes: [{id: a, type: x}, {id: b, type: x}, {id: c, type: x}]\n"


def with_nodes(*nodes: str, rest: str = "") -> str:
    return HEAD + "nodes:\n" + "".join(f"  - {node}\n" for node in nodes) + rest


def found(text: str) -> list[tuple[str, str, int | None, int | None]]:
    problems = parse_text(text).problems
    assert all(problem.message and problem.hint for problem in problems)
    return [(problem.code, problem.pointer, problem.line, problem.column) for problem in problems]


def only(text: str) -> tuple[str, str, int | None, int | None]:
    (problem,) = found(text)
    return problem


def message_and_hint(text: str) -> tuple[str, str]:
    (problem,) = parse_text(text).problems
    return problem.message, problem.hint


def test_the_article_generator_is_read_as_it_stands() -> None:
    parsed = parse_pipeline(read_source(ARTICLE))
    assert parsed.problems == ()
    pipeline = parsed.pipeline
    assert pipeline is not None
    assert (pipeline.name, pipeline.namespace, pipeline.description) == (
        "article-generator",
        "default",
        "기사 생성 파이프라인",
    )
    assert pipeline.labels == {"team": "news"}
    assert pipeline.timeout == timedelta(hours=1)
    assert pipeline.status is None
    assert pipeline.triggers == (WebhookTrigger("webhook", "article-generator"),)
    (topic,) = pipeline.inputs
    assert (topic.name, topic.required, topic.default) == ("topic", False, "바다")
    article = pipeline.nodes[1]
    assert (article.id, article.run_on, article.pointer) == ("generate-article", Lane.GPU, "/nodes/1")
    assert article.retry == RetryPolicy(3, timedelta(seconds=1), Backoff.EXPONENTIAL, timedelta(minutes=1))
    assert article.timeout == timedelta(minutes=10)
    assert article.config == {"model": "{{variables.model}}", "maxTokens": 4096}
    assert pipeline.edges[1] == EdgeDefinition(NodeId("generate-article"), NodeId("save-article"))
    assert parsed.definition["variables"] == {"model": "llama3.1-70b"}


def test_the_first_draft_of_the_format_is_still_a_pipeline() -> None:
    parsed = parse_text(SEED)
    assert parsed.problems == ()
    assert parsed.pipeline is not None
    assert [node.id for node in parsed.pipeline.nodes] == ["fetch-topic", "generate-article", "save-article"]


def test_both_forms_are_one_pipeline_and_convert_into_each_other() -> None:
    flat = parse_text(ARTICLE)
    resource = to_resource(flat.definition)
    assert resource["apiVersion"] == "flume.dev/v1"
    assert resource["metadata"] == {"name": "article-generator", "namespace": "default", "labels": {"team": "news"}}
    assert resource["spec"]["description"] == "기사 생성 파이프라인"
    parsed = parse_pipeline(Source.from_value(resource))
    assert parsed.problems == ()
    assert parsed.pipeline == flat.pipeline
    assert parsed.definition == flat.definition == to_document(resource) == to_document(flat.definition)
    assert to_resource(resource) == resource


def test_a_pipeline_without_description_becomes_a_resource_without_one() -> None:
    flat = parse_text(HEAD + NODES)
    resource = to_resource(flat.definition)
    assert (resource["metadata"], list(resource["spec"])) == ({"name": "p"}, ["nodes"])
    assert to_document(resource) == flat.definition


def test_the_description_of_a_resource_is_text() -> None:
    head = "apiVersion: flume.dev/v1\nkind: Pipeline\nmetadata: {name: p}\n"
    text = head + "spec:\n  description: [x]\n  nodes: [{id: a, type: x}]\n"
    assert only(text) == ("wrong-type", "/spec/description", 5, 16)


@pytest.mark.parametrize(
    ("labels", "problem"),
    [
        ("{a b: x}", ("bad-label", "/metadata/labels/a b", 3, 30)),
        ("{a: x y}", ("bad-label", "/metadata/labels/a", 3, 33)),
        ("{a: 1}", ("wrong-type", "/metadata/labels/a", 3, 33)),
        ("[a]", ("wrong-type", "/metadata/labels", 3, 29)),
    ],
)
def test_labels_are_those_of_a_cluster(labels: str, problem: tuple[str, str, int, int]) -> None:
    head = "apiVersion: flume/v1\nkind: Pipeline\nmetadata: {name: p, labels: "
    assert found(head + "{team/x: a.b_C, empty: ''}}\n" + NODES) == []
    assert only(head + labels + "}\n" + NODES) == problem


def test_what_a_cluster_adds_to_a_resource_is_ignored() -> None:
    text = """\
apiVersion: flume.dev/v1
kind: Pipeline
metadata: {name: p, uid: x, annotations: {a: b}, generation: 3, managedFields: []}
spec:
  description: says what
  state: paused
  nodes: [{id: a, type: x}]
status: {anything: 1}
"""
    parsed = parse_text(text)
    assert parsed.problems == ()
    assert parsed.pipeline is not None
    assert (parsed.pipeline.description, parsed.pipeline.status) == ("says what", PipelineStatus.PAUSED)
    assert parsed.pipeline.nodes[0].pointer == "/spec/nodes/0"
    assert parsed.definition == {
        "apiVersion": "flume/v1",
        "kind": "Pipeline",
        "metadata": {"name": "p", "description": "says what"},
        "state": "paused",
        "nodes": [{"id": "a", "type": "x"}],
    }


def test_the_state_of_a_resource_is_pointed_at_under_its_spec() -> None:
    head = "apiVersion: flume.dev/v1\nkind: Pipeline\nmetadata: {name: p}\n"
    text = head + "spec:\n  state: on\n  nodes: [{id: a, type: x}]\n"
    assert only(text) == ("bad-value", "/spec/state", 5, 10)


def test_problems_of_a_resource_point_into_it() -> None:
    head = "apiVersion: flume.dev/v1\nkind: Pipeline\nmetadata: {name: p, colour: x}\n"
    text = head + "spec:\n  nods: []\n  nodes:\n    - {id: a, type: 1}\nedges: []\n"
    assert found(text) == [
        ("unknown-key", "/metadata/colour", 3, 21),
        ("unknown-key", "/spec/nods", 5, 3),
        ("wrong-type", "/spec/nodes/0/type", 7, 21),
        ("unknown-key", "/edges", 8, 1),
    ]


HEADS = [
    ("[]", ("wrong-type", "", 1, 1)),
    ("just text", ("wrong-type", "", 1, 1)),
    ("{}", ("wrong-type", "", 1, 1)),
    ("kind: Pipeline\nmetadata: {name: p}\n" + NODES, ("missing-key", "", 1, 1)),
    ("apiVersion: flume/v1\nmetadata: {name: p}\n" + NODES, ("missing-key", "", 1, 1)),
    ("apiVersion: flume/v1\nkind: Pipeline\n" + NODES, ("missing-key", "", 1, 1)),
    ("apiVersion: v1\nkind: Pipeline\nmetadata: {name: p}\n" + NODES, ("bad-value", "/apiVersion", 1, 13)),
    ("apiVersion: flume/v1\nkind: Pod\nmetadata: {name: p}\n" + NODES, ("bad-value", "/kind", 2, 7)),
    ("apiVersion: flume/v1\nkind: Pipeline\nmetadata: p\n" + NODES, ("wrong-type", "/metadata", 3, 11)),
    ("apiVersion: flume/v1\nkind: Pipeline\nmetadata: {}\n" + NODES, ("missing-key", "/metadata", 3, 11)),
    ("apiVersion: flume/v1\nkind: Pipeline\nmetadata: {name: P_1}\n" + NODES, ("bad-name", "/metadata/name", 3, 18)),
    ("apiVersion: flume/v1\nkind: Pipeline\nmetadata: {name: 12}\n" + NODES, ("wrong-type", "/metadata/name", 3, 18)),
    ("apiVersion: flume.dev/v1\nkind: Pipeline\nmetadata: {name: p}\n", ("missing-key", "", 1, 1)),
]


@pytest.mark.parametrize(("text", "problem"), HEADS)
def test_the_head_of_a_document_is_checked(text: str, problem: tuple[str, str, int, int]) -> None:
    assert found(text)[0] == problem


BODIES = [
    (NODES + "stat: active\n", ("unknown-key", "/stat", 5, 1)),
    (NODES + "description: x\n", ("unknown-key", "/description", 5, 1)),
    (NODES + "spec: {}\n", ("unknown-key", "/spec", 5, 1)),
    (NODES + "state: on\n", ("bad-value", "/state", 5, 8)),
    (NODES + "variables: [a]\n", ("wrong-type", "/variables", 5, 12)),
    (NODES + "timeout: soon\n", ("bad-duration", "/timeout", 5, 10)),
    (NODES + "timeout: 0\n", ("bad-duration", "/timeout", 5, 10)),
    (NODES + "layout: {a: {x: 1}}\n", ("missing-key", "/layout/a", 5, 13)),
    (NODES + "layout: {a: {x: 1, y: z}}\n", ("wrong-type", "/layout/a/y", 5, 23)),
    (NODES + "inputs: {x: {type: strin}}\n", ("bad-value", "/inputs/x/type", 5, 20)),
    (NODES + "edges: {}\n", ("wrong-type", "/edges", 5, 8)),
    (NODES + "edges: [a]\n", ("wrong-type", "/edges/0", 5, 9)),
    (NODES + "edges: [{from: a, too: b}]\n", ("missing-key", "/edges/0", 5, 9)),
    (NODES + "edges: [{from: a, to: zz}]\n", ("dangling-edge", "/edges/0/to", 5, 23)),
    (NODES + "edges: [{from: zz, to: a}]\n", ("dangling-edge", "/edges/0/from", 5, 16)),
    (NODES + "edges: [{from: a, to: a}]\n", ("self-edge", "/edges/0", 5, 9)),
    (NODES + "edges: [{from: a, to: b}, {from: a, to: b, port: out}]\n", ("duplicate-edge", "/edges/1", 5, 27)),
    (NODES + "edges: [{from: a, to: b, port: 1}]\n", ("wrong-type", "/edges/0/port", 5, 32)),
    (NODES + "edges: [{from: a, to: b}, {from: b, to: c}, {from: c, to: a}]\n", ("cycle", "/edges/2", 5, 45)),
    ("variables: {}\n", ("missing-key", "", 1, 1)),
    ("nodes: []\n", ("empty-pipeline", "/nodes", 4, 1)),
    ("nodes:\n", ("empty-pipeline", "/nodes", 4, 1)),
    ("nodes: {a: 1}\n", ("wrong-type", "/nodes", 4, 8)),
    ("nodes: [a]\n", ("wrong-type", "/nodes/0", 4, 9)),
    ("nodes: [{id: a}]\n", ("missing-key", "/nodes/0", 4, 9)),
    ("nodes: [{type: x}]\n", ("missing-key", "/nodes/0", 4, 9)),
]


@pytest.mark.parametrize(("body", "problem"), BODIES)
def test_the_parts_of_a_document_are_checked(body: str, problem: tuple[str, str, int, int]) -> None:
    assert found(HEAD + body)[0] == problem


NODE_PROBLEMS = [
    ("id: 1a, type: x", "bad-name", "id"),
    ("id: A, type: x", "bad-name", "id"),
    ("id: a_b, type: x", "bad-name", "id"),
    ("id: a-, type: x", "bad-name", "id"),
    (f"id: a{'b' * 63}, type: x", "bad-name", "id"),
    ("id: 7, type: x", "wrong-type", "id"),
    ("id: inputs, type: x", "reserved-id", "id"),
    ('id: "true", type: x', "reserved-id", "id"),
    ('id: a, type: ""', "bad-value", "type"),
    ("id: a, type: x, name: 5", "wrong-type", "name"),
    ("id: a, type: x, runOn: tpu", "bad-value", "runOn"),
    ("id: a, type: x, run_on: gpu", "unknown-key", "run_on"),
    ("id: a, type: x, dependsOn: b", "unknown-key", "dependsOn"),
    ("id: a, type: x, config: text", "wrong-type", "config"),
    ("id: a, type: x, inputs: [1]", "wrong-type", "inputs"),
    ("id: a, type: x, when: 5", "wrong-type", "when"),
    ("id: a, type: x, retry: 3", "wrong-type", "retry"),
    ("id: a, type: x, retry: {attempts: 0}", "bad-value", "retry/attempts"),
    ("id: a, type: x, retry: {attempts: 101}", "bad-value", "retry/attempts"),
    ("id: a, type: x, retry: {attempts: two}", "wrong-type", "retry/attempts"),
    ("id: a, type: x, retry: {attempt: 2}", "unknown-key", "retry/attempt"),
    ("id: a, type: x, retry: {delay: x}", "bad-duration", "retry/delay"),
    ("id: a, type: x, retry: {backoff: none}", "bad-value", "retry/backoff"),
    ("id: a, type: x, retry: {delay: 2s, maxDelay: 1s}", "bad-value", "retry/maxDelay"),
    ('id: a, type: x, retry: {jitter: "no"}', "wrong-type", "retry/jitter"),
    ("id: a, type: x, timeout: P1Y", "bad-duration", "timeout"),
    ("id: a, type: x, timeout: 0s", "bad-duration", "timeout"),
    ("id: a, type: x, startTimeout: -1", "bad-duration", "startTimeout"),
    ("id: a, type: x, resources: {cpu: lots}", "bad-quantity", "resources/cpu"),
    ("id: a, type: x, resources: {memory: 1GB}", "bad-quantity", "resources/memory"),
    ("id: a, type: x, resources: {gpu: 0.5}", "wrong-type", "resources/gpu"),
    ("id: a, type: x, durable: yes", "wrong-type", "durable"),
    ("id: a, type: x, onError: ignore", "bad-value", "onError"),
]


@pytest.mark.parametrize(("node", "code", "place"), NODE_PROBLEMS)
def test_the_keys_of_a_node_are_checked_where_they_stand(node: str, code: str, place: str) -> None:
    text = with_nodes("{" + node + "}")
    key = place.rpartition("/")[2]
    line = "  - {" + node + "}"
    start = line.rindex(f"{key}: ") if "/" in place else line.index(f"{key}: ")
    column = start + 1 if code == "unknown-key" else start + len(key) + 3
    assert only(text) == (code, f"/nodes/0/{place}", 5, column)


def test_every_key_of_a_node_is_understood() -> None:
    node = (
        "{id: a, name: 이름, type: x, runOn: job, when: '{{ inputs.x }}', timeout: 90, startTimeout: PT1M, durable: true,"
        " onError: continue, resources: {cpu: 500m, memory: 1Gi, gpu: 1}, retry: {attempts: 2, jitter: false, delay: 0}}"
    )
    pipeline = parse_text(with_nodes(node)).pipeline
    assert pipeline is not None
    (read,) = pipeline.nodes
    assert (read.name, read.run_on, read.when, read.durable) == ("이름", Lane.JOB, "{{ inputs.x }}", True)
    assert (read.timeout, read.start_timeout) == (timedelta(seconds=90), timedelta(minutes=1))
    assert read.on_error is OnError.CONTINUE
    assert read.resources == {"cpu": "500m", "memory": "1Gi", "gpu": 1}
    assert read.retry == RetryPolicy(attempts=2, delay=timedelta(0), jitter=False)


def test_keys_without_a_value_count_as_absent() -> None:
    parsed = parse_text(
        HEAD + "variables:\ntriggers:\ninputs:\nedges:\nnodes:\n  - id: a\n    type: x\n    config:\n    retry:\n"
    )
    assert parsed.problems == ()


def test_hints_name_the_nearest_key_and_the_place_where_it_belongs() -> None:
    assert message_and_hint(with_nodes("{id: a, type: x, time_out: 5s}"))[1] == "did you mean 'timeout'?"
    assert message_and_hint(with_nodes("{id: a, type: x, retry: {max_delay: 5s}}"))[1] == "did you mean 'maxDelay'?"
    assert "`edges`" in message_and_hint(with_nodes("{id: a, type: x, needs: b}"))[1]
    assert "`metadata`" in message_and_hint(HEAD + NODES + "labels: {}\n")[1]
    assert message_and_hint(HEAD + NODES + "edges: [{from: fetch, to: a}]")[1] == "known: a, b, c"
    assert message_and_hint(with_nodes("{id: My Node, type: x}"))[1] == "for example my-node"


def test_an_id_that_stands_twice_is_an_error_even_across_levels() -> None:
    body = "{id: each, type: loop, config: {body: {nodes: [{id: a, type: x}]}}}"
    text = with_nodes("{id: a, type: x}", "{id: a, type: y}", body)
    assert found(text) == [
        ("duplicate-id", "/nodes/1/id", 6, 10),
        ("duplicate-id", "/nodes/2/config/body/nodes/0/id", 7, 57),
    ]


LOOP = """\
{id: each, type: loop, config: {body: {
      nodes: [{id: one, type: x}, {id: two, type: x}, {id: deep, type: loop, config: {body: {nodes: [{id: in, type: x}]}}}],
      edges: [{from: one, to: two, port: true}]}}}""".replace("id: in,", "id: inner,")


def test_a_loop_body_is_read_as_a_level_of_its_own() -> None:
    parsed = parse_text(with_nodes("{id: a, type: x}", LOOP))
    assert parsed.problems == ()
    assert parsed.pipeline is not None
    body = parsed.pipeline.nodes[1].body
    assert body is not None
    assert [node.id for node in body.nodes] == ["one", "two", "deep"]
    assert body.edges == (EdgeDefinition(NodeId("one"), NodeId("two"), "true"),)
    assert body.nodes[2].body is not None
    assert body.nodes[2].body.nodes[0].pointer == "/nodes/1/config/body/nodes/2/config/body/nodes/0"
    assert [node.id for node in all_nodes(parsed.pipeline.nodes)] == ["a", "each", "one", "two", "deep", "inner"]
    assert parsed.pipeline.nodes[0].body is None


@pytest.mark.parametrize(
    ("edge", "place", "word"),
    [
        ("{from: a, to: one}", "to", "lead the edge to or from 'each'"),
        ("{from: inner, to: a}", "from", "lead the edge to or from 'deep'"),
    ],
)
def test_an_edge_into_a_body_is_an_error_that_says_so(edge: str, place: str, word: str) -> None:
    text = with_nodes("{id: a, type: x}", LOOP, rest=f"edges: [{edge}]\n")
    assert only(text)[:2] == ("dangling-edge", f"/edges/0/{place}")
    assert word in message_and_hint(text)[1]


def test_an_edge_out_of_a_body_is_an_error_that_says_so() -> None:
    body = "{id: each, type: loop, config: {body: {nodes: [{id: one, type: x}], edges: [{from: one, to: a}]}}}"
    text = with_nodes("{id: a, type: x}", body)
    assert only(text)[:2] == ("dangling-edge", "/nodes/1/config/body/edges/0/to")
    assert message_and_hint(text)[0] == "the node 'a' is outside this loop's body"


@pytest.mark.parametrize(
    ("body", "code", "place"),
    [
        ("5", "wrong-type", ""),
        ("{nodes: []}", "empty-body", ""),
        ("{nodes: [{id: b, type: x}], edge: []}", "unknown-key", "/edge"),
        ("{nodes: [{id: b, type: x, retry: {attempts: x}}]}", "wrong-type", "/nodes/0/retry/attempts"),
        ("{nodes: [{id: b, type: x}, {id: c, type: x}], edges: [{from: b, to: c}, {from: c, to: b}]}", "cycle", "/edges/1"),
        ("{nodes: [{id: b, type: x, onError: continue}, {id: c, type: x}], edges: [{from: b, to: c, port: error}]}",
         "on-error-conflict", "/nodes/0/onError"),
    ],
)  # fmt: skip
def test_bodies_are_checked_like_pipelines(body: str, code: str, place: str) -> None:
    problem = only(with_nodes("{id: each, type: loop, config: {body: " + body + "}}"))
    assert problem[:2] == (code, f"/nodes/0/config/body{place}")


def test_the_problems_of_a_body_are_found_though_its_loop_is_broken() -> None:
    node = "{id: 5, type: loop, config: {body: {nodes: [{id: b}]}}}"
    assert [problem[0] for problem in found(with_nodes(node))] == ["wrong-type", "missing-key"]


def test_a_body_of_another_type_is_none_of_our_business() -> None:
    assert found(with_nodes("{id: a, type: mine, config: {body: {nodes: 5}}}")) == []


def test_a_cycle_is_named_node_by_node_with_a_hint() -> None:
    text = HEAD + NODES + "edges:\n  - {from: b, to: a}\n  - {from: a, to: b}\n"
    message, hint = message_and_hint(text)
    assert message == "the edges go round in a circle: a → b → a"
    assert "remove one of these edges" in hint
    assert only(text)[1:] == ("/edges/0", 6, 5)


def test_an_error_edge_and_on_error_continue_exclude_each_other() -> None:
    nodes = ("{id: a, type: x, onError: continue}", "{id: b, type: x}")
    text = with_nodes(*nodes, rest="edges: [{from: a, to: b, port: error}]\n")
    assert only(text) == ("on-error-conflict", "/nodes/0/onError", 5, 31)
    assert found(with_nodes(*nodes, rest="edges: [{from: a, to: b}]\n")) == []


def test_port_true_is_the_port_of_that_name() -> None:
    text = HEAD + NODES + "edges: [{from: a, to: b, port: true}, {from: a, to: c, port: false}]\n"
    parsed = parse_text(text)
    assert parsed.pipeline is not None
    assert [edge.port for edge in parsed.pipeline.edges] == ["true", "false"]
    assert [edge["port"] for edge in parsed.definition["edges"]] == ["true", "false"]


def test_the_number_of_nodes_is_bounded_with_those_in_bodies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document_nodes, "MAX_NODES", 20)
    inner = ", ".join(f"{{id: i{n}, type: x}}" for n in range(10))
    loop = "{id: each, type: loop, config: {body: {nodes: [" + inner + "]}}}"
    nodes = [f"{{id: n{n}, type: x}}" for n in range(9)]
    assert found(with_nodes(loop, *nodes)) == []
    assert only(with_nodes(loop, *nodes, "{id: last, type: x}")) == ("too-many-nodes", "/nodes", 4, 1)


def test_layout_is_read_and_no_part_of_the_pipeline() -> None:
    parsed = parse_text(HEAD + NODES + "layout: {a: {x: 1, y: 2.5}, gone: {x: 0, y: 0}}\n")
    assert parsed.layout == {"a": {"x": 1, "y": 2.5}, "gone": {"x": 0, "y": 0}}
    assert parsed.pipeline == parse_text(HEAD + NODES).pipeline


def test_all_problems_come_at_once_in_the_order_of_the_text() -> None:
    text = with_nodes(
        "{id: a, type: x, timeout: soon, retry: {attempts: 0}}",
        "{id: a, typ: x}",
        "{id: b, type: x, config: {url: {{a.output}}}, config: {}}",
        rest="edges: [{from: a, to: nowhere}]\nvariable: {}\n",
    )
    problems = found(text)
    assert [problem[0] for problem in problems] == [
        "bad-duration",
        "bad-value",
        "missing-key",
        "duplicate-id",
        "unknown-key",
        "unquoted-template",
        "duplicate-key",
        "dangling-edge",
        "unknown-key",
    ]
    places = [(line or 0, column or 0) for _, _, line, column in problems]
    assert places == sorted(places)


def test_what_can_be_read_of_a_broken_document_is_there_for_later_checks() -> None:
    text = with_nodes(
        "{id: a, type: x, timeout: soon, config: {k: 1}}",
        "{id: b}",
        rest="edges: [{from: a, to: b}, {from: a, to: z}]\n",
    )
    parsed = parse_text(text)
    assert parsed.pipeline is None
    assert parsed.readable is not None
    assert [(node.id, node.config) for node in parsed.readable.nodes] == [("a", {"k": 1}), ("b", {})]
    assert [(edge.from_node, edge.to_node) for edge in parsed.readable.edges] == [("a", "b")]


def test_text_that_can_not_be_read_is_a_document_with_problems() -> None:
    parsed = parse_text("a: [", name="x.yaml")
    assert (parsed.pipeline, parsed.readable, parsed.definition, parsed.source.name) == (None, None, {}, "x.yaml")
    assert [problem.code for problem in parsed.problems] == ["bad-yaml"]


def test_a_document_without_text_has_problems_without_positions() -> None:
    parsed = parse_pipeline(Source.from_value({"apiVersion": "flume/v1", "kind": "Pipeline", "nodes": []}))
    assert [(problem.code, problem.line) for problem in parsed.problems] == [
        ("missing-key", None),
        ("empty-pipeline", None),
    ]


def test_later_problems_are_located_and_sorted_in() -> None:
    parsed = parse_text(HEAD + NODES + "edges: [{from: a, to: zz}]\n")
    later = parsed.problems[0].__class__("unknown-node-type", "/nodes/1/type", "no such type")
    assert [(each.code, each.line, each.column) for each in parsed.with_problems((later,))] == [
        ("unknown-node-type", 4, 41),
        ("dangling-edge", 5, 23),
    ]


SCRAPS = st.sampled_from(
    [
        "a",
        "b",
        "a-b",
        "loop",
        "x",
        "webhook",
        "cron",
        "manual",
        "event",
        "flume/v1",
        "Pipeline",
        "{{secrets.X}}",
        "5m",
        "@daily",
    ]
)
DEEP_KEYS = ["config", "body", "trigger", "triggers", "inputs", "metadata", "spec", "labels", "retry", "layout", "auth"]
FLAT_KEYS = ["id", "type", "from", "to", "port", "name", "delay", "timeout", "x", "y", "secret", "schedule", "timezone"]
ODD_KEYS = ["nodes", "edges", "filters", "exact", "all", "not", "every", "default", "pattern", "properties", "items"]
KEYS = st.sampled_from([*DEEP_KEYS, *FLAT_KEYS, *ODD_KEYS])
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 10**12)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
    | SCRAPS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS | st.text(max_size=3), inner, max_size=6),
    max_leaves=12,
)


@pytest.mark.slow
@given(JSON)
def test_any_json_is_parsed_without_an_exception(value: Any) -> None:
    assert_is_sound(_parse_value(value))


@pytest.mark.slow
@given(st.fixed_dictionaries({"apiVersion": st.sampled_from(["flume/v1", "flume.dev/v1"]), "nodes": JSON}, optional={
    key: JSON for key in ("metadata", "edges", "trigger", "triggers", "inputs", "variables", "layout", "spec", "state", "timeout")
}))  # fmt: skip
def test_any_document_with_the_right_keys_is_parsed_without_an_exception(value: dict[str, Any]) -> None:
    assert_is_sound(_parse_value(value))


@given(st.text() | st.binary())
def test_any_text_is_parsed_without_an_exception(text: str | bytes) -> None:
    assert_is_sound(parse_text(text))


def _parse_value(value: Any) -> ParsedPipeline:
    try:
        return parse_pipeline(Source.from_value(value))
    except DefinitionError as error:
        return ParsedPipeline(Source(None), error.problems)


def assert_is_sound(parsed: ParsedPipeline) -> None:
    assert (parsed.pipeline is None) == bool(parsed.problems)
    for problem in parsed.problems:
        assert problem.code
        assert "-" in problem.code
        assert problem.message
