"""The lanes outside the engine: functions in processes of their own on this machine, or those that a broker reaches elsewhere.

Nothing of this is loaded before the first attempt that needs it: most pipelines of a person who tries something out don't.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, MutableMapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eventing.attempts import OpenAttempts
from eventing.function_status import FunctionStatus
from eventing.invocations import Answer, Executor, Failed, Invocation, Reports
from flume.cli.elsewhere import Elsewhere
from flume.cli.gates import Gates, gates_elsewhere
from flume.expressions import conceal
from flume.nodes.node import NodeSettings
from flume.nodes.registry import Registry
from flume.nodes.types import NodeType
from flume.secret_values import SECRET_PREFIX, secrets_for
from orchestrator.packaged_types import is_packaged

if TYPE_CHECKING:
    from eventing.broker import Disorder
    from eventing.datarefs import DataDepot
    from eventing.function_calls import FunctionCalls
    from eventing.remote import Sender
    from functions.local import LocalFunctions
    from functions.local_pool import LocalOptions
    from orchestrator.service import Orchestrator
    from orchestrator.shared_limits import SharedLimits

App = Callable[
    [MutableMapping[str, Any], Callable[[], Awaitable[Any]], Callable[[Any], Awaitable[None]]], Awaitable[None]
]

CLOSING_S = 1.0
"""How long function processes get to end when nobody waits for what they do any more."""

REPORTS_GRACE_S = 1.0

_LOADED_LATE = (
    "aiohttp",
    "flume.cli.reaching",
    "eventing.broker_dispatch",
    "eventing.http_serving",
    "functions.local",
)


@dataclass(frozen=True, slots=True)
class Dispatch:
    """How orders get to functions: called directly, or through a broker.

    ``elsewhere`` None: functions are processes of this machine, and the broker is one of this process. Otherwise others keep
    functions, which find large data at ``engine_url``. ``disorder`` is what the broker of this process does, for tests.
    """

    is_by_broker: bool = False
    broker_url: str = ""
    engine_url: str = ""
    elsewhere: Elsewhere | None = None
    disorder: "Disorder | None" = None


@dataclass(frozen=True, slots=True)
class LaneOptions:
    """How function processes are started. ``environment`` is that of this process, without what is none of their business.

    ``on_line`` is told what they print: the type's name, and a line. ``shared_limits`` bound what functions elsewhere get from
    all replicas together; without, each has its own. ``redis_url`` is where functions remember together; empty: each by itself.
    """

    registry: Registry
    settings: NodeSettings
    environment: Mapping[str, str] = field(repr=False)
    secrets: Mapping[str, str] = field(repr=False)
    grace_s: float = 10.0
    on_line: Callable[[str, str], None] = lambda name, line: None
    dispatch: Dispatch = Dispatch()
    shared_limits: "SharedLimits | None" = None
    redis_url: str = field(default="", repr=False)


class FunctionLanes:
    """The `Executor` of all lanes outside the engine, and their `FunctionDirectory`. Use it as an async context manager."""

    def __init__(self, options: LaneOptions) -> None:
        self.attempts = OpenAttempts()
        self._options = options
        self._stack = AsyncExitStack()
        self._lock = asyncio.Lock()
        self._changed = asyncio.Event()
        self._executor: Executor | None = None
        self._functions: LocalFunctions | None = None
        self._orchestrator: Orchestrator | None = None

    async def __aenter__(self) -> "FunctionLanes":
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._stack.aclose()

    def attach(self, orchestrator: "Orchestrator") -> None:
        """Name who takes what functions report and keeps their large data, before the first attempt."""
        self._orchestrator = orchestrator

    def statuses(self) -> tuple[FunctionStatus, ...]:
        """See `eventing.function_status.FunctionDirectory.statuses`."""
        return () if self._functions is None else self._functions.statuses()

    async def changed(self) -> None:
        """See `eventing.function_status.FunctionDirectory.changed`."""
        await self._changed.wait()
        self._changed.clear()

    def refresh(self, names: Iterable[str]) -> None:
        """Let events of these types, whose code has changed, go to new processes; what is under way gets the grace to finish."""
        if self._functions is not None:
            self._functions.refresh(names)

    def execute_at_once(self, invocation: Invocation, reports: Reports) -> Answer | None:
        """See `eventing.invocations.Executor.execute_at_once`: nothing outside the engine is done at once."""
        return None

    async def execute(self, invocation: Invocation, reports: Reports) -> Answer:
        """See `eventing.invocations.Executor.execute`."""
        if self._executor is None:
            async with self._lock:
                self._executor = self._executor or await self._start()
        return await self._executor.execute(invocation, reports)

    async def _start(self) -> Executor:
        # Beside the event loop: it takes a third of a second, in which a server has other things to do.
        await asyncio.to_thread(lambda: [import_module(name) for name in _LOADED_LATE])
        assert self._orchestrator is not None, "attach comes before the first attempt"
        elsewhere = self._options.dispatch.elsewhere
        if elsewhere is not None:
            return await self._reach_elsewhere(self._orchestrator, elsewhere)
        return await self._start_here(self._orchestrator)

    async def _reach_elsewhere(self, orchestrator: "Orchestrator", elsewhere: Elsewhere) -> Executor:
        from eventing.elsewhere import starts_once
        from eventing.remote import RemoteExecutor
        from flume.cli.reaching import by_address, by_broker
        from orchestrator.payload_exchange import StoreDepot

        dispatch = self._options.dispatch
        depot = StoreDepot(orchestrator.payloads, lambda: dispatch.engine_url)
        reaching = (
            by_broker(dispatch.broker_url, depot) if dispatch.is_by_broker else by_address(elsewhere.address_of, depot)
        )
        return RemoteExecutor(
            await self._stack.enter_async_context(reaching),
            self.attempts,
            gate_of=gates_elsewhere(self._options.shared_limits),
            function_of=elsewhere.function_of,
            repeats=lambda invocation: not starts_once(invocation),
        )

    async def _start_here(self, orchestrator: "Orchestrator") -> Executor:
        from eventing.direct import DirectSender
        from eventing.function_calls import FunctionCalls
        from eventing.remote import RemoteExecutor
        from functions.local import LocalFunctions
        from orchestrator.payload_exchange import StoreDepot

        url = await self._stack.enter_async_context(_serving(orchestrator.endpoints))
        functions = await self._stack.enter_async_context(LocalFunctions(self._local_options(url)))
        depot = StoreDepot(orchestrator.payloads, lambda: url)
        calls = await self._stack.enter_async_context(FunctionCalls(functions))
        sender: Sender
        if self._options.dispatch.is_by_broker:
            sender = await self._through_broker(orchestrator, calls, depot)
        else:
            sender = DirectSender(calls, depot)
        self._functions = functions
        return RemoteExecutor(
            sender,
            self.attempts,
            gate_of=Gates(functions.capacity),
            function_of=partial(_own_function, self._options.registry),
        )

    async def _through_broker(
        self, orchestrator: "Orchestrator", calls: "FunctionCalls", depot: "DataDepot"
    ) -> "Sender":
        from eventing.broker import Broker, Disorder
        from eventing.broker_dispatch import BOUNDS, BrokerDispatch, OrderSubscriber, Taker
        from eventing.broker_sender import BrokerSender

        disorder = self._options.dispatch.disorder or Disorder(seed=0)
        broker = await self._stack.enter_async_context(Broker(bounds=BOUNDS, disorder=disorder))
        dispatch = BrokerDispatch(
            broker,
            orders=OrderSubscriber(calls, self.attempts),
            answers=Taker(lambda event: orchestrator.node_reports.take([event])),
            dead_letters=Taker(orchestrator.dead_letters.take),
        )
        return BrokerSender(dispatch, depot)

    def _local_options(self, url: str) -> "LocalOptions":
        from functions.environment import confidential_values
        from functions.local_pool import LocalOptions

        settings, redis_url = self._options.settings, self._options.redis_url
        confidential = (*confidential_values(settings), *confidential_values(NodeSettings(redis_url=redis_url)))
        masked = (*self._options.secrets.values(), *confidential)
        return LocalOptions(
            command=self._command,
            environment=lambda node_type: self._environment(node_type, url),
            grace_s=self._options.grace_s,
            closing_s=CLOSING_S,
            conceal=lambda line: str(conceal(line, masked)),
            on_line=self._options.on_line,
            on_change=self._changed.set,
        )

    def _command(self, node_type: NodeType) -> Sequence[str]:
        source = Path(self._options.registry.source_of(node_type.name))
        nodes = ("--nodes", str(source)) if source.suffix == ".py" else ()
        return (sys.executable, "-P", "-m", "functions", node_type.name, *nodes, "--host", "127.0.0.1", "--port", "0")

    def _environment(self, node_type: NodeType, url: str) -> dict[str, str]:
        from functions.environment import written_node_settings

        return {
            **self._options.environment,
            **written_node_settings(self._options.settings),
            **{SECRET_PREFIX + name: value for name, value in secrets_for((node_type,), self._options.secrets).items()},
            "FLUME_GRACE": f"{self._options.grace_s:g}",
            "ENGINE_URL": url,
            **({"REDIS_URL": self._options.redis_url} if self._options.redis_url else {}),
        }


def _own_function(registry: Registry, order: Invocation) -> str | Failed:
    """No name: a function of this machine is found by its type. For an image there is none."""
    name = order.node_type.name
    if not is_packaged(registry, name):
        return ""
    message = (
        f"node type '{name}' is an image, and this server runs none: it has to be told of the cluster or the broker"
    )
    return Failed("start-failed", f"{message} whose functions it may call (K8S_NAMESPACE, BROKER_URL)")


@asynccontextmanager
async def _serving(app: App) -> AsyncIterator[str]:
    """Serve on a free port of this machine for the length of the block; the address."""
    from eventing.http_serving import Server, listen

    listener = listen("127.0.0.1", 0, setting="a port for functions")
    server = Server(app, max_head_bytes=64 * 1024, grace_s=REPORTS_GRACE_S)
    served = asyncio.create_task(server.serve(sockets=[listener]), name="reports of functions")
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await served
        listener.close()
