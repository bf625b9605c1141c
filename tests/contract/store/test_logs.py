import pytest

from flume.errors import RequestError
from flume.ids import Instance
from orchestrator.store import LogFilter


async def messages(store, wanted, limit=100):
    """The messages of all lines of a search, page by page."""
    found, cursor = [], None
    while True:
        page = await store.search_logs(wanted, limit=limit, cursor=cursor)
        found += [item.line.message for item in page.items]
        cursor = page.cursor
        if cursor is None:
            return found


async def test_lines_come_in_the_order_in_which_they_were_stored(store, build, keep):
    await keep(build.run(1))
    late, early = build.line(0, at=50), build.line(1, at=20, fields={"a": [1]}, level="error")
    other = build.line(0, instance=Instance("each[3].parse"), attempt=2)
    await store.save_logs(build.run_id(1), [late, early])
    await store.save_logs(build.run_id(1), [other])
    assert (await store.read_logs(build.run_id(1))).items == (late, early, other)


async def test_the_cursor_is_the_place_after_the_last_line_also_at_the_end(store, build, keep):
    await keep(build.run(1))
    empty = await store.read_logs(build.run_id(1))
    assert empty.items == ()
    await store.save_logs(build.run_id(1), [build.line(0), build.line(1), build.line(2)])
    first = await store.read_logs(build.run_id(1), after=empty.cursor, limit=2)
    second = await store.read_logs(build.run_id(1), after=first.cursor)
    end = await store.read_logs(build.run_id(1), after=second.cursor)
    assert [line.sequence for line in first.items + second.items + end.items] == [0, 1, 2]
    await store.save_logs(build.run_id(1), [build.line(3)])
    more = await store.read_logs(build.run_id(1), after=end.cursor)
    assert [line.sequence for line in more.items] == [3]


async def test_lines_of_one_instance_are_read_alone(store, build, keep):
    await keep(build.run(1))
    parse = Instance("parse")
    mixed = [
        build.line(0, attempt=2),
        build.line(0, instance=parse),
        build.line(0, attempt=1),
        build.line(1, instance=parse),
    ]
    await store.save_logs(build.run_id(1), mixed)
    first = await store.read_logs(build.run_id(1), instance=Instance("fetch"), limit=1)
    rest = await store.read_logs(build.run_id(1), instance=Instance("fetch"), after=first.cursor)
    assert first.items + rest.items == (mixed[0], mixed[2])


async def test_the_same_line_again_changes_nothing(store, build, keep):
    await keep(build.run(1))
    await store.save_logs(build.run_id(1), [build.line(0), build.line(1)])
    await store.save_logs(build.run_id(1), [build.line(1), build.line(0), build.line(2)])
    assert [line.sequence for line in (await store.read_logs(build.run_id(1))).items] == [0, 1, 2]


async def test_lines_of_a_run_that_does_not_exist_are_dropped(store, build):
    await store.save_logs(build.run_id(1), [build.line(0)])
    assert (await store.read_logs(build.run_id(1))).items == ()


async def test_a_search_goes_over_runs_the_newest_line_first(store, build, keep):
    await keep(build.run(1), logs=(build.line(0, "a", at=30), build.line(1, "b", at=10)))
    await keep(build.run(2, pipeline="other"), logs=(build.line(0, "c", at=20),))
    await keep(build.run(3, namespace="blue"), logs=(build.line(0, "d", at=40),))
    page = await store.search_logs(LogFilter("default"), limit=10)
    assert [(found.run_id, found.pipeline, found.line.message) for found in page.items] == [
        (build.run_id(1), "demo", "a"),
        (build.run_id(2), "other", "c"),
        (build.run_id(1), "demo", "b"),
    ]
    assert page.cursor is None


async def test_pages_of_a_search_follow_each_other_without_gap_or_repetition(store, build, keep):
    lines = tuple(build.line(number, str(number), at=number // 4) for number in range(11))
    await keep(build.run(1), logs=lines)
    for limit in (1, 2, 3, 11, 12):
        assert await messages(store, LogFilter("default"), limit) == [str(number) for number in range(10, -1, -1)]


@pytest.mark.parametrize("text", ["GROSSE", "grosse", "été", "ÉTÉ", "50%", "a_b", "[x]", "*?", "한국", "привет"])
async def test_a_search_finds_text_whatever_its_case(store, build, keep, text):
    await keep(
        build.run(1),
        logs=(
            build.line(0, "Die Grosse Sache, l'Été, 50% of a_b [x] *? 한국어 ПРИВЕТ"),
            build.line(1, "axb 5000 x y ete"),
        ),
    )
    found = await store.search_logs(LogFilter("default", text=text), limit=10)
    assert [item.line.sequence for item in found.items] == [0]


async def test_filters_narrow_a_search(store, build, keep):
    parse = Instance("parse")
    await keep(
        build.run(1),
        logs=(
            build.line(0, "a", at=1, level="debug"),
            build.line(1, "b", at=2),
            build.line(0, "c", at=3, instance=parse),
        ),
    )
    await keep(build.run(2, pipeline="other"), logs=(build.line(0, "d", at=4, level="error"),))
    assert await messages(store, LogFilter("default", levels=("error", "debug"))) == ["d", "a"]
    assert await messages(store, LogFilter("default", pipeline="other")) == ["d"]
    assert await messages(store, LogFilter("default", run_id=build.run_id(1))) == ["c", "b", "a"]
    assert await messages(store, LogFilter("default", run_id=build.run_id(1), text="B")) == ["b"]
    assert await messages(store, LogFilter("blue", run_id=build.run_id(1))) == []
    assert await messages(store, LogFilter("default", instance=parse)) == ["c"]
    assert await messages(store, LogFilter("default", since=2, until=4), limit=1) == ["c", "b"]
    assert await messages(store, LogFilter("default", since=3, run_id=build.run_id(1))) == ["c"]


async def test_cursors_that_are_none_are_refused(store, build):
    with pytest.raises(RequestError, match="cursor"):
        await store.read_logs(build.run_id(1), after="nonsense")
    with pytest.raises(RequestError, match="cursor"):
        await store.search_logs(LogFilter("default"), limit=1, cursor="nonsense")
