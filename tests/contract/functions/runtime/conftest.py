"""Function processes as they are in a container, the nodes that they serve, and an orchestrator to report to."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest

from eventing.cloudevents import CloudEvent, decode, decode_one, encode_binary
from eventing.invocations import Answer, Invocation
from eventing.message_reading import read_report
from eventing.messages import COMPLETED, FAILED, Answered, Progressed, invoke_event
from flume.pipeline import Lane

NODES = '''
import asyncio, os, signal, threading, time
from pathlib import Path

from flume.nodes import Node, NodeError, NodeInput, registry


@registry.register
class Work(Node):
    """Appends its pid to a file, says a word, and works until another file is there or its time is up."""

    name = "work"
    category = "custom"
    concurrency = 2

    class Input(NodeInput):
        began: str
        until: str = ""
        says: str = ""
        size: int = 1

    async def execute(self, input):
        with open(input.began, "a") as file:
            file.write(f"{os.getpid()}\\n")
        if input.says:
            self.context.log(input.says)
            self.context.progress(input.says)
        while input.until and not Path(input.until).exists():
            await asyncio.sleep(0.005)
        return {"by": "x" * input.size, "key": self.context.idempotency_key}


@registry.register
class Blocking(Node):
    """Blocks a thread until the file is there."""

    name = "blocking"
    category = "custom"
    concurrency = 2

    class Input(NodeInput):
        until: str
        began: str = ""

    def execute(self, input):
        if input.began:
            Path(input.began).write_text("yes")
        while not Path(input.until).exists():
            time.sleep(0.005)
        return threading.current_thread().name


@registry.register
class Family(Node):
    """Starts a process, tells its pid, and waits for it."""

    name = "family"
    category = "custom"

    class Input(NodeInput):
        began: str

    async def execute(self, input):
        child = await asyncio.create_subprocess_exec("sleep", "600")
        Path(input.began).write_text(f"{child.pid}")
        await child.wait()


@registry.register
class Length(Node):
    """The length of a text."""

    name = "length"
    category = "custom"

    class Input(NodeInput):
        text: str

    async def execute(self, input):
        return len(input.text)


@registry.register
class Dies(Node):
    """Kills its own process, as often as there is no file with so many lines."""

    name = "dies"
    category = "custom"

    class Input(NodeInput):
        deaths: str
        times: int = 1

    async def execute(self, input):
        with open(input.deaths, "a+") as file:
            file.seek(0)
            so_far = len(file.readlines())
            if so_far < input.times:
                file.write(f"{self.context.idempotency_key}\\n")
        if so_far < input.times:
            print("last words", flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
        return so_far


@registry.register
class Freezes(Node):
    """Freezes its process, unless another has done so."""

    name = "freezes"
    category = "custom"

    class Input(NodeInput):
        frozen: str

    async def execute(self, input):
        if not Path(input.frozen).exists():
            Path(input.frozen).touch()
            os.kill(os.getpid(), signal.SIGSTOP)
        return "done"


@registry.register
class Crowded(Node):
    """Takes all threads that nodes share for work that blocks until the file is there; says a word first."""

    name = "crowded"
    category = "custom"

    class Input(NodeInput):
        until: str

    async def execute(self, input):
        def block():
            while not Path(input.until).exists():
                time.sleep(0.005)

        self.context.progress("begun")
        await asyncio.gather(*(asyncio.to_thread(block) for _ in range(64)))


@registry.register
class Wide(Node):
    """Blocks as many threads as there are orders, until the file is there."""

    name = "wide"
    category = "custom"
    concurrency = 40

    class Input(NodeInput):
        began: str
        until: str

    def execute(self, input):
        with open(input.began, "a") as file:
            file.write("x")
        while not Path(input.until).exists():
            time.sleep(0.005)


@registry.register
class Variables(Node):
    """The names of the variables of its process, and of one that it starts."""

    name = "variables"
    category = "custom"

    async def execute(self, input: NodeInput):
        started = await asyncio.create_subprocess_exec("env", stdout=asyncio.subprocess.PIPE)
        printed, _ = await started.communicate()
        return [*os.environ, *(line.partition("=")[0] for line in printed.decode().splitlines())]


@registry.register
class Stuck(Node):
    """Never gets ready."""

    name = "stuck"
    category = "custom"

    @classmethod
    async def setup(cls, settings):
        await asyncio.sleep(600)

    async def execute(self, input):
        pass


@registry.register
class Unset(Node):
    """Can't get ready."""

    name = "unset"
    category = "custom"

    @classmethod
    async def setup(cls, settings):
        raise NodeError("this node needs VLLM_URL", code="not-configured", retryable=False)

    async def execute(self, input):
        pass
