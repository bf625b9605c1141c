"""The documentation says what the code does: tables are written from the code, links lead somewhere, examples are valid.

`FLUME_REWRITE_DOCS=1 pytest tests/unit/test_docs.py` writes the tables anew, between their markers.
"""

import ast
import os
import re
from collections.abc import Callable, Iterator
from inspect import Parameter, getdoc, signature
from pathlib import Path

import pytest

import flume.errors
from flume.cli.settings import Settings
from flume.document_models import PipelineModel, keys_of
from flume.expressions.access import MISSING
from flume.expressions.callables import FILTERS, FUNCTIONS
from flume.expressions.predicates import PREDICATES
from flume.nodes import Registry
from flume.nodes.registry import installed_node_types
from flume.validation import validate

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
    yield f"- ports besides `error`: {ports}; {'pure' if node_type.pure else 'not pure'}"


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


TABLES: dict[str, tuple[str, Callable[[], Iterator[str]]]] = {
    "filters": ("reference/expressions.md", write_filters),
    "functions": ("reference/expressions.md", write_functions),
    "tests": ("reference/expressions.md", write_tests),
    "settings": ("reference/settings.md", write_settings),
    "node-types": ("reference/node-types.md", write_node_types),
    "errors": ("reference/errors.md", write_errors),
    "problem-codes": ("reference/problem-codes.md", write_problem_codes),
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


def test_every_key_of_the_document_is_described():
    text = (DOCS / "reference" / "pipeline-document.md").read_text()
    assert [key for key in keys_of(PipelineModel) if f"`{key}`" not in text] == []


def test_files_that_the_architecture_names_exist():
    named = re.findall(r"(?:flume|eventing|functions|orchestrator)/[\w/]+\.py", (DOCS / "architecture.md").read_text())
    assert named
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_the_example_of_the_readme_is_the_custom_node_that_runs():
    blocks = re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(), re.DOTALL | re.MULTILINE)
    assert (ROOT / "examples" / "custom-node" / "nodes" / "my_custom_node.py").read_text() in blocks
