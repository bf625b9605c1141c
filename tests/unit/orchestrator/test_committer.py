import asyncio
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest

from flume.errors import StoreError
from orchestrator.committer import MAX_BATCH, Committer
from orchestrator.store import CommitResult, Verdict

WON = CommitResult(Verdict.WON)


class Store:
    """Takes batches one at a time, each when it is let; fails for as long as it has errors."""

    def __init__(self):
        self.batches = []
        self.errors = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def commit(self, commits):
        await self.gate.wait()
        self.batches.append([commit.id for commit in commits])
        if self.errors:
            raise self.errors.pop(0)
        return [WON] * len(commits)


def step(name, rev=1):
    return SimpleNamespace(id=name, expected_rev=rev)


@asynccontextmanager
async def working(store, **options):
    committer = Committer(store, **options)
    task = asyncio.create_task(committer.run())
    try:
        yield committer
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_what_comes_while_the_store_is_busy_goes_together():
    store, done = Store(), []
    async with working(store) as committer:
        store.gate.clear()
        committer.submit(step("a"), done.append)
        await asyncio.sleep(0)
        for name in "bcd":
            committer.submit(step(name), done.append)
        store.gate.set()
        await committer.drain()
    assert store.batches == [["a"], ["b", "c", "d"]]
    assert done == [WON] * 4


async def test_a_batch_is_bounded():
    store = Store()
    async with working(store) as committer:
        for number in range(MAX_BATCH + 1):
            committer.submit(step(number), lambda result: None)
        await committer.drain()
    assert [len(batch) for batch in store.batches] == [MAX_BATCH, 1]


async def test_a_step_of_a_run_that_exists_is_tried_until_it_is_stored(monkeypatch):
    monkeypatch.setattr("orchestrator.patience.DELAYS_S", (0.0,))
    store, done = Store(), []
    store.errors = [StoreError("full"), StoreError("full")]
    async with working(store) as committer:
        committer.submit(step("a"), done.append)
        await committer.drain()
        assert committer.failure is None
    assert store.batches == [["a"]] * 3
    assert done == [WON]


async def test_a_new_run_hears_of_the_error_at_once_and_is_not_tried_again(monkeypatch):
    monkeypatch.setattr("orchestrator.patience.DELAYS_S", (0.0,))
    store, new, old = Store(), [], []
    store.errors = [StoreError("full")]
    async with working(store) as committer:
        committer.submit(step("new", rev=0), new.append)
        committer.submit(step("old"), old.append)
        await committer.drain()
    assert store.batches == [["new", "old"], ["old"]]
    assert [str(error) for error in new] == ["full"]
    assert old == [WON]


async def test_the_failure_shows_while_it_lasts(monkeypatch):
    monkeypatch.setattr("orchestrator.patience.DELAYS_S", (0.0,))
    store, seen = Store(), []
    error = StoreError("full")
    store.errors = [error]
    async with working(store) as committer:
        committer.submit(step("new", rev=0), lambda result: seen.append(committer.failure))
        await committer.drain()
        committer.submit(step("next"), lambda result: seen.append(committer.failure))
        await committer.drain()
    assert seen == [error, None]


async def test_the_size_of_each_group_is_told():
    store, sizes = Store(), []
    async with working(store, observe=lambda size, seconds: sizes.append((size, seconds >= 0))) as committer:
        for name in "ab":
            committer.submit(step(name), lambda result: None)
        await committer.drain()
    assert sizes == [(2, True)]
