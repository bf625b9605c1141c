import pytest

from eventing.webhooks import HookRequest, is_secret_header, trigger_data
from flume.errors import RequestError
from flume.pipeline import WebhookAuth, WebhookTrigger


def request(
    *headers: tuple[str, str], query: list[tuple[str, str]] | None = None, body: bytes = b"", method: str = "POST"
) -> HookRequest:
    return HookRequest(method, "/hooks/default/articles", query or [], list(headers), body)


def test_the_body_is_the_data_and_the_rest_stands_beside_it() -> None:
    data, detail = trigger_data(
        request(
            ("Content-Type", "application/json"),
            ("X-Request-Id", "7"),
            query=[("q", "sea"), ("tag", "a"), ("tag", "b"), ("empty", "")],
            body=b'{"topic": "sea"}',
            method="put",
        )
    )
    assert data == {"topic": "sea"}
    assert detail == {
        "method": "PUT",
        "path": "/hooks/default/articles",
        "query": {"q": "sea", "tag": ["a", "b"], "empty": ""},
        "headers": {"content-type": "application/json", "x-request-id": "7"},
    }


def test_a_request_without_a_body_has_null_for_data() -> None:
    assert trigger_data(request(method="GET")) == (
        None,
        {"method": "GET", "path": "/hooks/default/articles", "query": {}, "headers": {}},
    )


def test_repeated_headers_are_joined() -> None:
    _, detail = trigger_data(request(("Accept", "text/html"), ("accept", "*/*")))
    assert detail["headers"] == {"accept": "text/html, */*"}


@pytest.mark.parametrize(
    "name",
    [
        "Authorization",
        "Proxy-Authorization",
        "Cookie",
        "Cookie2",
        "X-Api-Key",
        "api_key",
        "ApiKey",
        "X-ApiKey",
        "X-Gitlab-Token",
        "X-Hub-Signature",
        "X-Hub-Signature-256",
        "Stripe-Signature",
        "X-Signature-256",
        "X-Shopify-Hmac-Sha256",
        "X-Auth",
        "X-Amz-Security-Token",
        "X-Telegram-Bot-Api-Secret-Token",
        "X-CSRFToken",
        "Cf-Access-Jwt-Assertion",
        "X-Webhook-Secret",
        "X-Password",
        "X-Session-Id",
        "X-Accesstoken",
        "Ocp-Apim-Subscription-Key",
        "X-Forwarded-Authorization",
        "Key",
    ],
)
def test_headers_whose_name_speaks_of_a_secret_are_left_out(name: str) -> None:
    assert is_secret_header(name)
    _, detail = trigger_data(request((name, "s3cret")))
    assert detail["headers"] == {}


@pytest.mark.parametrize(
    "name",
    [
        "Content-Type",
        "User-Agent",
        "X-Github-Event",
        "Idempotency-Key",
        "X-Monkey",
        "Keep-Alive",
        "Author",
        "X-Keyboard",
        "X-Forwarded-For",
        "Traceparent",
        "X-Tokenizer",
        "Accept",
    ],
)
def test_other_headers_are_kept(name: str) -> None:
    assert not is_secret_header(name)
    _, detail = trigger_data(request((name, "value")))
    assert detail["headers"] == {name.lower(): "value"}


def test_the_signature_header_of_the_trigger_is_left_out_whatever_its_name() -> None:
    signed = WebhookTrigger("webhook", "articles", auth=WebhookAuth.HMAC, secret="HOOK", header="X-Proof")
    _, detail = trigger_data(request(("x-proof", "sha256=00"), ("X-Other", "1")), signed)
    assert detail["headers"] == {"x-other": "1"}


@pytest.mark.parametrize(
    "odd",
    [
        request(query=[("a\0b", "1")]),
        request(query=[("a", "\ud800")]),
        request(("X-Odd", "\udcff")),
        request(("Content-Type", "application/json"), body=b"{"),
    ],
)
def test_a_request_that_can_not_be_stored_is_refused(odd: HookRequest) -> None:
    with pytest.raises(RequestError):
        trigger_data(odd)


def test_a_content_type_that_comes_twice_is_not_believed() -> None:
    twice = request(("Content-Type", "application/json"), ("Content-Type", "text/plain"), body=b"1")
    assert trigger_data(twice)[0] == {"contentType": "application/octet-stream", "size": 1, "content": "MQ=="}


def test_a_header_is_found_in_any_case_when_it_came_once() -> None:
    assert request(("X-A", " 1 ")).header("x-a") == "1"
    assert request(("X-A", "1"), ("x-a", "1")).header("X-A") is None
    assert request().header("X-A") is None
