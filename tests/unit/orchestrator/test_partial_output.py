from orchestrator.bus import Progress
from orchestrator.partial_output import MAX_KEPT, MAX_PIECES, PartialOutput


def kept(output):
    return [(each.instance, each.attempt, each.offset, each.text) for each in output.so_far("run")]


def test_pieces_of_an_attempt_become_one_text_from_the_beginning():
    output = PartialOutput()
    output.add("a", 1, "one ")
    output.add("b", 2, "other")
    output.add("a", 1, "two")
    assert next(output.so_far("run")) == Progress("run", "a", 1, 0, "one two")
    assert kept(output) == [("a", 1, 0, "one two"), ("b", 2, 0, "other")]


def test_an_attempt_that_is_over_is_forgotten():
    output = PartialOutput()
    output.add("a", 1, "x")
    output.end("a", 1)
    output.end("a", 1)
    assert kept(output) == []


def test_of_a_long_text_the_end_is_kept_and_its_offset_tells_how_much_is_not():
    output = PartialOutput()
    output.add("a", 1, "x" * (MAX_KEPT - 1))
    output.add("a", 1, "yz")
    assert kept(output) == [("a", 1, MAX_KEPT - 1, "yz")]
    output.add("a", 1, "v" * 10 + "w" * MAX_KEPT)
    assert kept(output) == [("a", 1, MAX_KEPT + 11, "w" * MAX_KEPT)]


def test_many_small_pieces_are_bounded_too():
    output = PartialOutput()
    for _ in range(MAX_PIECES + 3):
        output.add("a", 1, "x")
    assert kept(output) == [("a", 1, 3, "x" * MAX_PIECES)]
