from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from flume.errors import NodeError
from flume.nodes import Sleep
from flume.testing import NOW, outcome_of, run_node
from functions.nodes.utility import Delay, Error, Log


@pytest.mark.parametrize(
    ("config", "until"),
    [
        ({"duration": "1h30m"}, NOW + timedelta(minutes=90)),
        ({"duration": 2}, NOW + timedelta(seconds=2)),
        ({"duration": 0}, NOW),
        ({"until": "2026-02-01T12:00:00+02:00"}, datetime(2026, 2, 1, 10, tzinfo=UTC)),
        ({"until": datetime(2026, 2, 1, tzinfo=UTC)}, datetime(2026, 2, 1, tzinfo=UTC)),
    ],
)
async def test_a_delay_sleeps_from_the_recorded_moment(config: dict[str, Any], until: datetime) -> None:
    assert await outcome_of(Delay, config, clock=lambda: NOW + timedelta(hours=1)) == Sleep(until)


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"duration": "1s", "until": "2026-02-01T00:00:00Z"},
        {"duration": "5 parsecs"},
        {"until": "2026-02-01T00:00:00"},
    ],
)
async def test_a_delay_needs_one_readable_end(config: dict[str, Any]) -> None:
    with pytest.raises(NodeError) as failed:
        await outcome_of(Delay, config)

    assert (failed.value.code, failed.value.retryable) == ("bad-input", False)


async def test_log_writes_a_line_and_passes_the_message_on() -> None:
    lines: list[tuple[str, str, dict[str, object]]] = []

    result = await run_node(
        Log,
        {"level": "warning"},
        {"message": "done", "data": {"n": 1}},
        log_sink=lambda level, message, fields: lines.append((level, message, dict(fields))),
    )

    assert result.output == "done"
    assert lines == [("warning", "done", {"data": {"n": 1}})]


async def test_log_writes_an_object_as_json() -> None:
    lines: list[str] = []

    result = await run_node(
        Log, inputs={"message": {"주제": NOW}}, log_sink=lambda level, message, fields: lines.append(message)
    )

    assert result.output == {"주제": "2026-01-01T00:00:00Z"}
    assert lines == ['{"주제": "2026-01-01T00:00:00Z"}']


@pytest.mark.parametrize("retryable", [True, False])
async def test_error_fails_as_its_config_says(retryable: bool) -> None:
    with pytest.raises(NodeError, match="no stock left") as failed:
        await run_node(Error, {"message": "no stock left", "retryable": retryable})

    assert failed.value.retryable is retryable
