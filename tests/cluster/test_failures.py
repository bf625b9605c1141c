"""What fails is visible from outside, in the resource's own status."""

import pytest

from tests.cluster.documents import FAILING, NO_IMAGE, REFUSED, quota, run_of, shout_type
from tests.cluster.parameters import NAMESPACE, TEAM
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


def test_an_object_that_the_cluster_refuses_is_told_in_its_words_and_made_as_soon_as_it_may_be(site):
    limit = quota("jobsinks.sinks.knative.dev")
    site.kubectl.apply([limit])
    site.kubectl.apply([REFUSED])
    try:
        message = site.until_told("pipelines.flume.dev", "refused", "ObjectRefused")
    finally:
        site.kubectl.delete("resourcequota", limit["metadata"]["name"], NAMESPACE)
    assert "JobSink fn-script-job-" in message
    assert "quota: no-more" in message
    # It is tried again within five minutes.
    site.until_ready(REFUSED, within_s=420)


def test_an_image_that_is_not_there_is_told_of_the_node_type_in_the_platforms_words(site):
    # A registry that Knative does not ask for digests by default, so that it is the node that finds out.
    settings = (site.kubectl.get("configmap", "config-deployment", "knative-serving") or {}).get("data") or {}
    if "dev.local" not in settings.get("registries-skipping-tag-resolving", "dev.local"):
        pytest.skip("Knative looks up the digests of images in dev.local/, so that no node is asked for one")
    silent = shout_type("dev.local/flume-no-such-image:0", "silent")
    site.kubectl.apply([silent])
    site.kubectl.apply([NO_IMAGE])
    try:
        message = site.until_told("nodetypes.flume.dev", "silent", "ImagePull", namespace=NAMESPACE)
        assert "dev.local/flume-no-such-image:0 can't be pulled" in message
    finally:
        site.kubectl.delete("pipelines.flume.dev", "no-image", TEAM)
        site.kubectl.delete("nodetypes.flume.dev", "silent", NAMESPACE)
