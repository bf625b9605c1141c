"""A process that starts runs one after another under keys, and says of each when it is acknowledged.

It is killed at any moment and started again on the same folder; it goes on with the keys that are left. When all runs
have ended it prints what the store holds of each and exits.
"""

import asyncio
import json
import sys
from pathlib import Path

from flume.cli.local import Composition, local_orchestrator
from flume.cli.settings import Settings
from flume.source import read_source
from orchestrator.runs import Start

NODES = '''
import os
from pathlib import Path
from flume.nodes import Node, NodeConfig, NodeInput, registry


class Touch(Node):
    """Leaves a byte behind for each time it works, in a file named by its key."""

    name = "touch"
    Output = str

    class Config(NodeConfig):
        folder: str

    class Input(NodeInput):
        pass

    async def execute(self, input):
        path = Path(self.config.folder) / self.context.idempotency_key.replace("/", "_")
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(file, b"x")
        os.close(file)
        return "done"


registry.register(Touch)
'''


def document(folder):
    touch = {"type": "touch", "config": {"folder": str(folder)}}
    body = {"nodes": [{"id": "step", **touch}], "edges": []}
    return {
        "apiVersion": "flume/v1",
        "kind": "Pipeline",
        "metadata": {"name": "load"},
        "nodes": [
            {"id": "begin", "type": "template", "config": {"template": "{{ trigger.data }}"}},
            {"id": "first", **touch},
            {"id": "each", "type": "loop", "config": {"times": 3, "concurrency": 2, "body": body}},
            {"id": "nap", "type": "delay", "config": {"duration": "20ms"}},
            {"id": "last", **touch},
        ],
        "edges": [
            {"from": "begin", "to": "first"},
            {"from": "first", "to": "each"},
            {"from": "each", "to": "nap"},
            {"from": "nap", "to": "last"},
        ],
    }


def say(*words):
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


async def start_all(world, record, count, acknowledged):
    async def start(number):
        started = await world.runs.start(record, Start(start_key=f"key:{number}", data=f"run {number}"))
        say("acknowledged", number, started.run_id)

    left = [number for number in range(count) if number not in acknowledged]
    for at in range(0, len(left), 8):
        await asyncio.gather(*map(start, left[at : at + 8]))


async def report(world):
    async for stored in world.store.stored_runs():
        run = stored.run
        nodes = {
            node: [state.status.value, state.attempt, len(state.attempts)] for node, state in run.root.nodes.items()
        }
        items = await world.store.read_items(run.id, "each")
        say(
            "run",
            json.dumps(
                {
                    "id": run.id,
                    "key": run.origin.start_key,
                    "status": run.status.value,
                    "nodes": nodes,
                    "items": [item.status.value for _, item in items],
                }
            ),
        )


async def main(folder, count, acknowledged):
    (folder / "effects").mkdir(exist_ok=True)
    (folder / "nodes.py").write_text(NODES)
    parts = Composition(Settings(grace=0), {}, folder / "data", [folder / "nodes.py"], fires_schedules=False)
    async with local_orchestrator(parts) as world:
        record = (await world.pipelines.save(read_source(json.dumps(document(folder / "effects"))))).record
        say("ready")
        await start_all(world, record, count, acknowledged)
        while await world.store.count_unfinished():  # noqa: ASYNC110 - of runs that others took up too
            await asyncio.sleep(0.01)
        await report(world)
        say("finished")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), set(map(int, sys.argv[3:]))))
