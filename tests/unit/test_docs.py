"""The documentation says what the code does: tables are written from the code, links lead somewhere, examples are valid.

`FLUME_REWRITE_DOCS=1 pytest tests/unit/test_docs.py` writes the tables anew, between their markers.
"""

import ast
import inspect
import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from inspect import Parameter, getdoc, signature
from pathlib import Path
from types import SimpleNamespace

import pytest
import typer

import flume.errors
from eventing import bodies, broker, cloudevents, hook_responses, http_serving, multipart, node_logs, schedules
from flume import document_nodes, inputs, reading, source, triggers, values
from flume.cli.commands import app as commands
from flume.cli.settings import Settings
from flume.document_models import PipelineModel, keys_of
from flume.expressions import budget
from flume.expressions.access import MISSING
from flume.expressions.callables import FILTERS, FUNCTIONS
from flume.expressions.predicates import PREDICATES
from flume.filters import cesql
from flume.nodes import ALL_SECRETS, Registry, invocation
from flume.nodes.registry import installed_node_types
from flume.validation import validate
from functions.nodes import http, http_exchange, mongodb, mongodb_calls, redis_calls
from knative.operator.metrics import Metrics as OperatorMetrics
from knative.resources.definitions import KINDS, spec_schema
from orchestrator import (
    attempts,
    bus,
    chains,
    committer,
    event_starts,
    keeper,
    machine,
    metrics,
    partial_output,
    publisher,
    reporting,
    retries,
    run_events,
    runs,
    scheduler,
)
from orchestrator import values as run_values
from orchestrator.api import access, event_bodies, logs, parameters, run_models, run_nodes, run_reader, statistics
from orchestrator.api.app import create_app
from orchestrator.api.openapi import describe_api
from orchestrator.buses.redis import outbox as redis_outbox

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.rglob("*.md"), *(ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md"))])
CODE = re.compile(r"[a-z]+(?:-[a-z]+)+|cycle")
NOT_CODES = {"bad-output", "date-time", "http-request", "my-hook", "my-pipeline"}
"""Texts of the same shape in those modules: the code of a failed node, a format, a type, and examples in hints."""


def name_of(path):
    return str(path.relative_to(ROOT))


def in_markdown(text):
    return " ".join(text.replace("``", "`").replace("|", "\\|").split())


def first_line(value):
    return in_markdown((getdoc(value) or "").split("\n\n")[0])


def arguments_of(function, *, skip):
    """What a template writes between the parentheses; the first parameters are given by the evaluation."""
    parts = []
    for parameter in list(signature(function).parameters.values())[skip:]:
        if parameter.kind is Parameter.VAR_POSITIONAL:
            parts.append("…")
        elif parameter.default is Parameter.empty:
            parts.append(parameter.name)
        else:
            known = {None: "null", True: "true", False: "false", MISSING: "…"}
            is_named = parameter.default is None or parameter.default is MISSING or isinstance(parameter.default, bool)
            parts.append(f"{parameter.name}={known[parameter.default] if is_named else repr(parameter.default)}")
    return f"({', '.join(parts)})"


def table(*head):
    return [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]


def write_filters() -> Iterator[str]:
    yield from table("filter", "takes", "gives")
    for name, function in FILTERS.items():
        yield f"| `{name}` | `{arguments_of(function, skip=2)}` | {first_line(function)} |"


def write_functions() -> Iterator[str]:
    yield from table("function", "gives")
    for name, function in FUNCTIONS.items():
        yield f"| `{name}{arguments_of(function, skip=1)}` | {first_line(function)} |"


def write_tests() -> Iterator[str]:
    yield ", ".join(f"`{name}`" for name in PREDICATES)


def write_settings() -> Iterator[str]:
    yield from table("variable", "default", "meaning")
    for field in Settings.model_fields.values():
        alias = field.validation_alias
        names = [alias] if isinstance(alias, str) else [str(name) for name in alias.choices]
        default = "" if field.default in ("", None) else f"`{field.default}`"
        variable = f"`{names[0]}`" + (f" (also `{names[1]}`)" if names[1:] else "")
        yield f"| {variable} | {default} | {in_markdown(field.description)} |"


def write_node_types() -> Iterator[str]:
    for node_type in Registry(installed_node_types).types():
        yield f"### {node_type.name}"
        yield ""
        yield node_type.description
        yield ""
        yield from traits_of(node_type)
        yield ""
        for part, schema in (("config", node_type.config_schema), ("inputs", node_type.input_schema)):
            fields = (schema or {}).get("properties", {})
            if fields:
                yield from table(f"`{part}`", "default")
                required = schema.get("required", [])
                for name, field in fields.items():
                    yield f"| `{name}` | {'required' if name in required else default_of(field)} |"
                yield ""


def traits_of(node_type):
    ports = ", ".join(f"`{port}`" for port in node_type.ports) if node_type.ports else "follow from its config"
    yield f"- category: {node_type.category}; runs on: {', '.join(node_type.lanes)} (default {node_type.run_on.value})"
    secrets = "; its function gets all secrets" if ALL_SECRETS in node_type.secrets else ""
    yield f"- ports besides `error`: {ports}; {'pure' if node_type.pure else 'not pure'}{secrets}"


def default_of(field):
    value = field.get("default")
    return "" if value in (None, {}) else f"`{value}`".replace("|", "\\|")


def write_errors() -> Iterator[str]:
    yield from table("error", "`code`", "meaning")
    for each in vars(flume.errors).values():
        if isinstance(each, type) and each.__module__ == "flume.errors":
            yield f"| `{each.__name__}` | `{each.code}` | {first_line(each)} |"


def write_problem_codes() -> Iterator[str]:
    yield " ".join(f"`{code}`" for code in sorted(codes_of_problems()))


def codes_of_problems() -> set[str]:
    """What looks like a code in the modules that check documents."""
    found = set()
    for path in sorted((ROOT / "flume").rglob("*.py")):
        if {"cli", "nodes"} & set(path.parts) or path == ROOT / "flume" / "errors.py":
            continue
        constants = (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant))
        found.update(each.value for each in constants if isinstance(each.value, str) and CODE.fullmatch(each.value))
    return found - NOT_CODES


