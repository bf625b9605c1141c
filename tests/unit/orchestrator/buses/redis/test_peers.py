from orchestrator.buses.redis.peers import MOST_PEERS, Peers


def test_who_watches_a_topic_is_known_from_what_each_said_last():
    peers = Peers()
    peers.replace("x", ["a", "b"], 0)
    peers.replace("y", ["b"], 0)
    assert (set(peers.watchers("a")), set(peers.watchers("b"))) == ({"x"}, {"x", "y"})
    peers.change("x", ["c"], ["a"])
    assert not peers.has_watchers("a")
    assert set(peers.watchers("c")) == {"x"}
    peers.replace("x", ["a"], 1)
    assert (set(peers.watchers("a")), set(peers.watchers("b")), peers.has_watchers("c")) == ({"x"}, {"y"}, False)


def test_one_that_is_silent_for_long_is_forgotten_with_all_that_it_watches():
    peers = Peers()
    peers.replace("x", ["a"], 0)
    peers.replace("y", ["a"], 0)
    assert peers.hear("y", 5)
    peers.forget_silent(3)
    assert set(peers.watchers("a")) == {"y"}
    assert not peers.hear("x", 6)


def test_strangers_take_no_more_room_than_they_may():
    peers = Peers()
    for number in range(MOST_PEERS + 10):
        peers.replace(str(number), ["a"], 0)
    assert len(peers.watchers("a")) == MOST_PEERS


def test_nothing_is_left_of_what_was_forgotten():
    peers = Peers()
    peers.replace("x", ["a"], 0)
    peers.forget("x")
    peers.forget("x")
    peers.replace("y", ["a"], 0)
    peers.clear()
    assert (peers._heard_at, peers._topics, peers._watchers) == ({}, {}, {})
