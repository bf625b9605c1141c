"""``flume function``: serves node types, and has one attempt done by a function process, here or at an address."""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import orjson

from eventing.datarefs import reference_of
from eventing.invocations import Failed, Invocation, LogRecord
from eventing.messages import Answered, invoke_event
from flume.cli.arguments import read_data, read_json
from flume.cli.node_types import find_type, with_nodes_hint
from flume.cli.options import Format
from flume.cli.printing import print_output, say
from flume.cli.problem_lines import line_of
from flume.cli.progress import line_of as line_of_log
from flume.errors import DefinitionError, NotFoundError, RequestError
from flume.forms import FLAT_VERSION
from flume.ids import Instance, NodeId, RunId
from flume.nodes.types import NodeType
from flume.pipeline import Lane
from flume.values import JsonObject, JsonValue
from functions.environment import FUNCTION_KEY
from orchestrator.api.hosts import is_loopback

TIMEOUT = timedelta(minutes=10)
"""How long a function that was named by its address may take."""

_NODE = "node"


@dataclass(frozen=True, slots=True)
class Call:
    """What one node is to do."""

    type: str
    inputs: JsonObject = field(default_factory=dict)
    config: JsonObject = field(default_factory=dict)


def serve_types(types: Sequence[str], node_paths: Sequence[Path], host: str, port: int) -> None:
    """Serve node types until a signal comes, as ``python -P -m functions`` does.

    Raises `RequestError` for a type that can't be had, and what else `functions.__main__.run` raises.
    """
    from functions.__main__ import run

    notices = _notices(host, os.environ)
    files = [argument for path in node_paths for argument in ("--nodes", str(path))]
    arguments = [*files, "--host", host, "--port", str(port), "--", *types]
    try:
        run(arguments, on_loaded=lambda: say("\n".join(notices)) if notices else None)
    except NotFoundError as error:
        hint = with_nodes_hint(error.hint, node_paths)
        raise RequestError(f"no {error.kind} '{error.name}'", code=error.code, hint=hint) from error


def _notices(host: str, environment: Mapping[str, str]) -> list[str]:
    """What whoever serves there should know. Read before the process forgets its key."""
    notices = []
    if not is_loopback(host) and not environment.get(FUNCTION_KEY):
        notices.append(
            f"{FUNCTION_KEY} is not set, and {host} is not this machine alone: whoever reaches the port may give orders"
        )
    if not environment.get("ENGINE_URL"):
        notices.append(
            "ENGINE_URL is not set: there is no orchestrator to send progress to, and lines come with the answers"
        )
    return notices


def read_call(type: str, pairs: Sequence[str] | None, inputs: str | None, config: str | None) -> Call:
    """A call as the command line gives it. Raises `RequestError`."""
    given = read_data(pairs, inputs)
    return Call(
        type,
        _object({} if given is None else given, "--data"),
        _object({} if config is None else read_json(config, "--config"), "--config"),
    )


def invoke_here(call: Call, node_paths: Sequence[Path], format: Format) -> int:
    """Run one attempt in a function process that is started for it, as the only node of a run; the exit code.

    Raises `NotFoundError` for a type that is not known, and `RequestError` for one that no function can run.
    """
    # The orchestrator takes most of the start of a process, and whoever asks at an address or serves needs none.
    from flume.cli.running import Wanted, run_text

    node_type = find_type(call.type, node_paths)
    lanes = [lane for lane in (node_type.run_on, *node_type.lanes) if lane != Lane.ENGINE]
    if not lanes:
        hint = f"try it with: flume nodes test {call.type}"
        raise RequestError(f"'{call.type}' runs in the engine alone", code="lane-not-allowed", hint=hint)
    node: dict[str, JsonValue] = {"id": _NODE, "type": call.type, "runOn": str(lanes[0]), "inputs": call.inputs}
    document = {
        "apiVersion": FLAT_VERSION,
        "kind": "Pipeline",
        "metadata": {"name": "function-invoke"},
        "nodes": [{**node, "config": call.config} if call.config else node],
    }
    try:
        wanted = Wanted("", node_paths=node_paths, format=format, is_output_alone=True)
        return run_text(orjson.dumps(document).decode(), wanted)
    except DefinitionError as error:
        for problem in error.problems:
            pointer = problem.pointer.removeprefix("/nodes/0").removeprefix("/")
            say(line_of(replace(problem, pointer=pointer, line=None, column=None), call.type))
        return 1