def write_commands() -> Iterator[str]:
    for name, command in _commands(typer.main.get_command(commands), "flume"):
        arguments = [each for each in command.params if each.param_type_name == "argument"]
        options = [each for each in command.params if each.param_type_name == "option" and each.name != "help"]
        text, _, example = inspect.cleandoc(command.help).partition("Example: ")
        yield f"### {name}"
        yield ""
        yield " ".join(text.split())
        yield ""
        yield f"`{' '.join([name, *(placeholder(each) for each in arguments), *(['[OPTIONS]'] if options else [])])}`"
        yield ""
        if example:
            yield f"Example: `{' '.join(example.split())}`"
            yield ""
        if options:
            yield from table("option", "meaning")
            for each in options:
                names = ", ".join(f"`{option}`" for option in each.opts)
                yield f"| {names} | {in_markdown(each.help or '')} |"
            yield ""


def _commands(group, name):
    for command in group.commands.values():
        path = f"{name} {command.name}"
        yield from _commands(command, path) if hasattr(command, "commands") else [(path, command)]


def placeholder(argument):
    text = argument.metavar or argument.name.upper()
    text = f"{text}..." if argument.nargs == -1 and "..." not in text else text
    return text if argument.required or text.startswith("[") else f"[{text}]"


def write_routes() -> Iterator[str]:
    document = describe_api(create_app(None, access.Access(), version="0"))
    by_tag = defaultdict(list)
    for path, item in document["paths"].items():
        # A hook takes every method in the same way.
        first = next(iter(item.values()))
        operations = {"any method": first} if path.startswith("/hooks/") else item
        for method, operation in operations.items():
            by_tag[operation["tags"][0]].append((method, path, operation))
    for tag, operations in by_tag.items():
        yield f"### {tag.capitalize()}"
        yield ""
        yield from table("route", "does", "takes", "answers")
        for method, path, operation in operations:
            route = f"`{method.upper()} {path}`" if method != "any method" else f"any method on `{path}`"
            answers = " ".join(status for status in sorted(operation["responses"]) if status not in ("4XX", "5XX"))
            takes = "; ".join(_taken(document, operation))
            yield f"| {route} | {in_markdown(operation['description'])} | {takes} | {answers} |"
        yield ""


def _taken(document, operation):
    for place in ("query", "header"):
        names = [each["name"] for each in operation.get("parameters", ()) if each["in"] == place]
        shown = [f"`{name}`" for name in names if name != "namespace"]
        if shown:
            yield f"{place}: {', '.join(shown)}"
    body = operation.get("requestBody")
    if body is not None:
        schema = next(iter(body["content"].values()))["schema"]
        schemas = [schema, *schema.get("anyOf", ())]
        named = [each["$ref"].rpartition("/")[2] for each in schemas if "$ref" in each]
        fields = document["components"]["schemas"][named[0]]["properties"] if named else schema.get("properties", {})
        yield "body" + (f": {', '.join(f'`{name}`' for name in fields)}" if fields else "")


