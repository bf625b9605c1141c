"""The installation as tests use it: what is applied, started and waited for."""

import uuid
from dataclasses import dataclass

from tests.cluster.access import Api
from tests.cluster.kubectl import Kubectl
from tests.cluster.parameters import NAMESPACE, TEAM, Parameters
from tests.cluster.waiting import NotYetError, Waiting

INSTALLED_S = 900
READY_S = 300
"""What a resource may take: the first pod of a function has to start, with an image that its node may have to fetch."""

ENDED_S = 600
CLUSTER_DOMAIN = "cluster.local"
"""What Flume takes every cluster's domain to be."""


@dataclass(frozen=True)
class Site:
    """The installation, and ways to it."""

    parameters: Parameters
    kubectl: Kubectl
    api: Api
    waiting: Waiting

    def apply(self, *resources):
        """Apply resources and wait until each says that it is ready."""
        self.kubectl.apply(resources)
        for each in resources:
            self.until_ready(each)

    def until_ready(self, resource, *, kind="", within_s=READY_S):
        """Once a resource of Flume's, or an object of another ``kind``, says that it is ready."""
        metadata = resource["metadata"]
        kind = kind or f"{resource['kind'].lower()}s.flume.dev"

        def look():
            found = self.kubectl.get(kind, metadata["name"], metadata["namespace"])
            ready = condition(found, "Ready")
            if ready.get("status") != "True":
                raise NotYetError(f"Ready is {ready.get('status')}: {ready.get('reason')}: {ready.get('message')}")
            return found

        return self.waiting.until(f"{kind} '{metadata['name']}' is ready", look, within_s=within_s)

    def start(self, pipeline, data=None):
        """Start a run through the API; its id."""
        return self.api.start(pipeline, data, uuid.uuid4().hex)

    def ended(self, run_id, *, within_s=ENDED_S):
        """A run with its nodes, once it has ended."""

        def look():
            run = self.api.run(run_id)
            if run["status"] in ("pending", "running"):
                raise NotYetError(f"run {run_id} is {run['status']}: {_nodes_in_short(run)}")
            return run

        return self.waiting.until(f"run {run_id} has ended", look, within_s=within_s)

    def completed(self, run_id, **options):
        run = self.ended(run_id, **options)
        assert run["status"] == "completed", f"{run['error']}; {_nodes_in_short(run)}"
        return run

    def next_run(self, pipeline, known=(), *, within_s=120):
        """The newest run of a pipeline that is not among ``known``."""

        def look():
            new = [each for each in self.api.runs(pipeline) if each["id"] not in known]
            if not new:
                raise NotYetError(f"'{pipeline}' has no new run")
            return new[0]

        return self.waiting.until(f"a run of '{pipeline}' has begun", look, within_s=within_s)

    def pods(self, selector):
        """Pods of the installation that are not on their way out."""
        found = self.kubectl.list("pods", NAMESPACE, selector)
        return [each for each in found if not each["metadata"].get("deletionTimestamp")]

    def until_pods(self, selector, is_so, what, *, within_s):
        def look():
            found = self.pods(selector)
            if not is_so(found):
                raise NotYetError(f"{len(found)} pods: {[each['status'].get('phase') for each in found]}")
            return found

        return self.waiting.until(f"{what} ({selector})", look, within_s=within_s)

    def until_told(self, kind, name, reason, *, type="Ready", namespace=TEAM, within_s=READY_S):
        """The message of a condition, once it has this reason."""

        def look():
            found = condition(self.kubectl.get(kind, name, namespace), type)
            if found.get("reason") != reason:
                raise NotYetError(f"{type} is {found.get('status')}: {found.get('reason')}: {found.get('message')}")
            return found["message"]

        return self.waiting.until(f"{kind} '{name}' says {reason}", look, within_s=within_s)

    def from_inside(self, url, *, data="", content_type="application/json"):
        """The status with which something answers that only the cluster reaches: it is asked from a pod of the orchestrator."""
        code = (
            "import sys, urllib.error as e, urllib.request as r\n"
            "body = sys.stdin.buffer.read() or None\n"
            "call = r.Request(sys.argv[1], body, {'Content-Type': sys.argv[2]})\n"
            "try: print(r.urlopen(call, timeout=60).status)\n"
            "except e.HTTPError as error: print(error.code)\n"
        )
        command = ("exec", "-i", "-n", NAMESPACE, "deployment/flume-orchestrator", "-c", "orchestrator", "--")
        return int(self.kubectl.run(*command, "python", "-c", code, url, content_type, stdin=data))

    def rolled_out(self, *names):
        within_s = round(INSTALLED_S * self.parameters.patience)
        for name in names or ("flume-orchestrator", "flume-operator"):
            command = ("rollout", "status", f"deployment/{name}", "-n", NAMESPACE, f"--timeout={within_s}s")
            self.kubectl.run(*command, within_s=within_s + 30)


def condition(found, kind):
    conditions = ((found or {}).get("status") or {}).get("conditions") or []
    return next((each for each in conditions if each["type"] == kind), {})


def _nodes_in_short(run):
    return {
        name: [node["status"], node["phase"], node["error"] and node["error"]["code"]]
        for name, node in run["nodes"].items()
    }
