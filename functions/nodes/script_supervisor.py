"""A program that runs one command, keeps it in bounds, and leaves nothing of it behind: no process, no file.

``python -I script_supervisor.py`` reads one line of JSON from standard input (`_Order` says what is in it), runs the command in a
folder of its own, and ends when the command has ended. Standard input is the leash: when it is closed, because whoever
holds it wants to stop or has died in whatever way, the command gets SIGTERM, and SIGKILL after the grace. A process that
the command left running, even one that made itself a daemon, is killed (Linux; elsewhere: what is in its process group).

Standard library only, so that it starts fast and under any Python.
"""

import ctypes
import errno
import json
import os
import resource
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36

_LAST_SWEEPS_S = 5.0
"""How long a command's leftovers are hunted before this program gives up."""


@dataclass(frozen=True)
class _Order:
    """What to run. Descriptors are numbers of inherited files.

    ``limits`` are names of the ``resource`` module, each with its soft and its hard limit.
    ``environment`` is all that the command gets besides HOME and TMPDIR, which are its folder unless given.
    """

    command: list[str]
    environment: dict[str, str]
    stdin: int
    keep: list[int]
    """Descriptors that the command inherits under the same numbers."""
    report: int
    """Where the end of the command is told as JSON: ``status`` as by `subprocess`, ``peak`` in bytes of resident memory."""
    limits: dict[str, list[int]]
    grace_s: float


def main() -> None:
    """Carry out the order that stands on standard input."""
    line = sys.stdin.buffer.readline()
    if not line.endswith(b"\n"):
        return  # whoever wanted something has changed his mind, or died
    order = _Order(**json.loads(line))
    libc = _libc()
    if libc is not None:
        libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    # A handler, not SIG_IGN, which the command would inherit.
    signal.signal(signal.SIGTERM, _do_nothing)
    signal.signal(signal.SIGINT, _do_nothing)
    folder = tempfile.mkdtemp(prefix="flume-script-")
    try:
        report = _run(order, folder, libc)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    os.write(order.report, json.dumps(report).encode())


def _run(order: _Order, folder: str, libc: Any) -> dict[str, Any]:
    awakened = _wake_on_child()
    environment = {"HOME": folder, "TMPDIR": folder, **order.environment}
    try:
        child = subprocess.Popen(
            order.command,
            cwd=folder,
            env=environment,
            stdin=order.stdin,
            pass_fds=order.keep,
            process_group=0,
            preexec_fn=_bounds(order.limits, libc),
        )
    except OSError as error:
        return {"error": f"{order.command[0]}: {error.strerror or error}"}
    _wait(child.pid, awakened, order.grace_s)
    # Before it is reaped: until then the group's number can't belong to anybody else.
    _kill_group(child.pid, signal.SIGKILL)
    _, status, usage = os.wait4(child.pid, 0)
    _sweep()
    unit = 1 if sys.platform == "darwin" else 1024
    return {"status": os.waitstatus_to_exitcode(status), "peak": usage.ru_maxrss * unit}


def _bounds(limits: dict[str, list[int]], libc: Any) -> Callable[[], None]:
    """What the command's process does before it becomes the command."""
    supervisor = os.getpid()

    def apply() -> None:
        for name, wanted in limits.items():
            kind = getattr(resource, name)
            _, most = resource.getrlimit(kind)
            soft, hard = wanted if most == resource.RLIM_INFINITY else [min(each, most) for each in wanted]
            resource.setrlimit(kind, (soft, hard))
        if libc is not None:
            libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            if os.getppid() != supervisor:
                os._exit(errno.ESRCH)

    return apply


def _wait(pid: int, awakened: int, grace_s: float) -> None:
    """Until the command's process has ended, which is not reaped yet; the end of standard input hastens it."""
    leash: list[int] = [0]
    kill_at: float | None = None
    while not _has_ended(pid):
        left = None if kill_at is None else max(kill_at - time.monotonic(), 0)
        ready, _, _ = select.select([*leash, awakened], [], [], left)
        if awakened in ready:
            os.read(awakened, 4096)
        if 0 in ready and not os.read(0, 4096):
            leash.clear()
            _kill_group(pid, signal.SIGTERM)
            kill_at = time.monotonic() + grace_s
        if kill_at is not None and time.monotonic() >= kill_at:
            _kill_group(pid, signal.SIGKILL)
            kill_at = None


def _wake_on_child() -> int:
    """A descriptor that becomes readable when a child has ended."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    os.set_blocking(writing, False)
    signal.signal(signal.SIGCHLD, _do_nothing)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    return reading


def _has_ended(pid: int) -> bool:
    # Orphans of the command come to this process, and must not stay as zombies while the command goes on.
    ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    if ended is None:
        for other in _children():
            if other != pid:
                with suppress(ChildProcessError):
                    os.waitpid(other, os.WNOHANG)
    return ended is not None


def _kill_group(group: int, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _sweep() -> None:
    """Kill and reap all that the command left: whoever lost his parent has become a child of this process."""
    until = time.monotonic() + _LAST_SWEEPS_S
    while time.monotonic() < until:
        for pid in _children():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG) != (0, 0):
                pass
        except ChildProcessError:
            return
        time.sleep(0.005)


def _children() -> Iterator[int]:
    """The pids of this process's children, as far as the system tells."""
    names = os.listdir("/proc") if os.path.isdir("/proc") else []
    own = str(os.getpid())
    for name in filter(str.isdigit, names):
        with suppress(OSError), open(f"/proc/{name}/stat") as stat:
            # The second field is the program's name in parentheses, which may hold anything.
            if stat.read().rpartition(")")[2].split()[1] == own:
                yield int(name)


def _libc() -> Any:
    return ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def _do_nothing(number: int, frame: object) -> None:
    """The signal is known from its effect on a system call."""


if __name__ == "__main__":
    main()
