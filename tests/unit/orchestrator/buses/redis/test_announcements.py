import asyncio

import pytest

from orchestrator.buses.redis.announcements import MOST_OPEN, Announcements


@pytest.fixture
def told():
    return []


@pytest.fixture
def announcements(told):
    return Announcements(lambda topics: told.append(tuple(topics)), answer_s=0.01)


async def test_watchers_are_told_once_when_all_have_heard(announcements, told):
    number = announcements.number(("a",))
    announcements.sent(number, 2)
    announcements.heard(number)
    assert told == []
    announcements.heard(number)
    assert told == [("a",)]
    await asyncio.sleep(0.02)
    assert told == [("a",)]


async def test_answers_may_come_before_it_is_known_how_many_there_are_to_be(announcements, told):
    number = announcements.number(("a",))
    announcements.heard(number)
    announcements.heard(number)
    assert told == []
    announcements.sent(number, 2)
    assert told == [("a",)]


async def test_nobody_needs_to_be_told_where_nobody_else_is(announcements, told):
    announcements.sent(announcements.number(("a",)), 0)
    await asyncio.sleep(0.02)
    assert told == []


async def test_one_that_does_not_answer_is_not_waited_for_and_each_late_answer_is_told(announcements, told):
    number = announcements.number(("a",))
    announcements.sent(number, 3)
    announcements.heard(number)
    await asyncio.sleep(0.03)
    assert told == [("a",)]
    announcements.heard(number)
    announcements.heard(number)
    assert told == [("a",)] * 3


async def test_answers_to_what_was_never_announced_or_is_forgotten_tell_nothing(announcements, told):
    announcements.heard(17)
    first = announcements.number(("a",))
    for _ in range(MOST_OPEN):
        announcements.number(("b",))
    announcements.sent(first, 1)
    announcements.heard(first)
    announcements.clear()
    announcements.heard(first + 1)
    assert told == []
