"""A file that was cut or changed is told from a whole one, and what is said names the file and the line."""

import json

import pytest

from flume.errors import RequestError
from orchestrator.transfer.lines import encode
from orchestrator.transfer.seal import FORMAT, Sealer, unsealed
from orchestrator.transfer.store import Key

KEYS = [Key("a", b"1"), Key("b", b"2"), Key("c", b"3")]


@pytest.fixture
def lines():
    sealer = Sealer("1.2.3")
    return [sealer.first(), *(sealer.line(key) for key in KEYS), sealer.last()]


def refusal(lines):
    with pytest.raises(RequestError) as caught:
        list(unsealed(lines, "x.jsonl"))
    message = str(caught.value)
    assert message.startswith("x.jsonl")
    return message


def test_what_was_sealed_reads_back_with_the_size_of_each_line(lines):
    assert [(read.record, read.size) for read in unsealed(lines, "x")] == [(key, len(encode(key))) for key in KEYS]


def test_an_export_of_nothing_is_whole():
    sealer = Sealer("1.2.3")
    assert list(unsealed([sealer.first(), sealer.last()], "x")) == []


def test_the_last_line_counts_each_kind(lines):
    assert json.loads(lines[-1])["end"]["counts"] == {"key": 3}


def test_the_first_line_names_the_format_and_the_version(lines):
    assert json.loads(lines[0]) == {"flume-export": FORMAT, "flume": "1.2.3"}


@pytest.mark.parametrize("kept", [1, 2, 3, 4])
def test_a_file_without_its_last_lines_was_cut_off(lines, kept):
    assert f"ends after line {kept} without its last line: it was cut off" in refusal(lines[:kept])


def test_a_line_that_was_cut_in_the_middle_is_named(lines):
    lines[2] = lines[2][:-5]
    message = refusal(lines[:3])
    assert "line 3 holds no record" in message
    assert "export again" in message


@pytest.mark.parametrize("missing", [1, 2, 3])
def test_a_line_that_is_missing_is_noticed(lines, missing):
    del lines[missing]
    assert "is not as it was written" in refusal(lines)


def test_lines_in_another_order_are_noticed(lines):
    lines[1], lines[2] = lines[2], lines[1]
    assert "is not as it was written" in refusal(lines)


def test_a_first_line_that_was_changed_is_noticed(lines):
    lines[0] = lines[0].replace(b"1.2.3", b"1.2.4")
    assert "is not as it was written" in refusal(lines)


@pytest.mark.parametrize("last", [b'{"end":{}}\n', b'{"end":', b'{"end":null}\n'])
def test_a_last_line_that_vouches_for_nothing_is_not_enough(lines, last):
    assert "is not as it was written" in refusal([*lines[:-1], last])


def test_what_follows_the_last_line_is_noticed(lines):
    assert "goes on after line 5" in refusal([*lines, lines[1]])


@pytest.mark.parametrize("first", [[], [b""], [b"name: hello\n"], [b"{}\n"], [b"[1]\n"], [b"\x1f\x8b\x08"]])
def test_what_is_no_export_is_called_so(first):
    assert "is no export of Flume" in refusal(first)


def test_a_newer_format_is_told_of(lines):
    lines[0] = b'{"flume-export":99,"flume":"9"}\n'
    assert f"has format 99, and this Flume reads {FORMAT}" in refusal(lines)


def test_nothing_of_a_line_is_repeated_in_what_is_said_of_it(lines):
    lines[1] = b'{"key":{"name":"hush","content":"hush"}}\n'
    assert "hush" not in refusal(lines)
