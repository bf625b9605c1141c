import hashlib
import hmac
from base64 import b64encode, urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventing.signatures import authorize
from eventing.webhooks import HookRequest
from flume.pipeline import WebhookAuth, WebhookTrigger

SECRET = "correct-horse"
BODY = b'{"topic": "sea"}'


def request(*headers: tuple[str, str], body: bytes = BODY) -> HookRequest:
    return HookRequest("POST", "/hooks/default/articles", [], list(headers), body)


def trigger(auth: WebhookAuth, header: str = "X-Signature-256", algorithm: str = "sha256") -> WebhookTrigger:
    return WebhookTrigger("webhook", "articles", auth=auth, secret="HOOK", header=header, algorithm=algorithm)


def digest(algorithm: str = "sha256", secret: str = SECRET, body: bytes = BODY) -> bytes:
    return hmac.new(secret.encode(), body, algorithm).digest()


BEARER, BASIC, HMAC = trigger(WebhookAuth.BEARER), trigger(WebhookAuth.BASIC), trigger(WebhookAuth.HMAC)
DIGEST = digest()


def test_without_authentication_everyone_may_call() -> None:
    assert authorize(trigger(WebhookAuth.NONE), request(), None)


@pytest.mark.parametrize("header", ["Bearer correct-horse", "bearer correct-horse", "BEARER  correct-horse "])
def test_the_right_bearer_may_call(header: str) -> None:
    assert authorize(BEARER, request(("authorization", header)), SECRET)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer correct-hors",
        "Bearer correct-horsee",
        "Bearer CORRECT-HORSE",
        "correct-horse",
        "Basic correct-horse",
        "Bearer correct-horse x",
        "Bearer corréct-horse",
        "Bearer \u4e2d",
        "Bearer \ud800",
    ],
)
def test_any_other_bearer_may_not_call(header: str) -> None:
    assert not authorize(BEARER, request(("Authorization", header)), SECRET)


def test_a_bearer_beyond_ascii_is_compared_by_its_bytes() -> None:
    over_the_wire = "Bearer 비밀번호".encode().decode("latin-1")
    assert authorize(BEARER, request(("Authorization", over_the_wire)), "비밀번호")


def basic(credentials: str) -> tuple[str, str]:
    return ("Authorization", "Basic " + b64encode(credentials.encode()).decode())


def test_the_right_user_and_password_may_call() -> None:
    assert authorize(BASIC, request(basic("ann:s3:cret")), "ann:s3:cret")
    assert authorize(BASIC, request(basic("앤:비밀")), "앤:비밀")


@pytest.mark.parametrize(
    "header",
    [
        basic("ann:wrong"),
        basic("bob:s3cret"),
        basic("ann"),
        basic(""),
        ("Authorization", "Basic ann:s3cret"),
        ("Authorization", "Basic"),
        ("Authorization", "Basic ***"),
        ("Authorization", "Basic \u00e9"),
        ("X-Other", "x"),
    ],
)
def test_any_other_user_or_password_may_not_call(header: tuple[str, str]) -> None:
    assert not authorize(BASIC, request(header), "ann:s3cret")


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha512"])
def test_a_signature_is_taken_in_every_usual_spelling(algorithm: str) -> None:
    signed = trigger(WebhookAuth.HMAC, "X-Hub-Signature", algorithm)
    right = digest(algorithm)
    spellings = [
        right.hex(),
        right.hex().upper(),
        f"{algorithm}={right.hex()}",
        f"{algorithm.upper()}={right.hex()}",
        b64encode(right).decode(),
        urlsafe_b64encode(right).decode().rstrip("="),
        f"{algorithm}={b64encode(right).decode()}",
    ]
    for spelling in spellings:
        assert authorize(signed, request(("x-hub-signature", spelling)), SECRET), spelling


def test_an_algorithm_may_be_written_with_a_hyphen() -> None:
    assert authorize(trigger(WebhookAuth.HMAC, algorithm="SHA-256"), request(("X-Signature-256", DIGEST.hex())), SECRET)


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "sha256=",
        "sha256",
        DIGEST.hex()[:-1],
        DIGEST.hex() + "0",
        DIGEST.hex()[:-2],
        "sha1=" + DIGEST.hex(),
        digest("sha1").hex(),
        digest(secret="wrong").hex(),
        digest(body=BODY + b" ").hex(),
        b64encode(DIGEST[:-1]).decode(),
        "sha256=sha256=" + DIGEST.hex(),
        "g" * 64,
        "é" * 64,
        " ".join(DIGEST.hex()),
        "٠" * 64,
        "A" * 100_000,
        "\ud800",
    ],
)
def test_any_other_signature_may_not_call(signature: str) -> None:
    assert not authorize(HMAC, request(("X-Signature-256", signature)), SECRET)


def test_a_signature_in_another_header_does_not_count() -> None:
    assert not authorize(HMAC, request(("X-Signature", DIGEST.hex())), SECRET)


def test_an_algorithm_that_is_not_known_lets_nobody_in() -> None:
    md5 = hmac.new(SECRET.encode(), BODY, hashlib.md5).hexdigest()
    assert not authorize(trigger(WebhookAuth.HMAC, algorithm="md5"), request(("X-Signature-256", md5)), SECRET)


def test_an_empty_body_is_signed_too() -> None:
    assert authorize(HMAC, request(("X-Signature-256", digest(body=b"").hex()), body=b""), SECRET)
    assert not authorize(HMAC, request(("X-Signature-256", DIGEST.hex()), body=b""), SECRET)


@pytest.mark.parametrize("wanted", [BEARER, BASIC, HMAC])
@pytest.mark.parametrize("secret", [None, ""])
def test_without_a_secret_nobody_may_call(wanted: WebhookTrigger, secret: str | None) -> None:
    empty = hmac.new(b"", BODY, "sha256").hexdigest()
    headers = [("X-Signature-256", empty)]
    for value in ("Bearer ", "Bearer None", "Basic "):
        assert not authorize(wanted, request(("Authorization", value), *headers), secret)


def test_a_header_that_comes_twice_proves_nothing() -> None:
    twice = ("Authorization", f"Bearer {SECRET}"), ("authorization", "Bearer other")
    assert not authorize(BEARER, request(*twice), SECRET)
    assert not authorize(HMAC, request(("X-Signature-256", DIGEST.hex()), ("x-signature-256", DIGEST.hex())), SECRET)


@given(st.sampled_from([BEARER, BASIC, HMAC]), st.text(max_size=100), st.binary(max_size=40))
def test_nothing_in_a_header_makes_the_check_fail(wanted: WebhookTrigger, value: str, body: bytes) -> None:
    headers = [("Authorization", value), ("X-Signature-256", value)]
    assert authorize(wanted, request(*headers, body=body), SECRET) is False


@given(st.binary(max_size=200), st.integers(0, 255), st.integers(0, 400))
def test_a_changed_byte_of_the_body_breaks_the_signature(body: bytes, byte: int, position: int) -> None:
    changed = body[: position % (len(body) + 1)] + bytes([byte]) + body[position % (len(body) + 1) :]
    signature = ("X-Signature-256", "sha256=" + digest(body=body).hex())
    assert authorize(HMAC, request(signature, body=body), SECRET)
    assert not authorize(HMAC, request(signature, body=changed), SECRET)
