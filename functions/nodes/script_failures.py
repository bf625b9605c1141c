"""What is said of a script that did not give a result. Pure: from how its process ended to the node's failure."""

import json
import signal
from dataclasses import dataclass
from typing import Any

from flume.errors import NodeError
from flume.values import JsonValue
from functions.nodes.script_process import Ended
from functions.nodes.script_resources import format_memory

CODE = "script-failed"
OUT_OF_MEMORY = "out-of-memory"

_NEARLY_ALL = 0.9
"""The part of the allowed memory from which on a script that died of a signal is thought to have died of it."""

_DEATHS_OF_MEMORY = (signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS, signal.SIGILL)


@dataclass(frozen=True, slots=True)
class Answered:
    """What the script answered: its result, or how it failed. ``traceback`` is for the log; it may hold the script's values."""

    result: JsonValue = None
    failure: NodeError | None = None
    traceback: str = ""


def read_answer(ended: Ended, name: str, memory: int) -> Answered:
    """What became of a script called ``name`` that could take ``memory`` bytes."""
    if ended.problem:
        return _failed(f"{name} could not be run: {ended.problem}", retryable=True)
    try:
        answer = json.loads(ended.answer) if ended.answer else {}
    except ValueError:
        return _failed(f"{name} wrote into the channel of its result, which is not for it to use")
    if "failure" in answer:
        return _explain(answer["failure"], name, memory)
    if ended.status < 0:
        return _killed(ended, name, memory)
    if ended.status > 0 or "result" not in answer:
        when = "after" if "result" in answer else "before"
        hint = "raise an exception to fail, return to succeed"
        return _failed(f"{name} ended the process with exit code {ended.status} {when} main returned; {hint}")
    return Answered(answer["result"])


def _explain(failure: dict[str, Any], name: str, memory: int) -> Answered:
    line = failure.get("line")
    where = f"{name}, line {line}" if line else name
    message = f"{failure['type']}: {failure['message']}" if failure["message"] else failure["type"]
    traceback = failure.get("traceback", "")
    match failure["kind"]:
        case "memory":
            return _failed(f"{where}: {_memory_ran_out(memory)}", code=OUT_OF_MEMORY)
        case "result":
            return _failed(f"what main of {name} returned is not JSON: {failure['message']}", code="bad-output")
        case "no-main":
            return _failed(f"{name}: {failure['message']}")
        case "syntax":
            return _failed(f"{where}: {message}", traceback=traceback)
        case _:
            return _failed(f"{where}: {message}", traceback=traceback, retryable=failure["retryable"] is True)


def _killed(ended: Ended, name: str, memory: int) -> Answered:
    number = -ended.status
    called = signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"
    if number in _DEATHS_OF_MEMORY and ended.peak >= memory * _NEARLY_ALL:
        return _failed(f"{name} was killed by {called}: {_memory_ran_out(memory)}", code=OUT_OF_MEMORY)
    match number:
        case signal.SIGXCPU:
            return _failed(
                f"{name} was killed by {called}: it used more processor time than its time-out and resources.cpu allow"
            )
        case signal.SIGKILL:
            likely = "most likely by the system, because memory ran out on the machine or in the container"
            return _failed(f"{name} was killed by {called}, {likely}; it had taken {ended.peak // 1024**2} MiB")
        case _:
            return _failed(f"{name} was killed by {called}")


def _memory_ran_out(memory: int) -> str:
    return f"out of memory; it may take {format_memory(memory)}, which resources.memory sets"


def _failed(message: str, *, code: str = CODE, retryable: bool = False, traceback: str = "") -> Answered:
    return Answered(failure=NodeError(message, code=code, retryable=retryable), traceback=traceback)
