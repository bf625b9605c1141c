import json
from base64 import b64decode, b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventing.bodies import MAX_FIELDS, collect, read_body
from eventing.multipart import MAX_FIELD, MAX_FILE, MAX_PARTS
from flume.errors import FlumeError, RequestError, TooLargeError
from flume.values import JsonValue, check_value

JSON, FORM, MULTIPART = "application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=limit"


def part(headers: str, content: bytes = b"") -> bytes:
    return b"--limit\r\n" + headers.encode() + b"\r\n\r\n" + content + b"\r\n"


def field(name: str, content: bytes, more: str = "") -> bytes:
    return part(f'Content-Disposition: form-data; name="{name}"{more}', content)


END = b"--limit--\r\n"


@pytest.mark.parametrize("content_type", ["", JSON, FORM, MULTIPART, "text/plain", "image/png"])
def test_an_empty_body_is_null(content_type: str) -> None:
    assert read_body(content_type, b"") is None


@pytest.mark.parametrize(
    ("content_type", "body", "value"),
    [
        (JSON, b'{"a": [1, 2.5, null, true]}', {"a": [1, 2.5, None, True]}),
        ("application/json; charset=utf-8", '"바다"'.encode(), "바다"),
        ("APPLICATION/JSON;charset=UTF-8", b"0", 0),
        ("application/json; charset=utf-16", '{"a": "é"}'.encode("utf-16"), {"a": "é"}),
        ("application/problem+json", b"[]", []),
        ("application/cloudevents+json; v=1", b"{}", {}),
        (JSON, b"\xef\xbb\xbf{}", {}),
        (JSON, b" \n null \n", None),
        (JSON, b"9223372036854775807", 2**63 - 1),
        (JSON, b"-9223372036854775808", -(2**63)),
        (JSON, b"12345678901234567890.5", 12345678901234567890.5),
        (JSON, b"1e30", 1e30),
        (JSON, b'"123456789012345678901234567890"', "123456789012345678901234567890"),
        (FORM, b"a=1&b=2&a=3&empty=", {"a": ["1", "3"], "b": "2", "empty": ""}),
        (FORM, b"q=a+b%20c%26&%ED%95%9C=%EA%B8%80", {"q": "a b c&", "한": "글"}),
        (FORM, "topic=바다".encode(), {"topic": "바다"}),
        (FORM + "; charset=euc-kr", b"t=%B9%D9%B4%D9", {"t": "바다"}),
        (FORM, b"flag", {"flag": ""}),
        (FORM, b"100%&b=%zz", {"100%": "", "b": "%zz"}),
        ("text/plain", "바다".encode(), "바다"),
        ("text/csv; charset=iso-8859-1", b"caf\xe9", "café"),
        ('text/plain; charset="EUC-KR"', "바다".encode("euc-kr"), "바다"),
        ("text/plain; charset=windows-1252", b"\x80", "€"),
        ("text/plain", b"\xef\xbb\xbfx", "x"),
        ("image/png", b"\x89PNG", {"contentType": "image/png", "size": 4, "content": "iVBORw=="}),
        ("", b"{}", {"contentType": "application/octet-stream", "size": 2, "content": "e30="}),
        (
            "multipart/mixed; boundary=x",
            b"--x",
            {"contentType": "multipart/mixed; boundary=x", "size": 3, "content": "LS14"},
        ),
    ],
)
def test_a_body_is_read_by_its_content_type(content_type: str, body: bytes, value: JsonValue) -> None:
    assert read_body(content_type, body) == value


def test_fields_and_files_of_a_multipart_form_are_read_by_name() -> None:
    body = (
        field("topic", "바다".encode())
        + field("tag", b"a")
        + field("tag", b"b")
        + field("photo", b"\x89PNG", '; filename="바다.png"\r\nContent-Type: image/png')
        + field("raw", b"x", '; filename="x.bin"')
        + END
    )
    assert read_body(MULTIPART, body) == {
        "topic": "바다",
        "tag": ["a", "b"],
        "photo": {"filename": "바다.png", "contentType": "image/png", "size": 4, "content": "iVBORw=="},
        "raw": {"filename": "x.bin", "contentType": "application/octet-stream", "size": 1, "content": "eA=="},
    }


def test_a_part_is_read_by_its_own_content_type() -> None:
    body = (
        field("settings", b'{"depth": 3}', "\r\nContent-Type: application/json")
        + field("old", "é".encode("latin-1"), "\r\nContent-Type: text/plain; charset=iso-8859-1")
        + field("blob", b"\xff", "\r\nContent-Type: application/octet-stream")
        + END
    )
    blob = {"contentType": "application/octet-stream", "size": 1, "content": "/w=="}
    assert read_body(MULTIPART, body) == {"settings": {"depth": 3}, "old": "é", "blob": blob}


