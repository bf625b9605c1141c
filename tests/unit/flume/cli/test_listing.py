from types import SimpleNamespace

import pytest

from flume.cli.listing import of_most, watch_namespace


@pytest.mark.parametrize(("count", "most", "text"), [(1, 4, "1/4"), (0, 4, "0/4"), (3, None, "3")])
def test_a_count_says_how_many_there_may_be_if_that_is_bounded(count, most, text):
    assert of_most(count, most) == text


def test_what_changes_in_a_namespace_is_a_line_each(capsys):
    told = [
        ("run", {"id": "r1", "pipeline": "p", "status": "running"}),
        ("pipeline", {"name": "p", "change": "saved"}),
        ("function", {"name": "resize", "status": "ready", "ready": 2, "inFlight": 5}),
        ("reload", {}),
    ]

    def events(path):
        yield from (SimpleNamespace(name=name, data=data) for name, data in told)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        watch_namespace(SimpleNamespace(events=events))

    lines = [line.split("  ", 1)[1] for line in capsys.readouterr().out.splitlines()]
    assert lines == ["run r1  p  running", "pipeline p  saved", "function resize  ready: 2 ready, 5 in flight"]
