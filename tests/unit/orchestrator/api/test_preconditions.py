import pytest
from starlette.datastructures import Headers

from flume.errors import ConflictError
from flume.ids import Millis, PipelineId
from flume.pipeline import PipelineStatus
from orchestrator.api.preconditions import read_precondition
from orchestrator.store import PipelineRecord


def at(rev):
    return PipelineRecord(
        PipelineId("0" * 24), "default", "a", "", {}, PipelineStatus.ACTIVE, 1, (), "api", Millis(0), Millis(0), rev
    )


@pytest.mark.parametrize(
    ("headers", "rev"),
    [
        ({"If-Match": '"2"'}, 1),
        ({"If-Match": '"1"'}, None),
        ({"If-Match": "*"}, None),
        ({"If-Match": 'W/"1"'}, 1),
        ({"If-Match": "1"}, 1),
        ({"If-Match": ""}, 1),
        ({"If-None-Match": "*"}, 1),
    ],
)
def test_a_condition_that_does_not_hold_is_a_conflict(headers, rev) -> None:
    with pytest.raises(ConflictError):
        read_precondition(Headers(headers)).check("a", None if rev is None else at(rev))


@pytest.mark.parametrize(
    ("headers", "rev"),
    [
        ({}, 1),
        ({}, None),
        ({"If-Match": '"2", "1"'}, 1),
        ({"If-Match": "*"}, 7),
        ({"If-None-Match": "*"}, None),
        ({"If-None-Match": '"1"'}, 1),
    ],
)
def test_a_condition_that_holds_lets_the_call_through(headers, rev) -> None:
    read_precondition(Headers(headers)).check("a", None if rev is None else at(rev))