def test_a_file_field_that_was_left_empty_is_null() -> None:
    body = field("photo", b"", '; filename=""\r\nContent-Type: application/octet-stream') + END
    assert read_body(MULTIPART, body) == {"photo": None}


@pytest.mark.parametrize("path", ["../../etc/passwd", "/etc/passwd", r"C:\\etc\\passwd", r"..\\passwd", "a/../passwd"])
def test_a_file_name_leads_nowhere(path: str) -> None:
    value = read_body(MULTIPART, field("f", b"x", f'; filename="{path}"') + END)
    assert value["f"]["filename"] == "passwd"


def test_a_file_name_that_is_not_utf_8_is_read_as_latin_1() -> None:
    body = b'--limit\r\nContent-Disposition: form-data; name="f"; filename="caf\xe9.txt"\r\n\r\nx\r\n' + END
    assert read_body(MULTIPART, body)["f"]["filename"] == "café.txt"


def test_a_multipart_form_may_be_empty_and_have_an_epilogue() -> None:
    assert read_body(MULTIPART, END) == {}
    assert read_body(MULTIPART, field("a", b"1") + END + b"ignored") == {"a": "1"}
    assert read_body(MULTIPART, b"\r\n" + field("a", b"1\r\n--limi") + END) == {"a": "1\r\n--limi"}


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"{'a': 1}",
        b"[1,]",
        b'{"a": 1} x',
        b"NaN",
        b"[Infinity]",
        b"1e999",
        b"01",
        b" ",
        b'"\xff"',
        b'"\\ud800"',
        b'"a\nb"',
        b"9223372036854775808",
        b"-9223372036854775809",
        b"18446744073709551616",
        b'{"a": [123456789012345678901234567890]}',
        b"1" * 100_000,
        b"[" * 65 + b"]" * 65,
        b"[" * 100_000,
        b"[" * 1_000 + b"1234567890123456789" + b"]" * 1_000,
        b'{"a\\u0000b": 1}',
    ],
)
def test_json_that_is_broken_or_can_not_be_stored_is_refused(body: bytes) -> None:
    with pytest.raises(RequestError) as refusal:
        read_body(JSON, body)
    assert refusal.value.code == "bad-body"
    assert len(str(refusal.value)) < 300


def test_json_may_be_64_levels_deep() -> None:
    assert read_body(JSON, b"[" * 64 + b"]" * 64) == json.loads("[" * 64 + "]" * 64)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("text/plain", b"\xff"),
        ("text/plain; charset=ascii", b"\xe9"),
        ("text/plain; charset=klingon", b"x"),
        ("text/plain; charset=base64", b"eA=="),
        ("text/plain; charset=zlib_codec", b"x"),
        ("text/plain; charset=unicode_escape", b"\\x"),
        ("text/plain; charset=punycode", b"x"),
        ("text/plain; charset=undefined", b"x"),
        ("text/plain; charset=../../etc", b"x"),
        ("text/plain; charset=utf-16", b"x"),
        ("application/json; charset=utf-7", b"+ADw-"),
        (FORM, b"a=%ff"),
        (FORM, b"a=\xff"),
        (FORM + "; charset=nope", b"a=1"),
        (FORM, b"a%00b=1"),
    ],
)
def test_text_in_the_wrong_character_set_is_refused(content_type: str, body: bytes) -> None:
    with pytest.raises(RequestError) as refusal:
        read_body(content_type, body)
    assert refusal.value.code == "bad-body"


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", END),
        ("multipart/form-data; boundary=", END),
        ("multipart/form-data; boundary=" + "x" * 300, END),
        (MULTIPART, b"x"),
        (MULTIPART, b"--"),
        (MULTIPART, b"--other--\r\n"),
        (MULTIPART, b"preamble\r\n" + END),
        (MULTIPART, b"--limit\r\n"),
        (MULTIPART, field("a", b"1")),
        (MULTIPART, field("a", b"1") + b"--limit"),
        (MULTIPART, field("a", b"1") + b"--limit-"),
        (MULTIPART, field("a", b"1")[:-4] + END[2:]),
        (MULTIPART, b"--limit\r\n\r\ncontent\r\n" + END),
        (MULTIPART, part("Content-Type: text/plain", b"1") + END),
        (MULTIPART, part("Content-Disposition: form-data", b"1") + END),
        (MULTIPART, part('Content-Disposition: attachment; name="a"', b"1") + END),
        (MULTIPART, part('Content Disposition: form-data; name="a"', b"1") + END),
        (MULTIPART, part(": form-data", b"1") + END),
        (MULTIPART, field("a", b"1", "\r\nX-Long: " + "x" * 100_000) + END),
        (MULTIPART, field("a", b"1", "\r\nX: y" * 1000) + END),
        (MULTIPART, field("a", b"MQ==", "\r\nContent-Transfer-Encoding: base64") + END),
        (MULTIPART, field("a", b"\xff") + END),
        (MULTIPART, field("a", b"{", "\r\nContent-Type: application/json") + END),
        (MULTIPART, field("a\0b", b"1") + END),
    ],
)
def test_a_broken_multipart_body_is_refused(content_type: str, body: bytes) -> None:
    with pytest.raises(RequestError) as refusal:
        read_body(content_type, body)
    assert refusal.value.code == "bad-body"
    assert len(str(refusal.value)) < 300


