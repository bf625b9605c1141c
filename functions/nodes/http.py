"""Node types that speak HTTP: one asks a server, one answers the caller of the run."""

import re
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import BeforeValidator, Field, field_validator, model_validator

from flume.nodes import ALL_SECRETS, Node, NodeConfig, NodeInput, NodeSettings, Result, Role
from flume.nodes.fields import Duration
from functions.nodes.http_headers import RequestHeaders, ResponseHeaders, ScalarInput, scalar_text

DEFAULT_MAX_BYTES = 16 * 1024 * 1024
MOST_MAX_BYTES = 256 * 1024 * 1024
"""What a payload may have at most."""

_EXPECTED = re.compile(r"[1-5]xx|[1-5][0-9]{2}(-[1-5][0-9]{2})?")
_BODILESS = (204, 205, 304)


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


def _as_list(value: object) -> object:
    return value if isinstance(value, list) else [value]


def _check_expected(status: str) -> str:
    if not _EXPECTED.fullmatch(status):
        raise ValueError("an expected status is a number such as 200, a range such as 200-299, or a class such as 2xx")
    return status


Scalar: TypeAlias = Annotated[str, BeforeValidator(scalar_text, json_schema_input_type=ScalarInput)]


class Bearer(NodeConfig):
    """A token in the ``Authorization`` field."""

    type: Literal["bearer"]
    token: str


class Basic(NodeConfig):
    """A name and a password in the ``Authorization`` field."""

    type: Literal["basic"]
    username: str
    password: str = ""


class HttpRequest(Node):
    """Sends an HTTP request; its output is the body of the response."""

    name = "http-request"
    category = "HTTP"
    icon = "globe"
    concurrency = 64
    secrets = (ALL_SECRETS,)

    class Config(NodeConfig):
        """Where to and how. ``timeout`` counts for the whole exchange; ``maxBytes`` for the body after decompression."""

        method: Annotated[
            Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"], BeforeValidator(_upper)
        ] = "GET"
        url: str = Field(min_length=1, max_length=16384)
        headers: RequestHeaders = Field(default_factory=dict)
        query: dict[str, Scalar | list[Scalar] | None] = Field(default_factory=dict)
        timeout: Duration | None = None
        follow_redirects: bool = True
        auth: Annotated[Bearer | Basic, Field(discriminator="type")] | None = None
        expect: Annotated[list[Scalar], BeforeValidator(_as_list, json_schema_input_type=Scalar | list[Scalar])] = (
            Field(default=["2xx", "3xx"], min_length=1)
        )
        max_bytes: int = Field(default=DEFAULT_MAX_BYTES, ge=1, le=MOST_MAX_BYTES)

        @field_validator("expect")
        @classmethod
        def _names_statuses(cls, expect: list[str]) -> list[str]:
            return [_check_expected(status) for status in expect]

        def expects(self, status: int) -> bool:
            """Whether ``status`` counts as success."""
            return any(_covers(expected, status) for expected in self.expect)

    class Input(NodeInput):
        """The body: text or any JSON (``body``), JSON (``json``, where text is quoted), or fields of a form."""

        body: Any = None
        json_body: Any = Field(default=None, alias="json")
        form: dict[str, Scalar | list[Scalar] | None] | None = None

        @model_validator(mode="after")
        def _has_one_body(self) -> "HttpRequest.Input":
            if self.has_json + (self.body is not None) + (self.form is not None) > 1:
                raise ValueError("give only one of 'body', 'json' and 'form'")
            return self

        @property
        def has_json(self) -> bool:
            """Whether ``json`` was given; null is a JSON body too."""
            return "json_body" in self.model_fields_set

    @classmethod
    async def setup(cls, settings: NodeSettings) -> Any:
        """One pool of connections per process."""
        # Here, because the HTTP client takes a quarter of a second to import, and describing the type does not need it.
        from functions.outgoing import AddressPolicy, open_client

        return open_client(AddressPolicy(settings.http_allow, settings.http_deny))

    @classmethod
    async def teardown(cls, shared: Any) -> None:
        """Close the connections."""
        await shared.aclose()

    async def execute(self, input: Input) -> Result:
        """Send the request and read the response, within the time-out and the attempt's deadline."""
        from functions.nodes.http_exchange import exchange

        return await exchange(self.shared, self.config, input, self.context)


class HttpResponse(Node):
    """Answers the HTTP caller that waits for this run. Only the first answer counts."""

    name = "http-response"
    category = "HTTP"
    icon = "reply"
    role = Role.RESPONSE
    lanes = ("engine",)  # the answer leaves by the process in which the caller waits
    Output: ClassVar[Any] = Any

    class Config(NodeConfig):
        """Cookies, and fields that belong to the connection or to the whole site, are refused."""

        status: int = Field(default=200, ge=200, le=599)
        headers: ResponseHeaders = Field(default_factory=dict)

    class Input(NodeInput):
        """Text is sent as it is, anything else as JSON."""

        body: Any = None

    async def execute(self, input: Input) -> Result:
        """Give the body, with status and headers as meta; a status that has no body takes none."""
        body = None if self.config.status in _BODILESS else input.body
        return Result(body, meta={"status": self.config.status, "headers": self.config.headers})


def _covers(expected: str, status: int) -> bool:
    if expected.endswith("xx"):
        return status // 100 == int(expected[0])
    first, _, last = expected.partition("-")
    return int(first) <= status <= int(last or first)
