"""Actions that failed: each waits for its own next try, longer each time, and no other waits for it.

An object that the API server refuses is tried again all the same: what it lacked, such as a quota or a definition, may be
there by then. What is wanted differently is tried at once.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, assert_never

from knative.operator.actions import (
    Action,
    Apply,
    DeleteNodeType,
    DeletePipeline,
    Remove,
    SaveNodeType,
    SavePipeline,
    SetStatus,
    StartRun,
)
from knative.operator.kinds import ObjectKey, reference_to

FIRST_S = 2.0

LONGEST_S = 300.0
"""Between two tries of what was refused."""

LONGEST_AWAY_S = 30.0
"""Between two tries of what nobody refused: who should have done it was away or busy."""


@dataclass(frozen=True, slots=True)
class Setback:
    """An action that failed. ``again_at`` is by a monotonic clock, in seconds; ``refusal`` empty: it was not refused.

    ``applied`` is the object that was to be made so, if one was.
    """

    content: object
    tries: int
    again_at: float
    refusal: str = ""
    applied: ObjectKey | None = None


class Setbacks:
    """The setbacks of actions that are still wanted. ``clock`` is monotonic, in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._by_subject: dict[tuple[str, ...], Setback] = {}

    def failed(self, action: Action, refusal: str = "") -> bool:
        """Hold the action back for a while; whether that it was refused, or by which words, is new."""
        subject, content = _subject_of(action), _content_of(action)
        before = self._by_subject.get(subject)
        tries = before.tries + 1 if before is not None and before.content == content else 1
        wait_s = min(FIRST_S * 2 ** min(tries - 1, 20), LONGEST_S if refusal else LONGEST_AWAY_S)
        applied = reference_to(action.manifest).key if isinstance(action, Apply) else None
        self._by_subject[subject] = Setback(content, tries, self._clock() + wait_s, refusal, applied)
        return refusal != ("" if before is None else before.refusal)

    def succeeded(self, action: Action) -> None:
        """It went well, or is no longer in the way."""
        self._by_subject.pop(_subject_of(action), None)

    def due(self, actions: Iterable[Action]) -> tuple[Action, ...]:
        """Those of all wanted ``actions`` that are to be tried now. What was held back and is not among them is forgotten."""
        wanted = tuple(actions)
        subjects = {_subject_of(each) for each in wanted}
        self._by_subject = {subject: each for subject, each in self._by_subject.items() if subject in subjects}
        now = self._clock()
        return tuple(each for each in wanted if not self._is_held_back(each, now))

    def refusals(self) -> dict[ObjectKey, str]:
        """The API server's words about objects that it does not take as they are wanted."""
        return {each.applied: each.refusal for each in self._by_subject.values() if each.applied and each.refusal}

    def wait_s(self) -> float:
        """How long until something is to be tried again: infinity if nothing is."""
        again_at = min((each.again_at for each in self._by_subject.values()), default=float("inf"))
        return max(0.0, again_at - self._clock())

    def __len__(self) -> int:
        return len(self._by_subject)

    def _is_held_back(self, action: Action, now: float) -> bool:
        setback = self._by_subject.get(_subject_of(action))
        return setback is not None and setback.content == _content_of(action) and now < setback.again_at


def _subject_of(action: Action) -> tuple[str, ...]:
    """The same for whatever is to be done in this way to one thing."""
    name = type(action).__name__
    match action:
        case Apply():
            return (name, *reference_to(action.manifest).key)
        case DeletePipeline():
            return (name, action.namespace, action.name)
        case DeleteNodeType():
            return (name, action.name)
        case Remove() | SetStatus() | SaveNodeType() | SavePipeline() | StartRun():
            return (name, *action.target.key)
        case _:
            assert_never(action)


def _content_of(action: Action) -> object:
    """What it comes to: equal for two that differ in nothing but the moment at which they were decided."""
    if not isinstance(action, SetStatus):
        return action
    return (action.target, {key: _without_times(value) for key, value in action.status.items()})


def _without_times(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_times(each) for key, each in value.items() if key != "lastTransitionTime"}
    return [_without_times(each) for each in value] if isinstance(value, list) else value