'''


@pytest.fixture
def nodes(tmp_path: Path) -> Path:
    """A folder with node files."""
    folder = tmp_path / "nodes"
    folder.mkdir()
    (folder / "some.py").write_text(NODES)
    return folder


@pytest.fixture
def environment() -> dict[str, str]:
    """This process's environment without what would configure a function."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("FLUME_", "VLLM_", "LOG_"))
        and name not in ("PORT", "ENGINE_URL", "PYTHONDONTWRITEBYTECODE")
    }


@pytest.fixture
def order(new_invocation: Callable[..., Invocation]) -> Callable[..., Invocation]:
    """An order for a node of a type by name; fields by name as in `new_invocation`."""

    def new(type_name: str, inputs: dict[str, Any] | None = None, **changes: Any) -> Invocation:
        node_type = replace(
            new_invocation().node_type,
            name=type_name,
            concurrency=changes.pop("concurrency", 1),
            scale=changes.pop("scale", {}),
            run_on=Lane.CPU,
        )
        config = changes.pop("config", {})
        return new_invocation(node_type=node_type, config=config, inputs=inputs or {}, **changes)

    return new


@dataclass
class Reply:
    """What a function answered."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def report(self) -> Answered:
        """The answer to an order."""
        assert self.status == 200, (self.status, self.body)
        said = read_report(decode_one(self.headers.items(), self.body))
        assert isinstance(said, Answered)
        return said

    @property
    def answer(self) -> Answer:
        """How the work ended."""
        return self.report.answer

    @property
    def detail(self) -> str:
        """What a problem says."""
        return str(orjson.loads(self.body)["detail"])


@dataclass
class Function:
    """A function process. ``output`` is all that it wrote, once it has ended."""

    process: asyncio.subprocess.Process
    session: aiohttp.ClientSession
    port: int = 0
    output: str = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def call(
        self, method: str, path: str = "/", *, headers: dict[str, str] | None = None, body: bytes | None = None
    ) -> Reply:
        async with self.session.request(method, self.url + path, data=body, headers=headers) as response:
            found = {name.lower(): value for name, value in response.headers.items()}
            return Reply(response.status, found, await response.read())

    async def send(self, invocation: Invocation, *, minutes: float = 5, **changes: str) -> Reply:
        """Hand an order over; extensions by name take the place of its own."""
        headers, body = encode_binary(invoke_event(invocation, datetime.now(UTC) + timedelta(minutes=minutes)))
        changed = {f"ce-{name}": value for name, value in changes.items()}
        return await self.call("POST", headers={**headers, **changed}, body=body)

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    async def ended(self) -> int:
        """Wait for its end; the exit code."""
        async with asyncio.timeout(30):
            output, _ = await self.process.communicate()
        self.output += output.decode()
        assert self.process.returncode is not None
        return self.process.returncode


Start = Callable[..., Awaitable[Function]]


@pytest.fixture
async def start(nodes: Path, environment: dict[str, str]) -> AsyncIterator[Start]:
    """Starts function processes, with the node files unless ``paths`` says otherwise, and ends them after the test.

    ``is_ready`` False: does not wait until events can come.
    """
    started: list[Function] = []
    async with aiohttp.ClientSession() as session:

        async def new(
            *types: str,
            paths: list[Path] | None = None,
            is_ready: bool = True,
            options: tuple[str, ...] = (),
            **variables: str,
        ) -> Function:
            read_end, write_end = os.pipe()
            files = [argument for path in (paths or [nodes]) for argument in ("--nodes", str(path))]
            host = () if "--host" in options else ("--host", "127.0.0.1", "--port", "0")
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "functions", *types, *files, *host, *options),
                *("--ready-fd", str(write_end)),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                pass_fds=[write_end],
                env={**environment, **variables},
                start_new_session=True,
            )
            os.close(write_end)
            function = Function(process, session)
            started.append(function)
            with os.fdopen(read_end) as pipe:
                if is_ready:
                    function.port = int(await asyncio.to_thread(pipe.readline) or 0)
                    if not function.port:
                        code = await function.ended()
                        pytest.fail(f"ended with {code}:\n{function.output}")
            return function

        yield new
        for function in started:
            with suppress(ProcessLookupError):
                os.killpg(function.process.pid, signal.SIGKILL)
            await function.process.communicate() if function.process.returncode is None else None


@dataclass
class Orchestrator:
    """An orchestrator that takes signs of life, answers and payloads, unless told otherwise."""

    url: str = ""
    signs: list[Progressed] = field(default_factory=list)
    answers: list[CloudEvent] = field(default_factory=list)
    answer_statuses: list[str] = field(default_factory=list)
    payloads: dict[str, bytes] = field(default_factory=dict)
    gone: list[str] = field(default_factory=list)
    asked: list[Any] = field(default_factory=list)
    heard: asyncio.Event = field(default_factory=asyncio.Event)
    payload_status: str = ""

    async def answer(self, asked: Any, writer: asyncio.StreamWriter) -> None:
        self.asked.append(asked)
        status, content = self._answer_to(asked)
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(content)}\r\n\r\n".encode() + content)

    def _answer_to(self, asked: Any) -> tuple[str, bytes]:
        if asked.target == "/events":
            events = decode(asked.headers.items(), asked.body)
            if any(event.type in (COMPLETED, FAILED) for event in events):
                status = self.answer_statuses.pop(0) if self.answer_statuses else "202 Accepted"
                self.answers += events if status.startswith("202") else []
                return status, b""
            for event in events:
                said = read_report(event)
                assert isinstance(said, Progressed)
                self.signs.append(said)
            self.heard.set()
            return ("410 Gone", orjson.dumps({"gone": self.gone})) if self.gone else ("202 Accepted", b"")
        if self.payload_status:
            return self.payload_status, b""
        payload = asked.target.removeprefix("/api/v1/payloads/")
        if asked.method == "PUT":
            self.payloads[payload] = asked.body
            return "201 Created", b""
        return ("200 OK", self.payloads[payload]) if payload in self.payloads else ("404 Not Found", b"")

    @property
    def lines(self) -> list[str]:
        return [line.message for sign in self.signs for line in sign.logs]

    @property
    def text(self) -> str:
        return "".join(sign.text for sign in self.signs)


@pytest.fixture
async def orchestrator(serve: Any) -> Orchestrator:
    """An orchestrator on the loopback interface."""
    orchestrator = Orchestrator()
    orchestrator.url = (await serve(orchestrator.answer)).url
    return orchestrator


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port at which no connection comes about, as if its machine were off: so many wait there that none is taken."""
    with socket.socket() as listener, ExitStack() as waiting:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            client = waiting.enter_context(socket.socket())
            client.setblocking(False)
            with suppress(BlockingIOError):
                client.connect(listener.getsockname())
        yield listener.getsockname()[1]


@pytest.fixture
def is_alive() -> Callable[[int], bool]:
    """Whether a process exists and is no zombie."""

    def alive(pid: int) -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        except (FileNotFoundError, ProcessLookupError):
            return False

    return alive


@pytest.fixture
def until() -> Callable[[Callable[[], Any]], Awaitable[Any]]:
    """Waits until what another process does makes this true, and gives it."""

    async def wait(is_so: Callable[[], Any]) -> Any:
        async with asyncio.timeout(20):
            while not (found := is_so()):  # noqa: ASYNC110 - no event comes from there
                await asyncio.sleep(0.005)
        return found

    return wait


@pytest.fixture
def file_comes(until: Any) -> Callable[[Path], Awaitable[str]]:
    """Waits until a file has something in it, and gives its text."""

    def text_of(path: Path) -> str:
        return path.read_text() if path.exists() else ""

    async def wait(path: Path) -> str:
        return str(await until(lambda: text_of(path)))

    return wait
