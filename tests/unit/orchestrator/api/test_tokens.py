import pytest

from flume.errors import SettingError
from orchestrator.api.context import Role
from orchestrator.api.tokens import find_token, parse_tokens


def test_a_token_without_binding_is_an_administrators_in_all_namespaces() -> None:
    (token,) = parse_tokens("plain-token==")

    assert (token.role, token.namespaces) == (Role.ADMIN, None)


def test_a_binding_limits_namespaces_and_role() -> None:
    viewer, editor, everywhere = parse_tokens("a:one:view  b:one,two:edit\nc:*:view")

    assert (viewer.role, viewer.namespaces) == (Role.VIEW, frozenset({"one"}))
    assert (editor.role, editor.namespaces) == (Role.EDIT, frozenset({"one", "two"}))
    assert (everywhere.role, everywhere.namespaces) == (Role.VIEW, None)


@pytest.mark.parametrize(
    "text", ["s3cret:one", "s3cret:one:owner", "s3cret:One:view", "s3cret::view", "s3cret#", ":a:view"]
)
def test_a_wrong_binding_stops_the_start_without_showing_the_token(text) -> None:
    with pytest.raises(SettingError) as caught:
        parse_tokens(f"fine {text}")

    assert "token-2" in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_a_token_is_found_by_itself_alone_and_does_not_show() -> None:
    tokens = parse_tokens("first second:one:edit")

    assert [find_token(tokens, given) for given in (b"second", b"second:one:edit", b"", b"firs")] == [
        tokens[1],
        None,
        None,
        None,
    ]
    assert "first" not in repr(tokens)
