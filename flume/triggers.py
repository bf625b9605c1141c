"""The triggers of a document: each of the five types read, named, and checked against the others."""

from collections.abc import Mapping
from datetime import timedelta

from flume.document_models import (
    CronTriggerModel,
    EventTriggerModel,
    IntervalTriggerModel,
    ManualTriggerModel,
    TriggerModel,
    WebhookAuthModel,
    WebhookTriggerModel,
)
from flume.filters import read_attributes, read_filters
from flume.findings import Findings
from flume.pipeline import (
    CronTrigger,
    EventTrigger,
    IntervalTrigger,
    ManualTrigger,
    MissedFirings,
    Trigger,
    WebhookAuth,
    WebhookTrigger,
)
from flume.problems import join_pointer
from flume.reading import shorten
from flume.values import JsonObject, JsonValue

_MODELS: Mapping[str, type[TriggerModel]] = {
    "manual": ManualTriggerModel,
    "webhook": WebhookTriggerModel,
    "cron": CronTriggerModel,
    "interval": IntervalTriggerModel,
    "event": EventTriggerModel,
}

MAX_TRIGGERS = 100

_SHORTEST_INTERVAL = timedelta(seconds=1)


def read_triggers(
    document: Mapping[str, JsonValue], pointer: str, pipeline_name: str, findings: Findings
) -> tuple[Trigger, ...]:
    """The triggers under ``trigger`` or ``triggers`` of the object at ``pointer``.

    What is wrong is noted, and triggers that can't be understood are left out.
    """
    one, several = document.get("trigger"), document.get("triggers")
    if one is not None and several is not None:
        hint = "keep `triggers`, and move the other one into its list"
        findings.add(
            "trigger-conflict", join_pointer(pointer, "triggers"), "both trigger and triggers", hint, at_key=True
        )
    places = [(one, join_pointer(pointer, "trigger"))] if one is not None else []
    several_at = join_pointer(pointer, "triggers")
    items = findings.expect_list(several, several_at)
    if len(items) > MAX_TRIGGERS:
        message = f"{len(items):,} triggers; the limit is {MAX_TRIGGERS}"
        findings.add("too-many-triggers", several_at, message, "divide the pipeline", at_key=True)
        items = items[:MAX_TRIGGERS]
    places += [(item, join_pointer(several_at, index)) for index, item in enumerate(items)]
    taken = _explicit_ids(places, findings)
    triggers = [_read_trigger(value, place, pipeline_name, taken, findings) for value, place in places]
    _check_paths([(trigger, place) for trigger, (_, place) in zip(triggers, places, strict=True) if trigger], findings)
    return tuple(trigger for trigger in triggers if trigger)


def _explicit_ids(places: list[tuple[JsonValue, str]], findings: Findings) -> set[str]:
    taken: set[str] = set()
    for value, place in places:
        given = value.get("id") if isinstance(value, Mapping) else None
        if not isinstance(given, str):
            continue
        if given in taken:
            message = f"the trigger id '{shorten(given)}' is taken"
            findings.add("duplicate-id", join_pointer(place, "id"), message, "give each trigger an id of its own")
        taken.add(given)
    return taken


def _read_trigger(
    value: JsonValue, pointer: str, pipeline_name: str, taken: set[str], findings: Findings
) -> Trigger | None:
    document = findings.expect_object(value, pointer)
    if not isinstance(value, Mapping):
        if value is None:
            findings.add("missing-key", pointer, "`type` is missing", f"one of {', '.join(_MODELS)}")
        return None
    kind = document.get("type")
    if not isinstance(kind, str) or kind not in _MODELS:
        _note_type(kind, pointer, findings)
        return None
    model = findings.read(_MODELS[kind], value, pointer)
    if model is None:
        return None
    identity = model.id or _default_id(kind, taken)
    taken.add(identity)
    return _make_trigger(model, identity, pipeline_name, pointer, findings)


