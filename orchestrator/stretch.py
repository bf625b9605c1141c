"""Stretches: what a run computes in one go, before it commits and the others get their turn."""

import time

from flume.ids import ROOT, split_instance
from orchestrator.active import ActiveRun
from orchestrator.effects import Effects
from orchestrator.events import Command, DecideLoopStep, StartAttempt
from orchestrator.machine import advance_all

STRETCH_MS = 10
"""A run computes for no longer than this."""

STRETCH_WEIGHT = 256
"""What a run does at once: a node weighs 4, a node within a loop item 1."""

STRETCHES_AHEAD = 4
"""How many of a run's stretches may wait for its commit under way, to be one commit then: where the store takes long, a wide
run is not held up by it, and what the death of the process costs stays small. Others have their turn between any two."""

BATCH = 32
"""Commands answered before their answers are applied together: wide graphs are spared a copy of the run for each node."""


def compute_stretch(active: ActiveRun, effects: Effects) -> bool:
    """Apply what has happened and answer commands at once; True if the stretch ended before there was nothing left to do."""
    until = time.perf_counter() + STRETCH_MS / 1000
    weight = 0
    while active.events or active.at_once:
        apply_events(active, effects)
        for _ in range(min(len(active.at_once), BATCH)):
            if weight >= STRETCH_WEIGHT or time.perf_counter() > until:
                apply_events(active, effects)
                return True
            command = active.at_once.popleft()
            weight += 4 if split_instance(command.instance)[0] == ROOT else 1
            event = effects.answer_at_once(active, command)
            if event is None:
                active.held.append(command)
            else:
                active.events.append(event)
    return False


def apply_events(active: ActiveRun, effects: Effects) -> None:
    """Apply what has happened and compute nothing."""
    if not active.events:
        return
    active.run, commands = advance_all(active.plan, active.run, active.events)
    active.mark_applied()
    for command in commands:
        _sort(active, command, effects)


def _sort(active: ActiveRun, command: Command, effects: Effects) -> None:
    if isinstance(command, (StartAttempt, DecideLoopStep)) and effects.can_answer_at_once(active, command):
        active.at_once.append(command)
    else:
        active.held.append(command)
