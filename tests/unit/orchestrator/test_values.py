import pytest

from orchestrator.records import inline
from orchestrator.state import Inline, ManyOutputs, PayloadRef, SingleOutput
from orchestrator.store import Payload
from orchestrator.values import (
    MAX_CACHED_BYTES,
    MAX_INLINE_BYTES,
    MAX_INLINE_RUN_BYTES,
    SMALL_BYTES,
    HeldValues,
    NotLoadedError,
    PayloadCache,
    RunValues,
)


class Store:
    """Payloads by id; counts reads."""

    def __init__(self, **contents):
        self.contents = contents
        self.reads = []

    async def read_payload(self, payload_id):
        self.reads.append(payload_id)
        content = self.contents.get(payload_id)
        return None if content is None else Payload(payload_id, content)


def keep(value, inline_bytes=0):
    return RunValues(Store()).keep(value, inline_bytes=inline_bytes, new_id=lambda: "new")


def text_of(size):
    """A text whose JSON has ``size`` bytes."""
    return "x" * (size - 2)


@pytest.mark.parametrize(
    ("size", "held", "kind"),
    [
        (MAX_INLINE_BYTES, 0, Inline),
        (MAX_INLINE_BYTES + 1, 0, PayloadRef),
        (1000, MAX_INLINE_RUN_BYTES - 1000, Inline),
        (1000, MAX_INLINE_RUN_BYTES - 999, PayloadRef),
        (SMALL_BYTES, MAX_INLINE_RUN_BYTES, Inline),
        (SMALL_BYTES + 1, MAX_INLINE_RUN_BYTES, PayloadRef),
    ],
)
def test_a_value_is_kept_apart_if_it_is_large_or_the_run_holds_much(size, held, kind):
    stored, payload = keep(text_of(size), held)
    assert (type(stored), stored.size) == (kind, size)
    assert (payload is not None) == (kind is PayloadRef)


def test_size_is_that_of_the_json_and_not_of_the_text():
    stored, _ = keep("바다")
    assert stored.size == len('"바다"'.encode())


async def test_a_value_kept_apart_is_in_memory_until_there_are_too_many():
    values = RunValues(Store())
    first, _ = values.keep("a" * 70_000, inline_bytes=0, new_id=lambda: "first")
    assert values.of(first) == "a" * 70_000
    values.remember(PayloadRef("large", MAX_CACHED_BYTES), "large")
    with pytest.raises(NotLoadedError) as missing:
        values.of(first)
    assert missing.value.ref == first
    assert values.of(PayloadRef("large", MAX_CACHED_BYTES)) == "large"


async def test_a_payload_is_read_once_while_it_is_in_memory():
    store = Store(a=b"[1]")
    values, ref = RunValues(store), PayloadRef("a", 3)
    assert await values.load(ref) == await values.load(ref) == [1]
    assert store.reads == ["a"]


async def test_a_payload_that_is_gone_is_named():
    with pytest.raises(LookupError, match="payload a is gone"):
        await RunValues(Store()).load(PayloadRef("a", 3))


async def test_remembering_a_payload_twice_counts_it_once():
    values = RunValues(Store())
    half = MAX_CACHED_BYTES // 2
    for _ in range(5):
        values.remember(PayloadRef("a", half), "a")
    values.remember(PayloadRef("b", half), "b")
    assert values.of(PayloadRef("a", half)) == "a"


def sized(name, size):
    return PayloadRef(name, size)


async def test_all_runs_share_one_bound_and_what_was_used_longest_ago_goes_first():
    cache, store = PayloadCache(100), Store(a=b"1", b=b"2", c=b"3")
    one, other = RunValues(store, cache), RunValues(store, cache)
    await one.load(sized("a", 40))
    await other.load(sized("b", 40))
    one.of(sized("a", 40))
    await other.load(sized("c", 40))
    assert (one.of(sized("a", 40)), other.of(sized("c", 40))) == (1, 3)
    with pytest.raises(NotLoadedError):
        other.of(sized("b", 40))


async def test_a_run_that_leaves_takes_its_payloads_along_and_makes_room():
    cache, store = PayloadCache(100), Store(a=b"1", b=b"2", c=b"3")
    one, other = RunValues(store, cache), RunValues(store, cache)
    await one.load(sized("a", 60))
    await other.load(sized("b", 40))
    one.forget()
    await other.load(sized("c", 60))
    assert (other.of(sized("b", 40)), other.of(sized("c", 60))) == (2, 3)
    with pytest.raises(NotLoadedError):
        one.of(sized("a", 60))


async def test_a_payload_that_made_room_for_another_is_not_dropped_again_by_its_run():
    cache, store = PayloadCache(100), Store(a=b"1", b=b"2")
    one, other = RunValues(store, cache), RunValues(store, cache)
    await one.load(sized("a", 60))
    await other.load(sized("b", 60))
    await other.load(sized("a", 60))
    one.forget()
    assert other.of(sized("a", 60)) == 1


async def test_an_attempt_keeps_what_it_loaded_however_much_that_is():
    values = RunValues(Store(a=b"1", b=b"2"))
    held = HeldValues(values)
    first, second = PayloadRef("a", MAX_CACHED_BYTES), PayloadRef("b", MAX_CACHED_BYTES)
    await held.load(first)
    await held.load(second)
    assert (held.of(first), held.of(second)) == (1, 2)
    with pytest.raises(NotLoadedError):
        values.of(first)


async def test_outputs_are_read_as_scopes_give_them():
    values = RunValues(Store(a=b"1"))
    ref = PayloadRef("a", 1)
    assert await values.load_output(None) is None
    assert await values.load_output(SingleOutput("n", ref)) == 1
    assert await values.load_output(ManyOutputs({"n": ref, "m": inline("x")})) == {"n": 1, "m": "x"}
    assert HeldValues(values).of_output(ManyOutputs({"m": inline("x")})) == {"m": "x"}
    assert values.of_output(None) is None
