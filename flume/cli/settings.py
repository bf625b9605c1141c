"""All settings of Flume, read once from the environment at the start; `flume config` lists them from here."""

import os
import re
from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit
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
    mongodb_url: str = Field(
        "",
        validation_alias="MONGODB_URL",
        repr=False,
        description="The MongoDB that keeps everything instead of FLUME_DATA, for many orchestrators at once.",
    )
    store: Literal["sqlite", "mongodb", ""] = Field(
        "",
        validation_alias="FLUME_STORE",
        description="sqlite or mongodb; empty: mongodb for flume orchestrator if MONGODB_URL is set, and sqlite for flume dev.",
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
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info",
        validation_alias="LOG_LEVEL",
        description="debug, info, warning or error.",
    )
    log_format: Literal["auto", "text", "json"] = Field(
        "auto",
        validation_alias="LOG_FORMAT",
        description="text, json, or auto: text on a terminal and JSON elsewhere.",
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
    auth: Literal["none", ""] = Field(
        "",
        validation_alias="FLUME_AUTH",
        description="none lets everyone in, also where the server listens beyond loopback.",
    )
    events_auth: Literal["none", ""] = Field(
        "",
        validation_alias="FLUME_EVENTS_AUTH",
        description="none takes external events without token or key.",
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
    vite_url: str = Field(
        "",
        validation_alias="FLUME_VITE",
        description="Vite's server, for work on the console itself: pages load scripts and styles from there.",
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
    redis_url: str = Field(
        "",
        validation_alias="REDIS_URL",
        repr=False,
        description="The Redis by which orchestrators on one MongoDB, and functions, tell each other what can't wait.",
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
        validation_alias="DB_NAME",
        description="The database of MONGODB_URL that Flume uses; its collections are refused to nodes.",
    )
    cache: Path | None = Field(
        None,
        validation_alias="FLUME_CACHE",
        description="Folder for what can be made again, such as environments of scripts; empty: flume in the user's cache.",
    )
    cluster_namespace: str = Field(
        "flume",
        min_length=1,
        validation_alias="K8S_NAMESPACE",
        description="The Kubernetes namespace of functions, jobs and the broker; where it is set, a server finds them there.",
    )
    function_image: str = Field(
        "",
        validation_alias="FLUME_FUNCTION_IMAGE",
        description="The image of built-in node types on a cluster; empty: flume-function:latest.",
    )
    vllm_image: str = Field(
        "",
        validation_alias="FLUME_VLLM_IMAGE",
        description="The image of model servers on a cluster; empty: vllm/vllm-openai:latest.",
    )
    pull_policy: Literal["Always", "IfNotPresent", "Never", ""] = Field(
        "",
        validation_alias="FLUME_PULL_POLICY",
        description="When pods of functions pull their images: Always, IfNotPresent, Never; empty: as Kubernetes does.",
    )
    pull_secrets: str = Field(
        "",
        validation_alias="FLUME_PULL_SECRETS",
        description="Names of Secrets by which images of functions are pulled, separated by commas.",
    )
    models_file: Path | None = Field(
        None,
        validation_alias="FLUME_MODELS_FILE",
        description="File with the names of models on the cluster; without it, AI nodes in lane gpu may name any.",
    )
    cron: Literal["orchestrator", "pingsource"] = Field(
        "orchestrator",
        validation_alias="FLUME_CRON",
        description="Who fires cron triggers: the orchestrator, or Knative's PingSources, of which it makes up what they missed.",
    )
    dispatch: Literal["direct", "broker"] = Field(
        "direct",
        validation_alias="FLUME_DISPATCH",
        description="direct calls functions; broker hands orders to BROKER_URL, or to a broker of this process without one.",
    )
    broker_url: str = Field(
        "",
        validation_alias=AliasChoices("BROKER_URL", "K_SINK"),
        description="The Knative Broker that gets the events of runs, and orders to functions where FLUME_DISPATCH is broker.",
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
    max_memory_mib: int | None = Field(
        None,
        ge=0,
        validation_alias="FLUME_MAX_MEMORY_MIB",
        description="MiB of memory beyond which runs are refused with 429; 0: none. Default: three quarters of what there is.",
    )
    start_wait: float = Field(
        0,
        ge=0,
        validation_alias="FLUME_START_WAIT",
        description="Seconds that flume orchestrator waits at its start for a MongoDB that does not answer; 0: it ends at once.",
    )
    grace: float = Field(
        10,
        ge=0,
        validation_alias="FLUME_GRACE",
        description="Seconds that running nodes get to finish when the process stops.",
    )

    @field_validator("log_level", mode="before")
    @classmethod
    def _lower(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

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

    @field_validator("public_url", "engine_url", "otlp_endpoint", "llm_url", "broker_url", "vite_url")
    @classmethod
    def _http_url(cls, value: str) -> str:
        if value and not _is_http_url(value):
            raise ValueError("expected a URL such as https://flume.example.org")
        return value.rstrip("/")

    @field_validator("platform_database")
    @classmethod
    def _database_name(cls, value: str) -> str:
        # What MongoDB takes, on whatever system it runs.
        if not value or len(value.encode()) > 63 or set(value) & set('/\\. "$*<>:|?\0'):
            raise ValueError('expected up to 63 bytes without spaces and any of / \\ . " $ * < > : | ?')
        return value

    @field_validator("redis_url")
    @classmethod
    def _redis_url(cls, value: str) -> str:
        if value and not value.startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("expected an address such as redis://host:6379/0, or rediss:// for TLS")
        return value

    @property
    def is_on_cluster(self) -> bool:
        """Whether functions are on a cluster: somebody said in which namespace."""
        return "cluster_namespace" in self.model_fields_set

    def cache_folder(self) -> Path:
        """The folder of ``FLUME_CACHE``, by default the one for caches of programs, as the XDG base directories say."""
        if self.cache is not None and str(self.cache) not in ("", "."):
            return self.cache.resolve()
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "flume"

    def node_paths(self) -> tuple[Path, ...]:
        """The files and folders of ``FLUME_NODES``."""
        return tuple(Path(text) for text in self.nodes.split(os.pathsep) if text)


def setting_names() -> frozenset[str]:
    """The variables that are settings of Flume."""
    names: set[str] = set()
    for setting in Settings.model_fields.values():
        match setting.validation_alias:
            case AliasChoices(choices=choices):
                names.update(choice for choice in choices if isinstance(choice, str))
            case str(name):
                names.add(name)
            case _:
                pass
    return frozenset(names)


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


def _is_http_url(text: str) -> bool:
    try:
        # Looked at because they raise: what follows the scheme may still be no address.
        parts = urlsplit(text)
        is_addressed = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return is_addressed and re.match(r"https?://[^/\s]+", text) is not None


def _expected(error: Any) -> str:
    message = str(error["msg"]).removeprefix("Value error, ")
    message = message.replace("Input should be greater", "expected a number greater", 1)
    message = message.replace("Input should be", "expected", 1)
    if error["type"] == "literal_error":
        # One that may be empty has '' among its choices.
        message = message.replace("''", "nothing").replace("'", "")
    return message[0].lower() + message[1:]
