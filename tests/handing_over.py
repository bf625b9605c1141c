"""What handing orders over needs besides functions: someone to report to, and someone who keeps large data apart."""


class Reports:
    """Notes the phases, and hears of the rest."""

    def __init__(self):
        self.phases = []

    def log(self, record):
        pass

    def progress(self, text):
        pass

    def phase(self, phase, *, ago_ms=0):
        self.phases.append(phase)

    def handed_over(self):
        pass

    def ready(self, *, for_ms):
        pass


class Depot:
    """Keeps nothing apart: takes data as it is, unless it is told what to raise."""

    def __init__(self, *, inward=None, outward=None):
        self.inward = inward
        self.outward = outward

    async def travelling(self, event, invocation):
        if self.outward:
            raise self.outward
        return event

    async def whole(self, event, invocation):
        if self.inward:
            raise self.inward
        return event