def _note_type(kind: JsonValue, pointer: str, findings: Findings) -> None:
    known = ", ".join(_MODELS)
    if kind is None:
        findings.add("missing-key", pointer, "`type` is missing", f"add `type:` with one of {known}")
    elif not isinstance(kind, str):
        findings.add("wrong-type", join_pointer(pointer, "type"), "expected text", f"one of {known}")
    else:
        message = f"'{shorten(kind, 40)}' is not one of {known}"
        findings.add("bad-value", join_pointer(pointer, "type"), message, findings.propose(kind, _MODELS))


def _default_id(kind: str, taken: set[str]) -> str:
    identity, number = kind, 2
    while identity in taken:
        identity, number = f"{kind}-{number}", number + 1
    return identity


def _make_trigger(
    model: TriggerModel, identity: str, pipeline_name: str, pointer: str, findings: Findings
) -> Trigger | None:
    match model:
        case WebhookTriggerModel():
            return _make_webhook(model, identity, pipeline_name, pointer, findings)
        case CronTriggerModel():
            missed = MissedFirings(model.missed)
            return CronTrigger(identity, model.schedule, model.timezone, model.enabled, model.data, missed)
        case IntervalTriggerModel():
            if model.every < _SHORTEST_INTERVAL:
                hint = "one second is the shortest interval"
                findings.add("bad-duration", join_pointer(pointer, "every"), "shorter than a second", hint)
            return IntervalTrigger(identity, model.every, model.enabled, model.data)
        case EventTriggerModel():
            return _make_event(model, identity, pointer, findings)
        case _:
            return ManualTrigger(identity, model.enabled)


def _make_webhook(
    model: WebhookTriggerModel, identity: str, pipeline_name: str, pointer: str, findings: Findings
) -> WebhookTrigger:
    _check_auth(model.auth, join_pointer(pointer, "auth"), findings)
    return WebhookTrigger(
        identity,
        model.path or pipeline_name,
        model.enabled,
        tuple(dict.fromkeys(model.methods)),
        WebhookAuth(model.auth.type),
        model.auth.secret,
        model.auth.header or "X-Signature-256",
        model.auth.algorithm or "sha256",
        model.response == "wait",
        model.wait,
    )


def _check_auth(auth: WebhookAuthModel, pointer: str, findings: Findings) -> None:
    if auth.type != "none" and auth.secret is None:
        hint = 'add secret: "{{secrets.NAME}}"'
        findings.add("missing-key", pointer, f"`secret` is missing, which {auth.type} needs", hint)
    if auth.type == "none" and auth.secret is not None:
        hint = "add type: bearer, basic or hmac"
        findings.add("bad-value", join_pointer(pointer, "secret"), "a secret without a type that uses it", hint)
    for key, value in (("header", auth.header), ("algorithm", auth.algorithm)):
        if value is not None and auth.type != "hmac":
            findings.add("bad-value", join_pointer(pointer, key), f"`{key}` means something for hmac only", "remove it")


def _check_paths(triggers: list[tuple[Trigger, str]], findings: Findings) -> None:
    seen: set[str] = set()
    for trigger, pointer in triggers:
        if not isinstance(trigger, WebhookTrigger):
            continue
        if trigger.path and trigger.path in seen:
            message = f"another webhook of this pipeline has the path '{shorten(trigger.path)}'"
            hint = "give each webhook a path of its own"
            findings.add("duplicate-path", join_pointer(pointer, "path"), message, hint)
        seen.add(trigger.path)


def _make_event(model: EventTriggerModel, identity: str, pointer: str, findings: Findings) -> EventTrigger:
    if model.filters is not None and model.attributes is not None:
        hint = "write the attributes as {exact: {…}} among the filters"
        findings.add("trigger-conflict", join_pointer(pointer, "attributes"), "both filters and attributes", hint)
    filters: list[JsonObject] = list(model.filters or ())
    read_filters(filters, join_pointer(pointer, "filters"), findings)
    if model.attributes:
        read_attributes(model.attributes, join_pointer(pointer, "attributes"), findings)
        filters.append({"exact": dict(model.attributes)})
    return EventTrigger(identity, tuple(filters), model.enabled)
