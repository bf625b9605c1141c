"""Which thread does the work; that is all there is to it."""

import threading

import pytest

from eventing.aside import ASIDE_FROM, aside


async def test_small_work_is_done_at_once_and_large_work_in_another_thread():
    here = threading.get_ident()

    assert await aside(ASIDE_FROM - 1, threading.get_ident) == here
    assert await aside(ASIDE_FROM, threading.get_ident) != here


@pytest.mark.parametrize("size", [0, ASIDE_FROM])
async def test_what_the_work_gives_or_raises_is_what_comes_of_it(size):
    assert await aside(size, int, "ff", base=16) == 255
    with pytest.raises(ValueError, match="invalid literal"):
        await aside(size, int, "x")
