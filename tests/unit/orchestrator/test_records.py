"""What a store writes of a run reads back as the same run, whatever stood in it."""

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flume.ids import Instance, Millis, NodeId, PipelineId, RunId
from orchestrator.records import (
    from_failure,
    from_node,
    from_origin,
    from_output,
    from_scope,
    from_stored,
    inline,
    to_failure,
    to_node,
    to_origin,
    to_output,
    to_scope,
    to_stored,
)
from orchestrator.state import (
    NULL,
    AttemptRecord,
    Failure,
    LoopState,
    ManyOutputs,
    NodeState,
    NodeStatus,
    PayloadRef,
    Phase,
    RunOrigin,
    RunStatus,
    Scope,
    SingleOutput,
    TriggerRecord,
)

EXAMPLES = settings(max_examples=30, derandomize=True, database=None, deadline=None)

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.dictionaries(TEXTS, VALUES, max_size=3)
COUNTS = st.integers(0, 3) | st.integers(0, 2**63 - 1)
MOMENTS = st.builds(Millis, st.just(0) | st.integers(0, 2**53))
IDS = st.text("0123456789abcdef", min_size=24, max_size=24)
NODES = st.sampled_from(["fetch", "each", "a-1"]).map(NodeId)
INSTANCES = st.sampled_from(["fetch", "each[3].fetch", ""]).map(Instance)
POSITIONS = st.lists(COUNTS, max_size=3).map(tuple)

STORED = VALUES.map(inline) | st.builds(PayloadRef, IDS, COUNTS)
FAILURES = st.builds(Failure, TEXTS, TEXTS, st.booleans(), st.none() | INSTANCES)
OUTPUTS = st.builds(SingleOutput, NODES, STORED) | st.builds(ManyOutputs, st.dictionaries(NODES, STORED))


def maybe(values):
    return st.none() | values


ATTEMPTS = st.builds(AttemptRecord, COUNTS, MOMENTS, MOMENTS, maybe(FAILURES), maybe(OBJECTS))
LOOPS = st.builds(
    LoopState,
    total=maybe(COUNTS),
    next=COUNTS,
    active=POSITIONS,
    redo=POSITIONS,
    succeeded=COUNTS,
    failed=COUNTS,
    deciding=st.booleans(),
    gathering=st.booleans(),
    items=maybe(STORED),
    last=maybe(OUTPUTS),
)
NODE_STATES = st.builds(
    NodeState,
    status=st.sampled_from(NodeStatus),
    attempt=COUNTS,
    answered=COUNTS,
    recoveries=COUNTS,
    released=st.booleans(),
    phase=maybe(st.sampled_from(Phase)),
    ready_at=maybe(MOMENTS),
    started_at=maybe(MOMENTS),
    completed_at=maybe(MOMENTS),
    due_at=maybe(MOMENTS),
    port=maybe(TEXTS),
    output=maybe(STORED),
    meta=maybe(OBJECTS),
    error=maybe(FAILURES),
    attempts=st.lists(ATTEMPTS, max_size=2).map(tuple),
    loop=maybe(LOOPS),
)
SCOPES = st.builds(
    Scope,
    status=st.sampled_from(RunStatus),
    nodes=st.dictionaries(NODES, NODE_STATES, max_size=2),
    arrivals=st.just({}),
    unsettled=st.just(0),
    started_at=maybe(MOMENTS),
    completed_at=maybe(MOMENTS),
    output=maybe(OUTPUTS),
    error=maybe(FAILURES),
)
ORIGINS = st.builds(
    RunOrigin,
    id=IDS.map(RunId),
    namespace=TEXTS,
    pipeline_id=IDS.map(PipelineId),
    pipeline=TEXTS,
    version=COUNTS,
    trigger=st.builds(TriggerRecord, TEXTS, TEXTS, STORED, OBJECTS),
    inputs=STORED,
    created_at=MOMENTS,
    start_key=maybe(TEXTS),
    body_hash=maybe(TEXTS),
    attempt=COUNTS,
    retry_of=maybe(IDS.map(RunId)),
    test=st.booleans(),
    definition=maybe(TEXTS),
    pins=st.dictionaries(NODES, VALUES, max_size=2),
    until=maybe(NODES),
    hops=COUNTS,
    traceparent=maybe(TEXTS),
)

