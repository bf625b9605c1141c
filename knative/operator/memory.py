"""What the operator remembers between two looks. All of it may be lost: then some calls are made once more, to no harm."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from knative.operator.setbacks import Setbacks
from knative.operator.world import Answer, Refusal
from knative.platform.findings import Finding


@dataclass
class Memory:
    """By the uid of the object that it is about.

    ``answers`` are what the API said to a resource, ``started`` the runs that were started for one, ``settled`` the generation
    in which an apply left an object. ``namespaces`` are all in which there ever was something. ``setbacks`` are actions that
    failed. ``troubles`` are what keeps functions from having a pod that is ready, by the name of the function.
    """

    answers: dict[str, Answer] = field(default_factory=dict)
    started: dict[str, str] = field(default_factory=dict)
    settled: dict[str, int] = field(default_factory=dict)
    namespaces: set[str] = field(default_factory=lambda: {"default"})
    setbacks: Setbacks = field(default_factory=Setbacks)
    troubles: Mapping[str, Finding] = field(default_factory=dict)

    def forget_refusals(self) -> None:
        """Ask again: what a document needed may be there by now."""
        self.answers = {uid: each for uid, each in self.answers.items() if not isinstance(each, Refusal)}

    def keep_only(self, uids: frozenset[str]) -> None:
        """Forget objects that are gone."""
        self.answers = {uid: each for uid, each in self.answers.items() if uid in uids}
        self.started = {uid: each for uid, each in self.started.items() if uid in uids}
        self.settled = {uid: each for uid, each in self.settled.items() if uid in uids}
