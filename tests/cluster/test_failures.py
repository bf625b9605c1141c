"""What fails is visible from outside, in the resource's own status."""

from tests.cluster.documents import FAILING, run_of
from tests.cluster.parameters import TEAM
from tests.cluster.waiting import NotYetError


def test_a_failed_node_is_visible_in_the_status_of_the_run(site):
    site.apply(FAILING)
    site.kubectl.apply([run_of("fails", "failing")])

    def look():
        status = (site.kubectl.get("runs.flume.dev", "fails", TEAM) or {}).get("status") or {}
        if status.get("status") != "failed":
            raise NotYetError(str(status))
        return status

    error = site.waiting.until("the Run has failed", look, within_s=120)["error"]
    assert (error["node"], error["code"]) == ("break", "raised")
    assert "broken on purpose" in error["message"]


def test_a_pipeline_that_the_cluster_manages_is_not_changed_through_the_api(site):
    site.apply(FAILING)
    refused = site.api.call("PATCH", "/api/v1/pipelines/failing", json={"status": "paused"}, expected=(409,))
    assert refused["code"] == "managed-by-cluster"
