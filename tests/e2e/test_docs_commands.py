"""The tutorial can be done as it is written: its commands are run in order, and what it shows is what they print.

In the page, a block after "Save this as `FILE`" is that file; ``sh`` blocks are run, a ``flume dev`` beside the others;
the lines of a ``text`` block are printed, in that order, by the commands above it or, after a file, by ``flume dev``.
Ids and times differ from run to run and are compared by their shape. `RUN` is the oldest run of the list that was printed
last, or the run that failed last.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial" / "first-pipeline.md"

BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
FILE = re.compile(r"Save\sthis\sas\s`([^`]+)`")
MEND = re.compile(r"In\s`([^`]+)`,\swrite\s`([^`]+)`\sin\splace\sof\s`([^`]+)`")
ID = re.compile(r"\b[0-9a-f]{24}\b")
SERVED_AT = "127.0.0.1:8000"
PATIENCE_S = 20

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("curl") is None or shutil.which("bash") is None, reason="curl and bash are needed"),
]


def test_the_tutorial_does_what_it_says(tmp_path):
    folder = tmp_path / "home"
    folder.mkdir()
    reader = Reader(folder)
    try:
        for prose, language, block in blocks_of(TUTORIAL.read_text()):
            reader.mend(prose)
            reader.do(prose, language, block)
    finally:
        reader.close()
    assert reader.compared > 10


def blocks_of(page):
    """Each block of the page with the prose before it."""
    at = 0
    for found in BLOCK.finditer(page):
        yield page[at : found.start()], found[1], found[2]
        at = found.end()


class Reader:
    """Somebody who does what the page says, with a terminal for commands and another one for the server."""

    def __init__(self, folder):
        self.folder = folder
        self.said = ""
        self.compared = 0
        self.run_id = ""
        self.server = None
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        inherited = {
            key: value for key, value in os.environ.items() if not key.startswith(("FLUME_", "PYTEST_", "PYTHON"))
        }
        self.environment = inherited | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PORT": self.address.rpartition(":")[2],
            "ENGINE_URL": f"http://{self.address}",
            "PYTHONUNBUFFERED": "1",
            "XDG_CONFIG_HOME": str(folder / "config"),
            "COLUMNS": "160",
            "NO_PROXY": "127.0.0.1",
        }

    def do(self, prose, language, block):
        named = FILE.search(prose)
        if language == "sh":
            self.command(block)
        elif language == "text":
            self.compare(block)
        elif named is not None:
            self.write(named[1], block)

    def command(self, block):
        if block == "flume dev\n":
            self.serve()
            return
        block = block.replace(SERVED_AT, self.address).replace("RUN", self.run_id)
        where = self.folder.parent / f"{self.folder.name}.where"
        done = subprocess.run(
            ["bash", "-ec", f"trap 'pwd >{where}' EXIT\nexec 2>&1\n{block}"],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        self.said = done.stdout
        assert done.returncode == 0 or "run failed" in self.said, f"{block}{self.said}"
        self.folder = Path(where.read_text().strip())
        ids = ID.findall(self.said)
        if "flume get runs" in block or "run failed" in self.said:
            self.run_id = ids[-1]

    def serve(self):
        self.server = subprocess.Popen(
            ["flume", "dev"],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.until_server_says("Watching for changes")

    def write(self, name, text):
        path = self.folder / name
        path.write_text(text)
        if self.server is not None and "test" not in name:
            self.until_server_says(path.name)

    def mend(self, prose):
        found = MEND.search(prose)
        if found is not None:
            name, new, old = found.groups()
            before = (self.folder / name).read_text()
            assert before.count(old) == 1
            self.write(name, before.replace(old, new))

    def until_server_says(self, text):
        lines = []
        while not lines or text not in lines[-1]:
            lines.append(self.server.stdout.readline())
            assert lines[-1], f"the server ended and had said:\n{''.join(lines)}"
        self.said = "".join(lines)

    def compare(self, block):
        rest = [shape_of(line) for line in self.said.splitlines()]
        for line in block.splitlines():
            assert shape_of(line) in rest, f"'{line}' is not said, or not there, in:\n{self.said}"
            del rest[: rest.index(shape_of(line)) + 1]
            self.compared += 1

    def close(self):
        if self.server is not None:
            self.server.send_signal(signal.SIGINT)
            self.server.communicate(timeout=PATIENCE_S)


def shape_of(line):
    """A line without what differs from one run to the next."""
    line = ID.sub("ID", line)
    line = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "MOMENT", line)
    line = re.sub(r"\b[\d.]+ ?(?:ms|s|m)\b", "TIME", line)
    return re.sub(r" {2,}", "  ", line).rstrip()
