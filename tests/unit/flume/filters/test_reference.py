"""The reference page of filters against the code."""

import re
from pathlib import Path

import pytest

from flume.filters import DIALECTS, parse_filters
from flume.filters.cesql import MAX_STEPS
from flume.filters.cesql.functions import FUNCTIONS, MAX_TEXT

PAGE = (Path(__file__).parents[4] / "docs" / "reference" / "filters.md").read_text()
EXAMPLES = [line for block in re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]


@pytest.mark.parametrize("text", EXAMPLES)
def test_every_expression_of_the_page_is_a_filter(text):
    parse_filters([{"cesql": text}])


def test_the_page_tells_all_dialects_functions_and_limits():
    assert all(f"| `{dialect}` |" in PAGE for dialect in DIALECTS)
    assert all(f"`{name}(" in PAGE for name in FUNCTIONS)
    assert f"{MAX_TEXT:,} characters" in PAGE
    assert f"{MAX_STEPS:,} steps" in PAGE
