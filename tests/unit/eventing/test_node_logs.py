"""Whatever a node says becomes a line that every store can hold, of bounded size, and without secrets."""

from datetime import UTC, datetime

import orjson
import pytest

from eventing.node_logs import CUT, MAX_LOG_FIELD_BYTES, MAX_LOG_FIELDS, MAX_LOG_KEY, MAX_LOG_MESSAGE, NodeLog, clean
from flume.expressions import conceal
from flume.values import check_value

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Lines(list):
    def log(self, record):
        self.append(record)


def said(message, level="info", **fields):
    return said_with(message, fields, level=level)


def said_with(message, fields, *, level="info"):
    lines = Lines()
    NodeLog(lines, lambda value: conceal(value, ["open-sesame"]), lambda: NOW)(level, message, fields)
    check_value(lines[0].fields)
    orjson.dumps([lines[0].message, lines[0].level, lines[0].fields])
    return lines[0]


def test_a_line_has_its_time_level_message_and_fields():
    line = said("hello", "warning", n=1, nested={"a": [True]})
    assert (line.at, line.level, line.message) == (int(NOW.timestamp() * 1000), "warning", "hello")
    assert line.fields == {"n": 1, "nested": {"a": [True]}}


@pytest.mark.parametrize("level", ["fatal", "INFO", "", None, 3, ["info"], "\ud800"])
def test_a_level_that_there_is_not_counts_as_info(level):
    assert said("x", level).level == "info"


def test_lone_surrogates_and_nul_do_not_get_through_anywhere():
    line = said_with("a\ud800b", {"k\udfff": "v\ud800", "n\0": {"deep\ud800": "\ud800"}, 5: 1})
    assert line.message == "a?b"
    assert line.fields["k?"] == repr("v\ud800")
    assert set(line.fields) == {"k?", "n�", "5"}


def test_messages_names_and_numbers_of_fields_are_bounded():
    line = said_with("m" * 2 * MAX_LOG_MESSAGE, {"k" * 2 * MAX_LOG_KEY: 1, **{f"f{n}": n for n in range(100)}})
    assert (len(line.message), line.message[-1]) == (MAX_LOG_MESSAGE, CUT)
    assert len(next(iter(line.fields))) == MAX_LOG_KEY
    assert len(line.fields) == MAX_LOG_FIELDS


@pytest.mark.parametrize("value", ["x" * 100_000, "바" * 100_000, list(range(100_000)), {"a": "\n" * 100_000}])
def test_the_fields_of_a_line_are_bounded_together(value):
    line = said("x", first=value, second=value, small=1)
    assert line.fields["first"].endswith(CUT)
    assert line.fields["second"] == CUT
    assert len(orjson.dumps(line.fields)) < MAX_LOG_FIELD_BYTES + 200


def test_a_secret_across_a_cut_leaves_nothing_of_itself():
    line = said("x" * (MAX_LOG_MESSAGE - 5) + "open-sesame", key="y" * (MAX_LOG_FIELD_BYTES - 10) + "open-sesame")
    assert "open" not in line.message
    assert "open" not in line.fields["key"]


def test_what_can_not_even_be_shown_is_told_as_that():
    class Shy:
        def __repr__(self):
            raise RuntimeError

        __str__ = __repr__

    line = said(Shy(), value=Shy(), number=float("nan"))
    assert line.message == line.fields["value"] == "<a Shy that can't be shown>"
    assert line.fields["number"] == "nan"


def test_a_text_that_is_fine_stays_as_it_is():
    assert [clean(text) for text in ("plain", "바다", "\U0001f600")] == ["plain", "바다", "\U0001f600"]
