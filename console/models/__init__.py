"""What pages show, as values: pure functions from the API's JSON to dataclasses that templates only print."""

from collections.abc import Mapping
from typing import Any

Json = Mapping[str, Any]
"""An object as the API gives it."""
