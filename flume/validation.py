"""The whole check of a document, from its text to its plan: the same for the CLI, the API, the console and the operator."""

from dataclasses import dataclass

from flume.document import ParsedPipeline, parse_pipeline, parse_text
from flume.errors import DefinitionError
from flume.plan import Plan
from flume.planning import Circumstances, NodeTypes, resolve
from flume.problems import Problem
from flume.source import Format, Source
from flume.values import JsonValue


@dataclass(frozen=True, slots=True)
class Validation:
    """A document and all that is wrong with it; ``plan`` is there when nothing is."""

    parsed: ParsedPipeline
    problems: tuple[Problem, ...]
    plan: Plan | None

    def require_plan(self) -> Plan:
        """The plan. Raises `DefinitionError` with all problems if there is none."""
        if self.plan is None:
            raise DefinitionError(self.problems)
        return self.plan


def validate(
    text: str | bytes,
    types: NodeTypes,
    *,
    format: Format | None = None,
    name: str = "",
    circumstances: Circumstances | None = None,
) -> Validation:
    """Check a document as it was written. Never raises for what it holds."""
    return _validate(parse_text(text, format=format, name=name), types, circumstances)


def validate_source(source: Source, types: NodeTypes, *, circumstances: Circumstances | None = None) -> Validation:
    """Check a document that was read before. Never raises for what it holds."""
    return _validate(parse_pipeline(source), types, circumstances)


def validate_value(value: JsonValue, types: NodeTypes, *, circumstances: Circumstances | None = None) -> Validation:
    """Check a document that came as parsed JSON: problems have pointers and no positions.

    Raises `DefinitionError` for what is not JSON.
    """
    return validate_source(Source.from_value(value), types, circumstances=circumstances)


def _validate(parsed: ParsedPipeline, types: NodeTypes, circumstances: Circumstances | None) -> Validation:
    if parsed.readable is None:
        return Validation(parsed, parsed.problems, None)
    resolution = resolve(parsed.readable, types, circumstances=circumstances)
    problems = parsed.with_problems(resolution.problems)
    return Validation(parsed, problems, None if problems else resolution.plan)
