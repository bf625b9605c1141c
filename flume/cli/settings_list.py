"""``flume config``: every setting with its value, its default and what it means. Secrets are masked."""

import os
from collections.abc import Iterator
from typing import Any

from pydantic import AliasChoices
from pydantic.fields import FieldInfo

from flume.cli.options import Format
from flume.cli.printing import print_table, print_text, print_value
from flume.cli.settings import Settings, read_secrets, read_settings
from flume.expressions.secrets import MASK
from flume.secret_values import SECRET_PREFIX


def print_settings(format: Format) -> None:
    """Print all settings. Raises `SettingError` for a value that can't be used."""
    settings = read_settings()
    rows = list(setting_rows(settings))
    secrets = sorted(read_secrets(settings))
    if format in (Format.JSON, Format.YAML):
        print_value({"settings": rows, "secrets": secrets}, format)
        return
    if format is Format.WIDE:
        table = [[row["name"], str(row["value"]), str(row["default"]), row["description"]] for row in rows]
        print_table(table, ["variable", "value", "default", "meaning"])
    else:
        for row in rows:
            default = "" if row["isDefault"] else f"  (default: {row['default'] or 'empty'})"
            print_text(f"{row['name']}={row['value']}{default}\n    {row['description']}")
    for name in secrets:
        print_text(f"{SECRET_PREFIX}{name}={MASK}" if SECRET_PREFIX + name in os.environ else f"secret {name}: {MASK}")


def setting_rows(settings: Settings) -> Iterator[dict[str, Any]]:
    """``{name, value, default, isDefault, description}`` of each setting, in the order of the model."""
    for key, field in Settings.model_fields.items():
        value, default = getattr(settings, key), field.get_default()
        is_secret = not field.repr
        yield {
            "name": _variable(field),
            "value": (MASK if value else "") if is_secret else _shown(value),
            "default": _shown(default),
            "isDefault": value == default,
            "description": field.description,
        }


def _variable(field: FieldInfo) -> str:
    alias = field.validation_alias
    return str(alias.choices[0] if isinstance(alias, AliasChoices) else alias)


def _shown(value: Any) -> Any:
    if value is None:
        return ""
    return value if isinstance(value, (str, int, float)) else str(value)