FREE = {"value", "meta", "timing", "detail", "pins"}
"""Keys whose values belong to people: nothing is added in them."""

KEYED = {"nodes", "each"}
"""Keys whose objects are keyed by node."""


def origin_of(record, origin):
    """What a store does: some facts stand in columns of its own."""
    return to_origin(
        record,
        id=origin.id,
        namespace=origin.namespace,
        pipeline_id=origin.pipeline_id,
        pipeline=origin.pipeline,
        version=origin.version,
        trigger_type=origin.trigger.type,
        trigger_id=origin.trigger.id,
        created_at=origin.created_at,
        start_key=origin.start_key,
        attempt=origin.attempt,
        retry_of=origin.retry_of,
        test=origin.test,
    )


def through_json(record):
    return orjson.loads(orjson.dumps(record))


def of_tomorrow(record):
    """A record as a newer Flume might write it: with a key more in each object that is ours."""
    if isinstance(record, list):
        return [of_tomorrow(each) for each in record]
    if not isinstance(record, dict):
        return record
    added = {key: _one_more(key, value) for key, value in record.items()}
    return added | {"of-tomorrow": {"value": 1}}


def _one_more(key, value):
    if key in FREE:
        return value
    if key in KEYED:
        return {node: of_tomorrow(each) for node, each in value.items()}
    return of_tomorrow(value)


def check(state, write, read):
    """That ``read`` undoes ``write``: of plain objects, of JSON, of JSON with what was encoded before, and of more."""
    plain = write(state, raw=False)
    as_json = through_json(plain)
    assert through_json(write(state, raw=True)) == as_json
    for record in (plain, as_json, of_tomorrow(as_json)):
        assert read(record) == state


@pytest.mark.slow
@EXAMPLES
@given(NODE_STATES)
def test_a_node_comes_back_as_it_was(state):
    check(state, from_node, to_node)


@pytest.mark.slow
@EXAMPLES
@given(SCOPES)
def test_an_item_comes_back_as_it_was(scope):
    check(scope, from_scope, to_scope)


@pytest.mark.slow
@EXAMPLES
@given(ORIGINS)
def test_what_a_run_was_made_with_comes_back_as_it_was(origin):
    check(origin, from_origin, lambda record: origin_of(record, origin))


@EXAMPLES
@given(STORED)
def test_a_value_comes_back_as_it_was_with_its_size(stored):
    check(stored, from_stored, to_stored)
    assert to_stored(through_json(from_stored(stored, raw=True))).size == stored.size


@EXAMPLES
@given(OUTPUTS)
def test_an_output_comes_back_as_it_was(output):
    check(output, from_output, to_output)


@EXAMPLES
@given(FAILURES)
def test_a_failure_comes_back_as_it_was(failure):
    check(failure, lambda failure, raw: from_failure(failure), to_failure)


EMPTY_BUT_THERE = [
    NodeState(NodeStatus.COMPLETED, meta={}),
    NodeState(NodeStatus.COMPLETED, port=""),
    NodeState(NodeStatus.COMPLETED, output=NULL),
    NodeState(NodeStatus.WAITING, due_at=Millis(0)),
    NodeState(NodeStatus.RUNNING, ready_at=Millis(0), started_at=Millis(0), completed_at=Millis(0)),
    NodeState(NodeStatus.FAILED, attempts=(AttemptRecord(1, Millis(0), Millis(0), None, {}),)),
    NodeState(NodeStatus.RUNNING, loop=LoopState(0, items=inline([]), last=ManyOutputs({}))),
    NodeState(NodeStatus.FAILED, error=Failure("", "", node=Instance(""))),
]


@pytest.mark.parametrize("state", EMPTY_BUT_THERE, ids=range(len(EMPTY_BUT_THERE)))
def test_what_is_empty_or_zero_is_not_taken_for_what_is_not_there(state):
    check(state, from_node, to_node)


def test_a_node_that_nothing_is_known_of_takes_a_few_bytes():
    assert from_node(NodeState(NodeStatus.PENDING)) == {"status": "pending"}


def test_a_value_is_not_encoded_a_second_time():
    stored = inline({"b": 1, "a": [1.0, "ü"]})
    assert orjson.dumps(from_stored(stored, raw=True)) == b'{"value":' + stored.encoded + b"}"
