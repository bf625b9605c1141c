import pytest

from flume.errors import NotFoundError, StoreError, UnavailableError
from orchestrator.patience import DELAYS_S, delay_s, patiently


class Read:
    """Fails by the given errors and then gives 1."""

    def __init__(self, *errors):
        self.errors = list(errors)

    async def __call__(self):
        if self.errors:
            raise self.errors.pop(0)
        return 1


def test_waits_grow_and_then_stay():
    assert [delay_s(tries) for tries in range(7)] == [*DELAYS_S, DELAYS_S[-1], DELAYS_S[-1]]


async def test_a_read_is_repeated_until_the_store_answers_and_reported_once(monkeypatch, caplog):
    monkeypatch.setattr("orchestrator.patience.DELAYS_S", (0.0,))
    assert await patiently(Read(StoreError("full"), UnavailableError("away"))) == 1
    assert caplog.messages == ["the store can't be read; trying again until it can"]


async def test_an_answer_that_is_an_error_is_not_waited_out():
    with pytest.raises(NotFoundError):
        await patiently(Read(NotFoundError("pipeline", "x")))
