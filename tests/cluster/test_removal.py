"""Nothing is left of what was deleted; history is. The last file: it deletes what the others made."""

from tests.cluster.documents import COLD
from tests.cluster.parameters import NAMESPACE, TEAM
from tests.cluster.setting_up import KNATIVE_KINDS
from tests.cluster.waiting import NotYetError

BELONGS = "flume.dev/node-type"


def test_with_its_pipeline_everything_goes_and_its_runs_are_still_there(site):
    site.apply(COLD)
    run_id = site.start("cold", {"numbers": [1]})
    site.completed(run_id)

    site.kubectl.run("delete", "pipelines,runs", "--all", "-n", TEAM, "--wait", "--timeout=180s", within_s=200)
    for each in site.api.call("GET", "/api/v1/pipelines")["items"]:
        site.api.call("DELETE", f"/api/v1/pipelines/{each['name']}", expected=(200, 202, 204))

    def look():
        left = [
            f"{kind} {each['metadata']['name']}"
            for kind in KNATIVE_KINDS
            for each in site.kubectl.list(kind, NAMESPACE)
            if BELONGS in each["metadata"].get("labels", {})
            or "flume.dev/pipeline" in each["metadata"].get("labels", {})
        ]
        if left:
            raise NotYetError(f"left: {left}")

    site.waiting.until("nothing is left that a pipeline wanted", look, within_s=300)
    assert site.api.run(run_id)["status"] == "completed"
