"""A clock that stands still until a test sets it."""


class StillClock:
    """Seconds as a float; ``now`` is what it says."""

    def __init__(self, now=0.0):
        self.now = now

    def __call__(self):
        return self.now
