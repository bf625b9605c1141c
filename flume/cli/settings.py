"""All settings of Flume, read once from the environment at the start; `flume config` lists them from here."""

import os
import re
from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AliasChoices, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from flume.errors import SettingError
from flume.secret_values import read_secret_values


class Settings(BaseSettings):
    """One frozen value per process. Names are the environment variables."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    data: Path = Field(
        Path("flume-data"),
        validation_alias="FLUME_DATA",
        description="Folder of the embedded store. One process at a time.",
    )
    engine_url: str = Field(
        "http://127.0.0.1:8000",
        validation_alias="ENGINE_URL",
        description="The orchestrator that commands such as get, invoke and apply talk to.",
    )
    nodes: str = Field(
        "",
        validation_alias="FLUME_NODES",
        description="Files and folders with custom nodes, separated by colons.",
    )
    retention_days: float = Field(
        30,
        ge=0,
        validation_alias="RETENTION_DAYS",
        description="Ended runs and entries of the audit log are deleted after so many days; 0 keeps them for ever.",
    )
    log_level: str = Field(
        "info",
        validation_alias="LOG_LEVEL",
        description="debug, info, warning or error.",
        pattern="(?i)^(debug|info|warning|error)$",
    )
    log_format: str = Field(
        "auto",
        validation_alias="LOG_FORMAT",
        description="text, json, or auto: text on a terminal and JSON elsewhere.",
        pattern="^(auto|text|json)$",
    )
    api_token: str = Field(
        "",
        validation_alias="FLUME_API_TOKEN",
        repr=False,
        description="Tokens that the server accepts, separated by blanks; token:namespace,…:view|edit|admin binds one.",
    )
    token: str = Field(
        "", validation_alias="FLUME_TOKEN", repr=False, description="The token that commands send to the server."
    )
    auth: str = Field(
        "",
        validation_alias="FLUME_AUTH",
        description="none lets everyone in, also where the server listens beyond loopback.",
        pattern="^(none)?$",
    )
    events_auth: str = Field(
        "",
        validation_alias="FLUME_EVENTS_AUTH",
        description="none takes external events without token or key.",
        pattern="^(none)?$",
    )
    public_url: str = Field(
        "",
        validation_alias=AliasChoices("FLUME_PUBLIC_URL", "NEXT_PUBLIC_API_URL"),
        description="The address that links and hook URLs show; empty: where the server listens.",
    )
    allowed_hosts: str = Field(
        "",
        validation_alias="FLUME_ALLOWED_HOSTS",
        description="Further host names, separated by commas, under which the server may be called.",
    )
    timezone: str = Field("UTC", validation_alias="FLUME_TIMEZONE", description="Of cron triggers that name none.")
    http_allow: str = Field(
        "",
        validation_alias="FLUME_HTTP_ALLOW",
        description="Networks (CIDR, separated by commas) that http-request may reach whatever the deny list says.",
    )
    http_deny: str = Field(
        "",
        validation_alias="FLUME_HTTP_DENY",
        description="Networks (CIDR, separated by commas) that http-request may not reach, besides link-local ones.",
    )
    llm_url: str = Field(
        "",
        validation_alias="VLLM_URL",
        description="The model server that AI nodes ask: any that speaks the OpenAI API, such as http://vllm:8000/v1.",
    )
    llm_api_key: str = Field(
        "", validation_alias="VLLM_API_KEY", repr=False, description="The key that the model server wants, if any."
    )
    node_mongodb_url: str = Field(
        "",
        validation_alias=AliasChoices("FLUME_NODE_MONGODB_URL", "MONGODB_URL"),
        repr=False,
        description="The MongoDB that database nodes speak to unless they name another.",
    )
    node_redis_url: str = Field(
        "",
        validation_alias=AliasChoices("FLUME_NODE_REDIS_URL", "REDIS_URL"),
        repr=False,
        description="The Redis that database nodes speak to unless they name another.",
    )
    platform_database: str = Field(
        "flume",
        min_length=1,
        validation_alias="DB_NAME",
        description="The database whose collections of Flume's own are refused to nodes.",
    )
    function_timeout_max: float = Field(
        600,
        gt=0,
        validation_alias="FLUME_FUNCTION_TIMEOUT_MAX",
        description="Seconds that a function may take at most.",
    )
    otlp_endpoint: str = Field(
        "",
        validation_alias="OTEL_EXPORTER_OTLP_ENDPOINT",
        description="The OpenTelemetry collector (OTLP over HTTP) that gets traces; empty: none are made.",
    )
    service_name: str = Field(
        "flume", validation_alias="OTEL_SERVICE_NAME", description="What traces call this service."
    )
    secrets_dir: Path | None = Field(
        None,
        validation_alias="FLUME_SECRETS_DIR",
        description="Folder with a file per secret, besides the variables FLUME_SECRET_NAME.",
    )
    max_runs: int = Field(
        20_000,
        ge=1,
        validation_alias="FLUME_MAX_RUNS",
        description="Runs under way in one process; more are refused with 429.",
    )
    grace: float = Field(
        10,
        ge=0,
        validation_alias="FLUME_GRACE",
        description="Seconds that running nodes get to finish when the process stops.",
    )

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError("expected an IANA time zone such as Europe/Berlin") from error
        return value

    @field_validator("http_allow", "http_deny")
    @classmethod
    def _networks(cls, value: str) -> str:
        for text in split_list(value):
            try:
                ip_network(text)
            except ValueError as error:
                raise ValueError(f"expected networks such as 10.0.0.0/8, and '{text}' is none") from error
        return value

    @field_validator("public_url", "engine_url", "otlp_endpoint", "llm_url")
    @classmethod
    def _http_url(cls, value: str) -> str:
        if value and not re.match(r"https?://[^/\s]+", value):
            raise ValueError("expected a URL such as https://flume.example.org")
        return value.rstrip("/")

    def node_paths(self) -> tuple[Path, ...]:
        """The files and folders of ``FLUME_NODES``."""
        return tuple(Path(text) for text in self.nodes.split(os.pathsep) if text)


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """The settings of this process, or those of a given environment. Raises `SettingError` naming the variable."""
    try:
        return Settings() if environment is None else Settings.model_validate(dict(environment))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise SettingError(str(first["loc"][0]), _expected(first)) from None


def read_secrets(settings: Settings, environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """Secrets by name, as `flume.secret_values` finds them. Raises `SettingError`."""
    return read_secret_values(os.environ if environment is None else environment, settings.secrets_dir)


def split_list(text: str) -> tuple[str, ...]:
    """The parts of a text separated by commas or blanks."""
    return tuple(part for part in re.split(r"[,\s]+", text) if part)


def _expected(error: Any) -> str:
    message = str(error["msg"]).removeprefix("Value error, ")
    return message[0].lower() + message[1:]
