"""What the environment may say, and what is said of it when it is wrong."""

import pytest

from flume.cli.settings import read_settings
from flume.errors import SettingError


def test_functions_are_called_directly_unless_the_settings_name_a_broker():
    assert read_settings({}).dispatch == "direct"
    assert read_settings({"FLUME_DISPATCH": "broker"}).broker_url == ""


@pytest.mark.parametrize("name", ["BROKER_URL", "K_SINK"])
def test_the_broker_has_the_name_that_knative_gives_its_address_too(name):
    settings = read_settings({"FLUME_DISPATCH": "broker", name: "http://broker-ingress.knative.svc/flume/default"})

    assert settings.broker_url == "http://broker-ingress.knative.svc/flume/default"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("FLUME_DISPATCH", "direct or broker"),
        ("FLUME_AUTH", "none or nothing"),
        ("FLUME_EVENTS_AUTH", "none or nothing"),
        ("LOG_FORMAT", "auto, text or json"),
        ("LOG_LEVEL", "debug, info, warning or error"),
        ("RETENTION_DAYS", "a valid number, unable to parse string as a number"),
    ],
)
def test_what_would_have_been_right_is_said_in_words(name, expected):
    with pytest.raises(SettingError) as wrong:
        read_settings({name: "anything"})

    assert str(wrong.value) == f"{name}: expected {expected}"


def test_a_number_that_is_too_small_is_told_the_least():
    with pytest.raises(SettingError, match=r"FLUME_MAX_RUNS: expected a number greater than or equal to 1$"):
        read_settings({"FLUME_MAX_RUNS": "0"})


def test_the_level_of_the_log_is_taken_in_capitals_too():
    assert read_settings({"LOG_LEVEL": "WARNING"}).log_level == "warning"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FLUME_DISPATCH", "queue"),
        ("BROKER_URL", "broker.svc"),
        ("BROKER_URL", "ftp://broker.svc"),
        ("BROKER_URL", "http://["),
        ("BROKER_URL", "http://broker.svc:port"),
        ("BROKER_URL", "http://"),
    ],
)
def test_a_wrong_value_names_its_variable(name, value):
    with pytest.raises(SettingError) as wrong:
        read_settings({name: value})

    assert wrong.value.variable == name


@pytest.mark.parametrize("name", ["", "a b", "a/b", "flume.prod", "$flume", "ä" * 32])
def test_a_database_name_that_mongodb_does_not_take_is_told_by_its_variable(name):
    with pytest.raises(SettingError, match=r"^DB_NAME: expected up to 63 bytes without"):
        read_settings({"DB_NAME": name})
