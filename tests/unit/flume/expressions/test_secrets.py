import pytest

from flume.errors import ExpressionError
from flume.expressions import MASK, SecretNames, conceal, mask_markers, parse_template, reveal

NAMES = SecretNames(["TOKEN", "api.key", "with space"], "n0nce")
VALUES = {"TOKEN": "s3cr3t~{{ x }}", "api.key": "k3y-value", "with space": "spaced"}


def evaluate(text, **options):
    return parse_template(text, node_ids=frozenset(), **options).evaluate({"secrets": NAMES})


@pytest.mark.parametrize(
    ("text", "revealed"),
    [
        ("{{ secrets.TOKEN }}", "s3cr3t~{{ x }}"),
        ("Bearer {{secrets.TOKEN}}", "Bearer s3cr3t~{{ x }}"),
        ("{{ secrets['api.key'] }}", "k3y-value"),
        ("{{ secrets['with space'] }}/{{ secrets.TOKEN }}", "spaced/s3cr3t~{{ x }}"),
        ("{{ 'yes' if secrets.TOKEN is defined else 'no' }}", "yes"),
        ("{{ 'yes' if secrets.NOPE is defined else 'no' }}", "no"),
    ],
)
def test_a_secret_joins_with_text_and_is_put_in_at_the_end(text, revealed):
    rendered = evaluate(text)
    assert not any(value in rendered for value in VALUES.values())
    assert reveal(rendered, "n0nce", VALUES.__getitem__) == revealed


def test_a_secret_may_stand_in_any_part_of_a_document():
    rendered = evaluate("{% for i in [1, 2] %}{{ secrets.TOKEN }},{% endfor %}", statements=True)
    assert mask_markers(rendered, "n0nce") == "•••,•••,"


def test_a_secret_that_is_not_there_names_those_that_are():
    with pytest.raises(
        ExpressionError, match=r"there is no secret 'TOKE' here; there are: TOKEN, api\.key, with space"
    ):
        evaluate("{{ secrets.TOKE }}")
    with pytest.raises(ExpressionError, match="there is no secret 'TOKEN' here; there are: none"):
        parse_template("{{ secrets.TOKEN }}", node_ids=frozenset()).evaluate({})


def test_a_marker_reads_as_part_of_a_url():
    assert evaluate("https://x/{{ secrets.TOKEN }}") == "https://x/secret~n0nce~TOKEN~"


def test_reveal_reaches_all_strings_but_no_keys_and_shares_what_it_does_not_change():
    marker = NAMES.marker("TOKEN")
    value = {"a": [1, None, {"b": f"x {marker} y {marker}"}], marker: "key", "same": {"c": ["text"]}}
    revealed = reveal(value, "n0nce", VALUES.__getitem__)
    secret = VALUES["TOKEN"]
    assert revealed == {"a": [1, None, {"b": f"x {secret} y {secret}"}], marker: "key", "same": {"c": ["text"]}}
    assert revealed["same"] is value["same"]
    assert reveal(value["same"], "n0nce", VALUES.__getitem__) is value["same"]


def test_what_is_revealed_is_not_looked_at_again():
    values = {"TOKEN": NAMES.marker("api.key")}
    assert reveal(NAMES.marker("TOKEN"), "n0nce", values.__getitem__) == NAMES.marker("api.key")


def test_a_marker_with_another_nonce_is_text():
    forged = SecretNames(["TOKEN"], "guess").marker("TOKEN")
    assert reveal([forged], "n0nce", VALUES.__getitem__) == [forged]
    assert mask_markers(forged, "n0nce") == forged


def test_an_unknown_name_in_a_marker_is_the_lookups_to_refuse():
    with pytest.raises(KeyError):
        reveal(NAMES.marker("NOPE"), "n0nce", VALUES.__getitem__)


def test_masks_stand_for_markers_everywhere():
    assert mask_markers({"a": [f"Bearer {NAMES.marker('TOKEN')}"]}, "n0nce") == {"a": [f"Bearer {MASK}"]}


def test_conceal_masks_every_value_in_texts_and_keys_the_longest_first():
    value = {"key-abcdef": ["xx abcdef yy", 1, None], "b": "abcdefgh abcdef"}
    assert conceal(value, ["abcdef", "abcdefgh"]) == {"key-•••": ["xx ••• yy", 1, None], "b": "••• •••"}


def test_conceal_shares_what_holds_no_secret():
    value = {"a": ["b"]}
    assert conceal(value, ["abcdef"]) is value
    assert conceal(value, []) is value
    assert conceal(value, [""]) is value


@pytest.mark.parametrize(("names", "nonce"), [(["a~b"], "x"), (["a"], "x~y"), (["a"], "")])
def test_names_and_nonces_that_would_break_the_marker_are_refused(names, nonce):
    with pytest.raises(ValueError, match="no '~'"):
        SecretNames(names, nonce)
