"""The checker of histories finds what is wrong in histories that are."""

from dataclasses import replace

import pytest

from tests.faults.history import Acknowledged, Effect, History, Node, Sight, faults_in

DONE = Sight("r1", 5, "completed", {"call": Node("completed", 1, 7)})
GOOD = History(
    acknowledged=[Acknowledged("key:1", "r1"), Acknowledged("key:1", "r1")],
    watchers={
        "ann": [
            Sight("r1", 1, "pending"),
            Sight("r2", 9, "running"),
            Sight("r1", 2, "running", {"call": Node("running", 1)}),
            Sight("r1", 2, "running", {"call": Node("running", 1)}),
            DONE,
        ],
        "bob": [Sight("r1", 3, "running", {"call": Node("retrying", 1)}), DONE],
    },
    last=[DONE, Sight("r2", 9, "failed", {"call": Node("skipped")})],
    keys={"r1": "key:1", "r2": "key:2"},
    effects=[Effect("r1/call/0", b"x", 6), Effect("r1/call/0", b"x", 7), Effect("r3/call/0", b"y", 8)],
    with_effect=frozenset({"call"}),
    taken=["key:2", "key:2"],
    held_up=[
        DONE,
        Sight("r1", 2, "running", {"call": Node("retrying")}),
        Sight("r2", 3, "running", {"call": Node("completed"), "each": Node("running")}),
    ],
    with_moments=frozenset({"each"}),
    attempts_allowed=1,
    repeats_explained=1,
)


def test_nothing_is_found_in_what_is_well():
    assert faults_in(GOOD) == []
    assert faults_in(History()) == []


def sees(*sights):
    return {"watchers": {"ann": list(sights)}}


def ran(**changes):
    return {"last": [replace(DONE, **changes)]}


RUNNING = Sight("r1", 2, "running", {"call": Node("running", 2)})

WRONG = {
    "lost: run r7, acknowledged for key:7": {"acknowledged": [Acknowledged("key:7", "r7")]},
    "made twice: key:1 has the runs r1, r2": {
        "acknowledged": [Acknowledged("key:1", "r1"), Acknowledged("key:1", "r2")]
    },
    "made twice: key:2 has the runs r1, r2": {"keys": {"r1": "key:2", "r2": "key:2"}, "acknowledged": []},
    "stuck: run r1 is running": ran(status="running"),
    "stuck: run r1 has ended, and its node call is waiting": ran(nodes={"call": Node("waiting", 1)}),
    "held up: run r1 was running": {"held_up": [Sight("r1", 2, "running", {"call": Node("running")})]},
    "held up: run r2 was pending": {"held_up": [Sight("r2", 1, "pending", {"each": Node("pending")})]},
    "saw run r1 at revision 2 after 5": sees(DONE, replace(DONE, rev=2)),
    "saw run r1 running after it was completed": sees(replace(DONE, nodes={}), Sight("r1", 6, "running")),
    "saw run r1 failed after it was completed": sees(replace(DONE, nodes={}), Sight("r1", 6, "failed")),
    "saw run r1 pending after it was running": sees(Sight("r1", 2, "running"), Sight("r1", 3, "pending")),
    "with node call running after it was failed": sees(replace(RUNNING, nodes={"call": Node("failed", 2)}), RUNNING),
    "with node call at attempt 1 after 2": sees(RUNNING, replace(RUNNING, nodes={"call": Node("running", 1)})),
    "recorded twice: node call of run r1 had the outputs [6, 7]": sees(
        replace(DONE, nodes={"call": Node("completed", 1, 6)})
    ),
    "another effect: r3/call/0 was asked for with different bodies": {
        "effects": [*GOOD.effects, Effect("r3/call/0", b"z", 9)]
    },
    "lost: event:shop#9 was acknowledged": {"taken": ["key:2", "event:shop#9"]},
    "made twice: due:tick:5 has the runs r1, r2": {
        "keys": {"r1": "due:tick:5", "r2": "due:tick:5"},
        "acknowledged": [],
        "taken": [],
    },
    "too often: node call of run r1 is at attempt 2": ran(nodes={"call": Node("completed", 2, 7)}),
    "done again: r3/call/0 was asked for 3 times, and 1 processes died": {
        "effects": [*GOOD.effects, Effect("r3/call/0", b"y", 9), Effect("r3/call/0", b"y", 10)]
    },
    "no effect: node call of run r1 has completed with 7": {"effects": [Effect("r1/call/0", b"x", 6)]},
}


@pytest.mark.parametrize("fault", WRONG)
def test_what_is_wrong_is_found_and_nothing_else(fault):
    found = faults_in(replace(GOOD, **WRONG[fault]))
    assert len(found) == 1
    assert fault in found[0]
