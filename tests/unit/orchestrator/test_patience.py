from orchestrator.patience import DELAYS_S, delay_s


def test_waits_grow_and_then_stay():
    assert [delay_s(tries, lambda: 1.0) for tries in range(7)] == [*DELAYS_S, DELAYS_S[-1], DELAYS_S[-1]]


def test_those_who_wait_for_the_same_come_back_at_different_moments():
    chances = iter([0.0, 0.5, 1.0])
    assert [delay_s(9, lambda: next(chances)) for _ in range(3)] == [0.5, 0.75, 1.0]
