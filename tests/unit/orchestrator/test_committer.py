import asyncio
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest

from flume.errors import StoreError, UnavailableError
from orchestrator.committer import ALONE_AFTER, MAX_BATCH, Committer
from orchestrator.store import CommitResult, Verdict

WON = CommitResult(Verdict.WON)


class Store:
    """Takes batches one at a time, each when it is let; fails for as long as it has errors.

    ``poison`` are errors by the commits that bring them about, ``illness`` is what a check says, and
    ``checks`` what the first ones say.
    """

    def __init__(self):
        self.batches = []
        self.errors = []
        self.poison = {}
        self.illness = None
        self.checks = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def commit(self, commits):
        await self.gate.wait()
        self.batches.append([commit.id for commit in commits])
        if self.errors:
            raise self.errors.pop(0)
        for commit in commits:
            if commit.id in self.poison:
                raise self.poison[commit.id]
        return [WON] * len(commits)

    async def check(self):
        illness = self.checks.pop(0) if self.checks else self.illness
        if illness is not None:
            raise illness


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


async def test_a_new_run_that_comes_while_an_older_step_is_tried_again_hears_of_the_error_as_well(monkeypatch):
    monkeypatch.setattr("orchestrator.committer.delay_s", lambda tries: 3600)
    store, old, new = Store(), [], []
    store.errors = [UnavailableError("away")]
    async with working(store) as committer:
        store.gate.clear()
        committer.submit(step("old"), old.append)
        await asyncio.sleep(0)
        committer.submit(step("new", rev=0), new.append)
        committer.submit(step("also-old"), old.append)
        store.gate.set()
        async with asyncio.timeout(5):
            while not new:  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0)
    assert [str(error) for error in new] == ["away"]
    assert old == []


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


@pytest.mark.parametrize("error", [StoreError("no such value"), ValueError("secret")])
async def test_a_step_that_a_store_which_is_well_never_takes_is_lost_with_the_reason_and_harms_no_other(
    monkeypatch, error, caplog
):
    monkeypatch.setattr("orchestrator.patience.DELAYS_S", (0.0,))
    store, bad, good = Store(), [], []
    store.poison = {"bad": error}
    async with working(store) as committer:
        for name in ("a", "bad", "b"):
            committer.submit(step(name), (bad if name == "bad" else good).append)
        await committer.drain()
        tries = len(store.batches)
        committer.submit(step("later"), good.append)
        await committer.drain()
    assert good == [WON] * 3
    assert [(result.verdict, bool(result.error)) for result in bad] == [(Verdict.LOST, True)]
    assert tries == ALONE_AFTER + 3
    assert committer.failure is None
    assert "secret" not in bad[0].error


@pytest.mark.parametrize("error", [UnavailableError("away"), StoreError("full")])
async def test_no_step_is_given_up_while_it_is_the_store_that_is_not_well(monkeypatch, error):
    monkeypatch.setattr("orchestrator.patience.DELAYS_S", (0.0,))
    store, done = Store(), []
    store.errors = [error] * 20
    store.illness = error
    async with working(store) as committer:
        committer.submit(step("a"), done.append)
        committer.submit(step("b"), done.append)
        await committer.drain()
    assert done == [WON, WON]
    assert store.batches == [["a", "b"]] * 21


async def test_a_step_is_not_to_blame_if_the_store_fell_ill_just_then(monkeypatch):
    monkeypatch.setattr("orchestrator.patience.DELAYS_S", (0.0,))
    store, done = Store(), []
    store.errors = [StoreError("full")] * (ALONE_AFTER + 1)
    store.checks = [None, StoreError("full")]
    async with working(store) as committer:
        committer.submit(step("a"), done.append)
        await committer.drain()
    assert done == [WON]


async def test_that_the_store_is_well_again_is_found_out_though_nothing_is_committed(monkeypatch):
    monkeypatch.setattr("orchestrator.patience.DELAYS_S", (0.0,))
    store = Store()
    store.errors = [StoreError("full")]
    store.illness = StoreError("full")
    async with working(store) as committer:
        committer.submit(step("new", rev=0), lambda result: None)
        await committer.drain()
        for _ in range(20):
            await asyncio.sleep(0)
        assert committer.failure is not None
        store.illness = None
        async with asyncio.timeout(5):
            while committer.failure is not None:  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0)
