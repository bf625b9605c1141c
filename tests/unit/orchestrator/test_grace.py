from orchestrator.grace import Grace


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def test_the_span_begins_with_the_first_who_asks_and_is_shared_by_all():
    clock = Clock()
    grace = Grace(10, clock)
    clock.now = 150.0
    assert grace.left_s() == 10
    clock.now = 153.0
    assert grace.left_s() == 7
    grace.begin()
    assert grace.left_s() == 7


def test_when_it_is_over_nothing_is_left():
    clock = Clock()
    grace = Grace(10, clock)
    grace.begin()
    clock.now = 200.0
    assert grace.left_s() == 0