def test_forms_are_bounded_in_fields_parts_and_sizes() -> None:
    with pytest.raises(TooLargeError, match="1,000 fields"):
        read_body(FORM, b"&".join([b"a=1"] * (MAX_FIELDS + 1)))
    with pytest.raises(TooLargeError, match="200 parts"):
        read_body(MULTIPART, field("a", b"1") * (MAX_PARTS + 1) + END)
    with pytest.raises(TooLargeError, match="part 'a'"):
        read_body(MULTIPART, field("a", b"x" * (MAX_FIELD + 1)) + END)
    with pytest.raises(TooLargeError, match="part 'f'"):
        read_body(MULTIPART, field("f", b"x" * (MAX_FILE + 1), '; filename="f"') + END)


def test_a_form_may_have_as_many_fields_and_parts_as_its_bounds() -> None:
    assert len(read_body(FORM, b"&".join([b"a=1"] * MAX_FIELDS))["a"]) == MAX_FIELDS
    assert len(read_body(MULTIPART, field("a", b"1") * MAX_PARTS + END)["a"]) == MAX_PARTS


def test_a_name_that_comes_again_has_the_list_of_its_values_in_order() -> None:
    assert collect([("b", 1), ("a", 2), ("b", 3), ("b", [4])]) == {"b": [1, 3, [4]], "a": 2}


@given(
    st.sampled_from([JSON, FORM, MULTIPART, "text/plain", "text/plain; charset=utf-16", "image/png", ""]),
    st.one_of(
        st.binary(max_size=200),
        st.lists(st.sampled_from([b"--limit", b"\r\n", b"--", b"a", b":", b"%f", b"&", b'"', b"{", b"]", END])).map(
            b"".join
        ),
    ),
)
def test_whatever_comes_in_is_a_value_that_can_be_stored_or_an_error_of_ours(content_type: str, body: bytes) -> None:
    try:
        value = read_body(content_type, body)
    except FlumeError:
        return
    check_value(value)


@given(st.text(max_size=60), st.binary(max_size=20))
def test_no_content_type_makes_the_reading_fail(content_type: str, body: bytes) -> None:
    try:
        value = read_body(content_type, body)
    except RequestError:
        return
    check_value(value)


@given(
    st.dictionaries(
        st.sampled_from(["a", "b", "c d"]), st.binary(max_size=300).filter(lambda content: b"--limit" not in content)
    )
)
def test_files_come_through_a_multipart_form_byte_by_byte(files: dict[str, bytes]) -> None:
    body = b"".join(field(name, content, '; filename="f"') for name, content in files.items()) + END
    value = read_body(MULTIPART, body)
    assert {name: b64decode(file["content"]) for name, file in value.items()} == files
    assert {name: file["size"] for name, file in value.items()} == {
        name: len(content) for name, content in files.items()
    }


@pytest.mark.slow
@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**63), 2**63 - 1)
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text().filter(lambda key: "\0" not in key), inner),
        max_leaves=20,
    )
)
def test_json_comes_through_unchanged(value: JsonValue) -> None:
    assert read_body(JSON, json.dumps(value).encode()) == value


@given(st.binary(min_size=1, max_size=100))
def test_binary_bodies_come_through_in_base64(body: bytes) -> None:
    assert read_body("application/pdf", body) == {
        "contentType": "application/pdf",
        "size": len(body),
        "content": b64encode(body).decode(),
    }
