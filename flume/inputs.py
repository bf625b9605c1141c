"""Run inputs: what a pipeline's `inputs` declare, and whether what a run was given fits.

Values are checked by jsonschema-rs with its linear-time regular expressions, so that no pattern can be made to run for
ever.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jsonschema_rs

from flume.document_models import InputModel
from flume.errors import RequestError
from flume.findings import Findings, name_type, propose
from flume.pipeline import InputDefinition
from flume.problems import Problem, join_pointer
from flume.values import BadValueError, JsonObject, JsonValue, check_value

MAX_INPUTS = 200

_PATTERNS = jsonschema_rs.RegexOptions(size_limit=1_000_000)

_TYPE_NAMES = {
    "string": "text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "object": "an object",
    "array": "a list",
    "null": "nothing",
}


def read_inputs(value: JsonValue, pointer: str, findings: Findings) -> tuple[InputDefinition, ...]:
    """The definitions under a document's ``inputs``; what is wrong with them is noted."""
    declared = findings.expect_object(value, pointer)
    if len(declared) > MAX_INPUTS:
        message = f"{len(declared):,} inputs; the limit is {MAX_INPUTS}"
        findings.add("too-many-inputs", pointer, message, "take one input that is an object", at_key=True)
        return ()
    return tuple(_read_input(name, inner, join_pointer(pointer, name), findings) for name, inner in declared.items())


def check_inputs(definitions: Sequence[InputDefinition], given: JsonValue) -> dict[str, JsonValue]:
    """What the run gets: every declared input in order, defaults filled in. ``given`` None counts as an empty object.

    Raises `RequestError` whose message names every problem and whose pointer is that of the first.
    """
    problems = find_input_problems(definitions, given)
    if problems:
        first = problems[0]
        message = "; ".join(f"inputs{problem.pointer.replace('/', '.')}: {problem.message}" for problem in problems)
        raise RequestError(message, code=first.code, pointer=first.pointer, hint=first.hint)
    values = given or {}
    return {each.name: values.get(each.name, each.default) for each in definitions}


def find_input_problems(definitions: Sequence[InputDefinition], given: JsonValue) -> list[Problem]:
    """Everything that is wrong with what a run was given; pointers are into ``given``. Never raises."""
    if given is None:
        given = {}
    if not isinstance(given, Mapping):
        hint = "send an object with a key per input"
        return [Problem("bad-input", "", f"expected an object, found {name_type(given)}", hint)]
    try:
        check_value(given)
    except BadValueError as error:
        return [Problem("bad-input", error.pointer, error.reason, "send plain JSON")]
    by_name = {each.name: each for each in definitions}
    problems = []
    for name in given:
        if name not in by_name:
            hint = propose(name, by_name) or "the pipeline takes no inputs"
            problems.append(Problem("unknown-input", join_pointer("", name), "there is no such input", hint))
    for each in definitions:
        problems.extend(_value_problems(each, given))
    return problems


def _value_problems(definition: InputDefinition, given: JsonObject) -> Iterator[Problem]:
    pointer = join_pointer("", definition.name)
    if definition.name not in given:
        if definition.required:
            yield Problem("missing-input", pointer, "is required", _describe_wanted(definition.schema))
        return
    value = given[definition.name]
    if value is None and not definition.required and definition.default is None:
        return
    for place, message in _violations(definition.schema, value):
        yield Problem("bad-input", pointer + place, message, _describe_wanted(definition.schema))


def _describe_wanted(schema: JsonObject) -> str:
    about = schema.get("description") or schema.get("title") or ""
    wanted = _TYPE_NAMES.get(str(schema.get("type")), "any value")
    return f"give {wanted}" + (f": {about}" if about else "")


def _read_input(name: str, declared: JsonValue, pointer: str, findings: Findings) -> InputDefinition:
    if not name.replace("-", "_").isidentifier() or len(name) > 63:
        rule = "an input's name is letters, digits, - and _, at most 63, and begins with a letter"
        findings.add("bad-name", pointer, f"templates could not reach this name: {rule}", "rename it", at_key=True)
    declared = {} if declared is None else declared
    before = len(findings)
    findings.read(InputModel, declared, pointer)
    if not isinstance(declared, Mapping):
        return InputDefinition(name, {})
    present = {key: value for key, value in declared.items() if value is not None or key == "default"}
    required, default = "default" not in present, present.pop("default", None)
    if len(findings) > before or not _check_pattern(present, pointer, findings):
        # Known but not understood: references to the input are still right, and any value fits.
        return InputDefinition(name, {}, required, default)
    for place, message in _violations(present, default) if default is not None else ():
        hint = "a default has to fit its own schema; null makes the input optional"
        findings.add("bad-default", f"{pointer}/default{place}", f"the default does not fit: {message}", hint)
    return InputDefinition(name, present, required, default)


def _check_pattern(schema: JsonObject, pointer: str, findings: Findings) -> bool:
    """Whether values can be checked by the schema: after its shape was checked, only a regular expression can forbid it."""
    try:
        _validator(schema)
    except ValueError as error:
        place = join_pointer(pointer, *getattr(error, "instance_path", ()))
        hint = "look-around, back-references and very large repetitions are not supported"
        findings.add("bad-input", place, "not a regular expression that can be used here", hint)
        return False
    return True


def _validator(schema: JsonObject) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(
        dict(schema), pattern_options=_PATTERNS, validate_formats=True, offline=True
    )


def _violations(schema: JsonObject, value: JsonValue) -> Iterator[tuple[str, str]]:
    """Where and how ``value`` breaks the schema, as (pointer, sentence); required properties are pointed at though absent."""
    for error in _validator(schema).iter_errors(value):
        path: list[str | int] = list(error.instance_path)
        facts: dict[str, Any] = error.kind.as_dict()
        kind = error.kind.name
        if kind == "required":
            path.append(facts["property"])
        yield join_pointer("", *path), _sentence(kind, facts, error)


def _sentence(kind: str, facts: Mapping[str, Any], error: jsonschema_rs.ValidationError) -> str:
    match kind:
        case "type":
            wanted = " or ".join(_TYPE_NAMES.get(name, name) for name in facts["types"])
            return f"expected {wanted}, found {name_type(error.instance)}"
        case "enum":
            return "expected one of " + ", ".join(map(str, facts["options"]))
        case "minimum":
            return f"expected at least {facts['limit']}"
        case "maximum":
            return f"expected at most {facts['limit']}"
        case "minLength":
            return f"expected at least {facts['limit']} characters"
        case "maxLength":
            return f"expected at most {facts['limit']} characters"
        case "minItems":
            return f"expected at least {facts['limit']} items"
        case "maxItems":
            return f"expected at most {facts['limit']} items"
        case "pattern":
            return f"expected text that matches {facts['pattern']}"
        case "format":
            return f"expected text in the format {facts['format']}"
        case "required":
            return "is required"
        case _:
            return "does not fit the schema"
