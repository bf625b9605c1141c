import pytest

from flume.ids import RunId
from orchestrator.bus import InboxGrew, Progress
from orchestrator.buses.redis.outbox import MOST_WAITING, Letter, Outbox
from orchestrator.buses.redis.wire import MOST_FRAME, read_frame


@pytest.fixture
def outbox():
    return Outbox("me", "p:")


def test_messages_of_a_peer_go_out_together_and_in_order(outbox):
    outbox.tell("x", "a", InboxGrew(RunId("1")))
    outbox.tell("y", "a", InboxGrew(RunId("2")))
    outbox.tell("x", "b", InboxGrew(RunId("3")))
    outbox.post(Letter("p:all", b"first"))
    first, *letters = outbox.take()
    assert first == Letter("p:all", b"first")
    told = {letter.channel: read_frame(letter.content).items for letter in letters}
    assert told == {"p:x": (("a", InboxGrew("1")), ("b", InboxGrew("3"))), "p:y": (("a", InboxGrew("2")),)}
    assert outbox.is_empty
    assert outbox.take() == []


def test_what_waits_for_one_is_bounded_and_the_gap_is_told_once(outbox):
    for number in range(MOST_WAITING + 2):
        outbox.tell("x", "a", InboxGrew(RunId(str(number))))
    [letter] = outbox.take()
    news = read_frame(letter.content)
    assert news.has_gap
    assert [message.run_id for _, message in news.items] == [str(MOST_WAITING), str(MOST_WAITING + 1)]
    outbox.tell("x", "a", InboxGrew(RunId("after")))
    assert not read_frame(outbox.take()[0].content).has_gap


def test_what_goes_out_at_once_can_be_read_at_the_other_end(outbox):
    for _ in range(500):
        outbox.tell("x", "a", Progress(RunId("r"), "n", 1, 0, "x" * 60_000))
    rounds = 0
    while not outbox.is_empty:
        [letter] = outbox.take()
        assert len(letter.content) < MOST_FRAME
        rounds += 1
    assert rounds > 10


async def test_who_waits_is_woken_and_what_is_dropped_wakes_nobody(outbox):
    outbox.tell("x", "a", InboxGrew(RunId("1")))
    await outbox.wait()
    outbox.clear()
    assert outbox.is_empty
    assert outbox.take() == []
