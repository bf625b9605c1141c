"""PingSources: the cron triggers of pipelines. Each sends an event straight to its pipeline's address when it is due.

The event says which trigger it stands for, so that the run records a cron trigger and not an event.
"""

import json

from flume.pipeline import CronTrigger, Pipeline
from flume.problems import Problem
from flume.values import JsonValue
from knative.cluster import Cluster
from knative.manifests.objects import Manifest, Metadata, Owner, manifest
from knative.manifests.triggers import pipeline_labels
from knative.names import object_name
from knative.ping_schedules import ping_schedule

API = "sources.knative.dev/v1"

TRIGGER = "flumetrigger"

NOT_ON_KNATIVE = "schedule-not-on-knative"
"""The code of a schedule that no PingSource can do. The orchestrator fires it itself, so that it stands in nobody's way."""


def ping_source(
    pipeline: Pipeline, trigger: CronTrigger, address: str, cluster: Cluster, owner: Owner | None = None
) -> Manifest | Problem:
    """The PingSource of a cron trigger; a problem if a PingSource can't do what its schedule says."""
    schedule = ping_schedule(trigger.schedule)
    if schedule is None:
        return Problem(
            NOT_ON_KNATIVE,
            "",
            f"trigger '{trigger.id}': a PingSource can't do '{trigger.schedule}', so that the orchestrator fires it itself",
            "five fields (no seconds) of numbers, names, ranges, steps and lists are what a PingSource can do",
        )
    identity = (pipeline.namespace, pipeline.name, trigger.id)
    metadata = Metadata(
        object_name("cron", *identity), cluster.namespace, "trigger", pipeline_labels(*identity), owner=owner
    )
    spec = {
        "schedule": schedule,
        "timezone": trigger.timezone or cluster.timezone,
        **_content(trigger.data),
        "ceOverrides": {"extensions": {TRIGGER: trigger.id}},
        "sink": {"uri": address},
    }
    return manifest(API, "PingSource", metadata, spec=spec)


def _content(data: JsonValue) -> Manifest:
    if data is None:
        return {}
    # As plain application/json Knative takes objects alone.
    content_type = "application/json" if isinstance(data, dict) else "application/json; charset=utf-8"
    return {"contentType": content_type, "data": json.dumps(data, ensure_ascii=False, sort_keys=True)}
