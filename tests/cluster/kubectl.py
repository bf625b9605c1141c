"""``kubectl`` as the tests call it."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Manifest = dict[str, Any]

PROGRAM = Path(sys.executable).with_name("kubectl")
"""The one of the development dependencies, so that everybody has the same."""

CALL_S = 120


class KubectlError(AssertionError):
    """It did not do what was asked; the message is its own."""


@dataclass(frozen=True)
class Kubectl:
    """Calls ``program`` for a cluster. Nothing that it is given or prints is logged but what it says of failures."""

    kubeconfig: str
    program: Path = PROGRAM

    def command(self, *arguments: str) -> list[str]:
        """The command line."""
        return [str(self.program), f"--kubeconfig={self.kubeconfig}", *arguments]

    def run(self, *arguments: str, stdin: str = "", within_s: float = CALL_S, allowed: Sequence[int] = (0,)) -> str:
        """What it prints. Raises `KubectlError` for another exit code than those that are ``allowed``."""
        try:
            done = subprocess.run(
                self.command(*arguments), input=stdin, capture_output=True, text=True, timeout=within_s, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise KubectlError(f"kubectl {' '.join(arguments)} did not end within {within_s:g} s") from error
        if done.returncode not in allowed:
            raise KubectlError(f"kubectl {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def may(self, account: str, verb: str, kind: str, namespace: str) -> bool:
        """Whether a service account of a namespace may do something there. Raises `KubectlError` if that is not told."""
        who = f"--as=system:serviceaccount:{namespace}:{account}"
        arguments = ("auth", "can-i", verb, kind, "-n", namespace, who)
        # It ends with 1 for a "no", as it does when it could not ask: so only what it prints tells.
        said = self.run(*arguments, allowed=(0, 1)).split()
        if said[:1] not in (["yes"], ["no"]):
            raise KubectlError(f"kubectl {' '.join(arguments)}: expected yes or no, and it printed {said}")
        return said[0] == "yes"

    def apply(self, objects: Sequence[Mapping[str, Any]]) -> None:
        """Apply objects by server-side apply."""
        self.apply_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)}))

    def apply_text(self, text: str) -> None:
        """Apply YAML or JSON by server-side apply."""
        self.run("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=text)

    def delete(self, kind: str, name: str, namespace: str = "", *, within_s: float = CALL_S) -> None:
        """Delete an object and wait until it is gone; one that is not there is fine."""
        where = ["-n", namespace] if namespace else []
        self.run("delete", kind, name, *where, "--ignore-not-found", "--wait", within_s=within_s)

    def get(self, kind: str, name: str, namespace: str = "") -> Manifest | None:
        """An object, or None."""
        where = ["-n", namespace] if namespace else []
        text = self.run("get", kind, name, *where, "--ignore-not-found", "-o", "json")
        return json.loads(text) if text.strip() else None

    def list(self, kind: str, namespace: str = "", selector: str = "") -> list[Manifest]:
        """All objects of a kind, in a namespace or everywhere."""
        where = ["-n", namespace] if namespace else ["--all-namespaces"]
        chosen = ["-l", selector] if selector else []
        return json.loads(self.run("get", kind, *where, *chosen, "-o", "json"))["items"]
