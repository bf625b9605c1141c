"""What roles let an account do, as Kubernetes reads them: rights are added up, and what no rule names is denied."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

Manifest: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True)
class Wish:
    """What somebody wants to do. ``resource`` is a plural, with its subresource as in ``pods/log``. Without ``name``: to many."""

    verb: str
    group: str
    resource: str
    namespace: str
    name: str = ""

    def __str__(self) -> str:
        what = f"{self.resource}.{self.group}" if self.group else self.resource
        return f"{self.verb} {what} {self.namespace}/{self.name}"


def rights_of(roles: Iterable[Manifest]) -> Callable[[Wish], bool]:
    """Whether an account that has these Roles and ClusterRoles may do something. A Role counts in its own namespace."""
    rules = [(each["metadata"].get("namespace", ""), rule) for each in roles for rule in each["rules"]]

    def may(wish: Wish) -> bool:
        return any(namespace in ("", wish.namespace) and _allows(rule, wish) for namespace, rule in rules)

    return may


def _allows(rule: Manifest, wish: Wish) -> bool:
    names = rule.get("resourceNames")
    return (
        wish.verb in rule["verbs"]
        and wish.group in rule["apiGroups"]
        and wish.resource in rule["resources"]
        and (names is None or wish.name in names)
    )