def write_metrics() -> Iterator[str]:
    yield from table("metric", "meaning")
    idle = SimpleNamespace(active_count=0, attempts_under_way=lambda: ())
    shown = metrics.Metrics().render(idle, (), {}, 0) + OperatorMetrics().render()
    for name, meaning in re.findall(r"^# HELP (flume_\w+) (.+)$", shown.decode(), re.MULTILINE):
        yield f"| `{name}` | {in_markdown(meaning)} |"


LIMITS = (
    ("a document", source.MAX_BYTES, "bytes"),
    ("nesting of a document and of every value", values.MAX_DEPTH, "levels"),
    ("values in a document", reading.MAX_VALUES, ""),
    ("nodes of a pipeline, loop bodies included", document_nodes.MAX_NODES, ""),
    ("triggers of a pipeline", triggers.MAX_TRIGGERS, ""),
    ("inputs of a pipeline", inputs.MAX_INPUTS, ""),
    ("items of a loop", invocation.MAX_ITEMS, ""),
    ("steps of one expression", budget.MAX_STEPS, ""),
    ("text that an expression makes", budget.MAX_TEXT, "characters"),
    ("elements of a list that an expression makes", budget.MAX_ELEMENTS, ""),
    ("`meta` of a node", invocation.MAX_META_BYTES, "bytes"),
    ("a wait between two attempts", retries.MAX_DELAY_MS // 1000, "seconds"),
    ("deaths of the process in a row that an attempt survives, and then fails", machine.MAX_RECOVERIES, ""),
    ("attempts of a node that are shown", attempts.MAX_ATTEMPTS_KEPT, ""),
    ("pipelines that start one another", runs.MAX_HOPS, ""),
    ("log lines of an attempt", reporting.MAX_LOG_LINES, ""),
    ("a log message", node_logs.MAX_LOG_MESSAGE, "characters"),
    ("fields of a log line", node_logs.MAX_LOG_FIELDS, ""),
    ("a value kept inside the run; a larger one is stored apart", run_values.MAX_INLINE_BYTES, "bytes"),
    ("an output of a node, for a loop the results of its items together", run_values.MAX_VALUE_BYTES, "bytes"),
    ("a response of `http-request`, by default; `maxBytes` sets it", http.DEFAULT_MAX_BYTES, "bytes"),
    ("a response of `http-request`, at most", http.MOST_MAX_BYTES, "bytes"),
    ("redirects of `http-request`", http_exchange.MAX_REDIRECTS, ""),
    ("documents of `mongodb-query`, by default; `limit` sets it", mongodb.DEFAULT_LIMIT, ""),
    ("documents of `mongodb-query`", mongodb.MAX_LIMIT, ""),
    ("an answer to `mongodb-query`", mongodb_calls.MAX_RESULT_BYTES, "bytes"),
    ("documents of `mongodb-insert`", mongodb.MAX_DOCUMENTS, ""),
    ("a value of `redis-get` or `redis-set`", redis_calls.MAX_VALUE_BYTES, "bytes"),
    ("all headers of a call", access.MAX_HEAD_BYTES, "bytes"),
    ("a call's body that is a document", access.MAX_DOCUMENT_BYTES, "bytes"),
    ("a call's body that is a run's data", access.MAX_DATA_BYTES, "bytes"),
    ("a body of events from who needs a token and shows none of the API", event_bodies.MAX_UNKNOWN_BYTES, "bytes"),
    ("a body of dead letters", event_bodies.MAX_LETTER_BYTES, "bytes"),
    ("steps of a trigger's filters for one event", cesql.MAX_STEPS, ""),
    ("events of a batch", cloudevents.MAX_BATCH, ""),
    ("an attribute of an event", cloudevents.MAX_ATTRIBUTE, "characters"),
    ("all attributes of an event and their names", event_starts.MAX_ATTRIBUTE_TEXT, "characters"),
    ("attributes of an event", cloudevents.MAX_ATTRIBUTES, ""),
    ("an output that is in its run's event", run_events.MAX_OUTPUT_BYTES, "bytes"),
    ("starts by run events that go back to one run, beyond its own events", chains.MAX_STARTS, ""),
    ("fields of a form", bodies.MAX_FIELDS, ""),
    ("parts of a multipart form", multipart.MAX_PARTS, ""),
    ("a text field of a multipart form", multipart.MAX_FIELD, "bytes"),
    ("a file of a multipart form", multipart.MAX_FILE, "bytes"),
    ("`Prefer: wait`", int(parameters.MAX_WAIT_S), "seconds"),
    ("an `Idempotency-Key`", parameters.MAX_KEY_LENGTH, "characters"),
    ("headers of an `http-response`", hook_responses.MAX_HEADERS, ""),
    ("a header of an `http-response`", hook_responses.MAX_HEADER_VALUE, "characters"),
    ("due times that `missed: all` makes up for", schedules.MOST_MISSED, ""),
    ("runs that one bulk call takes", run_models.MAX_BULK, ""),
    ("loop items on one page", run_nodes.MAX_ITEMS, ""),
    ("log lines on one page", logs.MAX_LINES, ""),
    ("intervals of one statistics answer", statistics.MAX_INTERVALS, ""),
)

WAITING = (
    ("calls whose connection nobody has taken yet", http_serving.BACKLOG, "", "refused by the system"),
    ("data of a start that is read though there is no room for a run", access.LARGE_BODY_BYTES, "bytes", "429"),
    ("runs that are made or advanced by one commit to the store", committer.MAX_BATCH, "", "the next commit"),
    ("runs without an owner that are taken up in one go", keeper.CLAIM_LIMIT, "", "the next go"),
    ("schedules that fire in one round", scheduler.BATCH, "", "the next round"),
    ("events about runs that are published at a time", publisher.AT_ONCE, "", "wait in the store"),
    ("messages for one reader of live events", bus.MAX_QUEUED, "", "dropped; the reader looks again"),
    ("messages for Redis", redis_outbox.MOST_WAITING, "", "dropped; readers look again"),
    (
        "text of a running node that is kept for new readers",
        partial_output.MAX_KEPT,
        "characters",
        "its beginning goes",
    ),
    (
        "log lines and attempts of which a live stream knows that they were sent",
        run_reader.MAX_REMEMBERED,
        "",
        "sent again",
    ),
    ("deliveries of the broker in this process", broker.Bounds().unfinished, "", "published again later"),
)
"""What queues up, how much of it may, and what becomes of more."""


def write_limits() -> Iterator[str]:
    yield from table("what", "at most")
    for what, most, unit in LIMITS:
        binary = {"bytes": next((f"{most // size} {name}" for size, name in SIZES if most % size == 0), None)}.get(unit)
        yield f"| {what} | {binary or f'{most:,} {unit}'.strip()} |"


def write_resources() -> Iterator[str]:
    for kind in KINDS:
        if kind.name != "Pipeline":
            yield f"## {kind.name}"
            yield ""
            yield from table("field of `spec`", "type", "meaning")
            yield from _fields_of(spec_schema(kind.name), "")
            yield ""


def _fields_of(schema, base):
    for name, field in schema["properties"].items():
        inner = field.get("items", field)
        kind = f"list of {inner.get('type', 'any')}" if "items" in field else field.get("type", "any")
        kind = " or ".join(f"`{each}`" for each in field["enum"]) if "enum" in field else kind
        needed = "; required" if name in schema.get("required", ()) else ""
        yield f"| `{base}{name}` | {kind} | {in_markdown(field.get('description', ''))}{needed} |"
        if "properties" in inner:
            yield from _fields_of(inner, f"{base}{name}.")


def write_waiting() -> Iterator[str]:
    yield from table("what waits", "at most", "what is more")
    for what, most, unit, more in WAITING:
        size = f"{most // 1024} KiB" if unit == "bytes" else f"{most:,} {unit}".strip()
        yield f"| {what} | {size} | {more} |"


SIZES = ((1024**2, "MiB"), (1024, "KiB"))


TABLES: dict[str, tuple[str, Callable[[], Iterator[str]]]] = {
    "filters": ("reference/expressions.md", write_filters),
    "functions": ("reference/expressions.md", write_functions),
    "tests": ("reference/expressions.md", write_tests),
    "settings": ("reference/settings.md", write_settings),
    "node-types": ("reference/node-types.md", write_node_types),
    "errors": ("reference/errors.md", write_errors),
    "problem-codes": ("reference/problem-codes.md", write_problem_codes),
    "commands": ("reference/command-line.md", write_commands),
    "routes": ("reference/http-api.md", write_routes),
    "limits": ("reference/limits.md", write_limits),
    "waiting": ("reference/limits.md", write_waiting),
    "resources": ("reference/resources.md", write_resources),
    "metrics": ("reference/metrics.md", write_metrics),
}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_of_the_reference_is_what_the_code_says(name):
    page, write = TABLES[name]
    path = DOCS / page
    wanted = "\n".join(write()).strip()
    pattern = re.compile(rf"(<!-- {name} -->\n).*?(\n<!-- /{name} -->)", re.DOTALL)
    if os.environ.get("FLUME_REWRITE_DOCS"):
        path.write_text(pattern.sub(lambda found: found[1] + wanted + found[2], path.read_text()))
    found = pattern.search(path.read_text())
    assert found is not None
    assert found[0].removeprefix(found[1]).removesuffix(found[2]) == wanted


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_to_files_that_exist(page):
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text())
    local = [target for target in targets if "://" not in target]
    assert [target for target in local if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_pipelines_in_the_documentation_are_valid(page):
    blocks = re.findall(r"^```yaml\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)
    whole = [block for block in blocks if block.startswith("apiVersion:")]
    registry = Registry(installed_node_types)
    found = [validate(block, registry).problems for block in whole]
    # Types that the reader makes on the same page are unknown here.
    assert [each for problems in found for each in problems if each.code != "unknown-node-type"] == []


def test_the_readme_leads_to_every_page():
    linked = re.findall(r"\]\((docs/(?!images/)[^)#]+)\)", (ROOT / "README.md").read_text())
    pages = [name_of(page) for page in DOCS.rglob("*.md") if page.parent.name != "decisions"]
    assert sorted(pages) == sorted({*linked} - {"docs/decisions/"})


def test_decisions_are_numbered_and_dated():
    pages = sorted((DOCS / "decisions").glob("*.md"))
    assert [int(page.name[:4]) for page in pages] == list(range(1, len(pages) + 1))
    for number, page in enumerate(pages, start=1):
        assert re.match(rf"# {number}\. .+\n\n\d{{4}}-\d\d-\d\d\. ", page.read_text()), page.name


def test_every_key_of_the_document_is_described():
    text = (DOCS / "reference" / "pipeline-document.md").read_text()
    assert [key for key in keys_of(PipelineModel) if f"`{key}`" not in text] == []


def test_files_that_the_architecture_names_exist():
    named = re.findall(
        r"(?:flume|eventing|functions|knative|orchestrator)/[\w/]+\.py", (DOCS / "architecture.md").read_text()
    )
    assert named
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_the_example_of_the_readme_is_the_custom_node_that_runs():
    blocks = re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(), re.DOTALL | re.MULTILINE)
    assert (ROOT / "examples" / "custom-node" / "nodes" / "my_custom_node.py").read_text() in blocks


def test_every_code_that_the_api_answers_with_is_described():
    page = (DOCS / "reference" / "http-api.md").read_text()
    rows = re.findall(r"^\| ((?:`[a-z-]+`(?:, )?)+) \| [\d, ]+ \|", page, re.MULTILINE)
    described = [code for row in rows for code in re.findall(r"[a-z-]+", row)]
    assert sorted(codes_of_answers()) == sorted(described)


def codes_of_answers() -> set[str]:
    """What stands as a code in calls that make problems and errors, and what errors and inputs have of their own."""
    found = set()
    for path in sorted([*(ROOT / "orchestrator").rglob("*.py"), *(ROOT / "eventing").rglob("*.py")]):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                places = [each.value for each in node.keywords if each.arg == "code"]
                if getattr(node.func, "id", "") in ("problem", "Refusal"):
                    places += node.args[1:2]
                found.update(each for place in places for each in _texts_in(place))
    return {code for code in found if CODE.fullmatch(code) or code in ONE_WORD} - NOT_ANSWERED | ANSWERED_TOO


ONE_WORD = {"stale", "unauthorized", "forbidden", "internal"}

NOT_ANSWERED = {"bad-moment", "bad-schedule", "bad-timezone", "weak-key", "node-error"}
"""Of schedules, which are checked with their document, and of functions."""

ANSWERED_TOO = {
    *("bad-request", "bad-input", "missing-input", "unknown-input", "template-error", "invalid-definition"),
    *("not-found", "unavailable", "store-error", "managed-by-api", "managed-by-cluster"),
    "malformed-event",
}
"""Codes that a class, a problem of an input or a text put together gives."""


def _texts_in(node):
    return [each.value for each in ast.walk(node) if isinstance(each, ast.Constant) and isinstance(each.value, str)]
