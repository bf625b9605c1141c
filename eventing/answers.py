"""What is made of an answer from outside before it counts: a function may be in any language, and know no rule of ours."""

from collections.abc import Collection
from dataclasses import replace

import orjson

from eventing.invocations import MAX_FAILURE_MESSAGE, Answer, Failed
from eventing.node_logs import shortened
from flume.nodes.invocation import MAX_META_BYTES
from flume.nodes.outcomes import Result


def settled(name: str, ports: Collection[str], answer: Answer) -> Answer:
    """Hold an answer against node type ``name``, as is done with nodes of this process. ``ports`` are those of its node."""
    if isinstance(answer, Failed) and len(answer.message) > MAX_FAILURE_MESSAGE:
        # It may hold what a process printed, or what stood in the way of its start.
        return replace(answer, message=shortened(answer.message, MAX_FAILURE_MESSAGE))
    if not isinstance(answer, Result):
        return answer
    if answer.port not in ports:
        problem = f"left by port '{answer.port[:100]}'; it has: {', '.join(ports)}"
    elif (size := len(orjson.dumps(dict(answer.meta)))) > MAX_META_BYTES:
        problem = f"meta takes {size:,} bytes of JSON, more than {MAX_META_BYTES:,}; return it as output"
    else:
        return answer
    return Failed("bad-output", f"function '{name}': {problem}")
