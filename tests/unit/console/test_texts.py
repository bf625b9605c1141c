import pytest

from console.models.texts import Finding, compare, findings_of, source_lines


def test_a_comparison_shows_what_changed_with_three_lines_around_it():
    before = "\n".join(f"line {number}" for number in range(1, 21))
    after = before.replace("line 10", "line ten")
    lines = compare(before, after)
    assert [(line.kind, line.text) for line in lines] == [
        ("gap", "…"),
        ("same", "line 7"),
        ("same", "line 8"),
        ("same", "line 9"),
        ("removed", "line 10"),
        ("added", "line ten"),
        ("same", "line 11"),
        ("same", "line 12"),
        ("same", "line 13"),
    ]
    assert (lines[4].before, lines[4].after) == (10, None)
    assert (lines[5].before, lines[5].after) == (None, 10)


def test_equal_texts_have_no_difference():
    assert compare("a\nb", "a\nb") == []


def test_numbers_go_on_rightly_after_an_added_line():
    lines = compare("a\nb", "new\na\nb")
    assert [(line.kind, line.before, line.after) for line in lines] == [
        ("added", None, 1),
        ("same", 1, 2),
        ("same", 2, 3),
    ]


def test_a_problem_stands_at_its_line():
    findings = findings_of([{"code": "c", "message": "m", "hint": None, "line": 2, "column": 3}])
    assert findings == [Finding("c", "m", "", 2, 3)]
    first, second = source_lines("a\nb", findings)
    assert first.findings == ()
    assert second.findings == tuple(findings)


@pytest.mark.parametrize("lines", [["same"] * 3000, [f"line {number}" for number in range(3000)]])
def test_texts_with_too_much_to_compare_are_told_as_one_change(lines):
    compared = compare("\n".join(["head", "x", *lines, "tail"]), "\n".join(["head", *lines, "y", "tail"]))
    assert [line.kind for line in compared] == ["same", *["removed"] * 3001, *["added"] * 3001, "same"]
    assert (compared[-1].before, compared[-1].after) == (3003, 3003)


def test_a_long_text_with_a_change_in_the_middle_is_compared():
    lines = ["same"] * 100_000
    compared = compare("\n".join(lines), "\n".join([*lines[:50_000], "new", *lines[50_000:]]))
    assert [line.kind for line in compared] == ["gap", *["same"] * 3, "added", *["same"] * 3]


def test_lines_between_two_changes_far_apart_are_left_out():
    before = [str(number) for number in range(30)]
    after = ["first", *before[:20], "middle", *before[20:]]
    kinds = [line.kind for line in compare("\n".join(before), "\n".join(after))]
    assert kinds == ["added", *["same"] * 3, "gap", *["same"] * 3, "added", *["same"] * 3]
