"""Node types that are not installed here but described by a resource, and what a store does with them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from flume.values import JsonObject


@dataclass(frozen=True, slots=True)
class PackagedTypeRecord:
    """A node type whose code is an image. ``hash`` is another one for another ``description``.

    ``description`` is what `flume.nodes.descriptions.as_json` makes of it.
    """

    name: str
    hash: str
    description: JsonObject


class NodeTypeStore(Protocol):
    """Node types that are images: no process can find them by itself. They belong to no namespace."""

    async def save_packaged_type(self, record: PackagedTypeRecord) -> None:
        """Keep a type in place of what was kept under its name."""
        ...

    async def delete_packaged_type(self, name: str) -> bool:
        """Forget a type; False if there is none."""
        ...

    async def packaged_type_hashes(self) -> Mapping[str, str]:
        """The hashes of all types by name, sorted. Costs no look at descriptions."""
        ...

    async def read_packaged_types(self, names: Sequence[str]) -> tuple[PackagedTypeRecord, ...]:
        """These types, sorted by name; those that are not there are left out."""
        ...
