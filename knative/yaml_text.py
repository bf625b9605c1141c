"""Objects as YAML, as ``kubectl apply -f -`` takes them: one document each, keys in their order, long texts on one line."""

from collections.abc import Sequence
from typing import Any


def yaml_text(documents: Sequence[Any]) -> str:
    """The documents, divided by ``---``."""
    # Here, because the import takes as long as the rest of a small command.
    import yaml

    dumped = (
        yaml.dump(each, Dumper=_dumper(), sort_keys=False, allow_unicode=True, width=10_000, default_flow_style=False)
        for each in documents
    )
    return "---\n".join(dumped)


def _dumper() -> Any:
    from yaml import SafeDumper

    class WithoutAliases(SafeDumper):
        """Writes a value as often as it occurs: readers of manifests know no anchors."""

        def represent_str(self, data: str) -> Any:
            """Show lines as lines."""
            return self.represent_scalar("tag:yaml.org,2002:str", data, style="|" if "\n" in data else None)

        def ignore_aliases(self, data: Any) -> bool:
            """Never refer to a value that was written before."""
            return True

    WithoutAliases.add_representer(str, WithoutAliases.represent_str)
    return WithoutAliases