def invoke_at(url: str, call: Call, format: Format) -> int:
    """Run one attempt in the function at an address; the exit code. Its progress goes to its own orchestrator.

    The key that it may ask for is in ``FLUME_FUNCTION_KEY``.
    """
    if urlsplit(url).scheme not in ("http", "https"):
        raise RequestError(f"--url: '{url}' is not an address such as http://127.0.0.1:8080")
    answered = asyncio.run(_ask(url, call))
    if isinstance(answered, Failed):
        return _tell_failure(answered)
    for line in answered.logs:
        say(line_of_log(_record_of(line)))
    if isinstance(answered.answer, Failed):
        return _tell_failure(answered.answer)
    print_output(getattr(answered.answer, "output", None), format)
    return 0


async def _ask(url: str, call: Call) -> Answered | Failed:
    """What the function at an address answers, or why there is no answer."""
    from eventing.function_calls import FunctionCalls, read_answer
    from eventing.remote import DeliveryError, RefusedError

    invocation = _invocation_of(call)
    order = invoke_event(invocation, datetime.now(UTC) + TIMEOUT)
    try:
        async with (
            FunctionCalls(_OnePlace(url, os.environ.get(FUNCTION_KEY, ""))) as calls,
            asyncio.timeout(TIMEOUT.total_seconds()),
        ):
            answer = await calls.call(order, invocation, lambda: None)
        if reference_of(answer) is not None:
            return Failed("too-large", "the answer is so large that the function gave it to its own orchestrator")
        return read_answer(answer, invocation)
    except RefusedError as refused:
        return refused.failed
    except DeliveryError as error:
        return Failed("undelivered", str(error))
    except TimeoutError:
        return Failed("timeout", f"no answer within {TIMEOUT.total_seconds():g} s")


@dataclass(frozen=True, slots=True)
class _OnePlace:
    """The `eventing.function_calls.Functions` of a function whose address is known."""

    url: str
    key: str = field(repr=False)

    @property
    def headers(self) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {self.key}"} if self.key else {}

    @asynccontextmanager
    async def place(self, invocation: Invocation, on_start: Callable[[], None]) -> AsyncIterator["_OnePlace"]:
        yield self

    async def epitaph(self) -> None:
        return None


def _invocation_of(call: Call) -> Invocation:
    """An order of its own: each call is new work to the function."""
    run_id = RunId(secrets.token_hex(12))
    return Invocation(
        run_id=run_id,
        namespace="default",
        pipeline="function-invoke",
        instance=Instance(_NODE),
        node_id=NodeId(_NODE),
        node_type=NodeType(call.type, 1, "", "", (Lane.CPU,), Lane.CPU, {}, {}),
        attempt=1,
        key=f"{run_id}/{_NODE}/0",
        config=call.config,
        inputs=call.inputs,
        now=datetime.now(UTC),
        timeout=TIMEOUT,
        nonce="none",
        token=secrets.token_urlsafe(),
    )


def _object(value: JsonValue, option: str) -> JsonObject:
    if not isinstance(value, Mapping):
        raise RequestError(f"{option}: expected an object, such as '{{\"key\": 1}}'")
    return value


def _record_of(line: LogRecord) -> Mapping[str, object]:
    return {"node": _NODE, "level": line.level, "message": line.message, "fields": line.fields}


def _tell_failure(failed: Failed) -> int:
    say(f"{failed.code}: {failed.message}")
    return 1
