"""A record reads back from its line as it was, whatever stood in it."""

import json
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flume.ids import ROOT
from flume.pipeline import PipelineStatus
from orchestrator.state import Run
from orchestrator.store import (
    Audience,
    AuditEntry,
    InboxEntry,
    LogLine,
    OutboxEntry,
    PackagedTypeRecord,
    Payload,
    PipelineRecord,
    Schedule,
    StoredRun,
    VersionRecord,
)
from orchestrator.transfer.lines import KINDS, UNREADABLE, decode, encode
from orchestrator.transfer.store import HeldPayload, Item, Key, Line, Record
from tests.unit.orchestrator.test_records import (
    COUNTS,
    EXAMPLES,
    IDS,
    INSTANCES,
    MOMENTS,
    NODES,
    OBJECTS,
    ORIGINS,
    SCOPES,
    TEXTS,
    maybe,
)


def tuples(values):
    return st.lists(values, max_size=2).map(tuple)


LOG_LINES = st.builds(LogLine, INSTANCES, COUNTS, COUNTS, MOMENTS, TEXTS, TEXTS, OBJECTS)
RUNS = st.builds(
    Run,
    ORIGINS,
    SCOPES.map(lambda root: {ROOT: root}),
    deadline_at=maybe(MOMENTS),
    response=maybe(NODES),
    inline_bytes=COUNTS,
    state_version=COUNTS,
)
RECORDS = {
    Key: st.builds(Key, TEXTS, st.binary(max_size=40)),
    PackagedTypeRecord: st.builds(PackagedTypeRecord, TEXTS, TEXTS, OBJECTS),
    PipelineRecord: st.builds(
        PipelineRecord,
        id=IDS,
        namespace=TEXTS,
        name=TEXTS,
        description=TEXTS,
        labels=st.dictionaries(TEXTS, TEXTS, max_size=2),
        status=st.sampled_from(PipelineStatus),
        version=COUNTS,
        triggers=tuples(OBJECTS),
        managed_by=TEXTS,
        created_at=MOMENTS,
        updated_at=MOMENTS,
        rev=COUNTS,
        draft=maybe(TEXTS),
        disabled_triggers=tuples(TEXTS),
        source=maybe(TEXTS),
    ),
    VersionRecord: st.builds(
        VersionRecord, IDS, COUNTS, TEXTS, TEXTS, TEXTS, OBJECTS, st.dictionaries(TEXTS, OBJECTS), MOMENTS, TEXTS
    ),
    Schedule: st.builds(Schedule, IDS, TEXTS, TEXTS, maybe(MOMENTS), maybe(MOMENTS), maybe(IDS), COUNTS),
    StoredRun: st.builds(
        StoredRun,
        RUNS,
        rev=COUNTS,
        owner=maybe(TEXTS),
        wake_at=maybe(MOMENTS),
        node_revs=st.dictionaries(NODES, COUNTS, max_size=2),
        expires_at=maybe(MOMENTS),
        damage=st.just(""),
    ),
    Item: st.builds(Item, IDS, INSTANCES, COUNTS, SCOPES),
    Line: st.builds(Line, IDS, LOG_LINES),
    InboxEntry: st.builds(InboxEntry, IDS, IDS, INSTANCES, COUNTS, TEXTS, OBJECTS, MOMENTS),
    HeldPayload: st.builds(HeldPayload, st.builds(Payload, IDS, st.binary(max_size=40), TEXTS), tuples(IDS)),
    OutboxEntry: st.builds(OutboxEntry, TEXTS, st.sampled_from(Audience), TEXTS, MOMENTS, OBJECTS),
    AuditEntry: st.builds(AuditEntry, IDS, MOMENTS, TEXTS, TEXTS, TEXTS, TEXTS, TEXTS, maybe(OBJECTS), maybe(OBJECTS)),
}


def test_every_record_has_a_name():
    assert set(KINDS) == set(get_args(Record)) == set(RECORDS)


@pytest.mark.slow
@pytest.mark.parametrize("kind", RECORDS)
@EXAMPLES
@given(data=st.data())
def test_a_record_reads_back_as_it_was(kind, data):
    record = data.draw(RECORDS[kind])
    line = encode(record)
    assert decode(line) == record
    assert encode(decode(line)) == line
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1


def test_a_line_says_what_it_holds():
    line = encode(Line("1" * 24, LogLine("fetch", 1, 0, 7, "info", "hello")))
    assert json.loads(line)["log"]["message"] == "hello"
    assert line.startswith(b'{"log":')


def test_a_key_is_not_shown_by_its_record():
    assert "hush" not in repr(Key("tokens", b"hush"))


@pytest.mark.parametrize(
    "line",
    [b"", b"null\n", b"[]\n", b"{}\n", b'{"log":{}}\n', b'{"else":{}}\n', b'{"key":{"name":"a","content":"?"}}\n'],
)
def test_what_is_no_record_is_none(line):
    with pytest.raises(UNREADABLE):
        decode(line)
