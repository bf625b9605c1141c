"""What a function process is told by its environment is what whoever started it meant."""

from dataclasses import fields
from pathlib import Path

import pytest

from flume.nodes.node import NodeSettings
from functions.environment import confidential_values, read_node_settings, written_node_settings

ALL = NodeSettings(
    http_allow=("10.0.0.0/8", "example.org"),
    http_deny=("169.254.0.0/16",),
    llm_url="http://localhost:8000/v1",
    llm_api_key="key-of-model",
    mongodb_url="mongodb://db/flume",
    redis_url="redis://cache",
    platform_database="platform",
    cache=Path("/var/cache/flume"),
)


@pytest.mark.parametrize("settings", [ALL, NodeSettings()])
def test_settings_are_read_as_they_were_written(settings):
    assert read_node_settings(written_node_settings(settings)) == settings


def test_the_sample_says_something_of_every_setting():
    assert all(getattr(ALL, each.name) != getattr(NodeSettings(), each.name) for each in fields(NodeSettings))


def test_what_is_not_set_is_no_variable():
    assert set(written_node_settings(NodeSettings())) == {"DB_NAME"}


def test_the_servers_of_nodes_are_those_of_the_platform_unless_they_have_their_own():
    platform = {"MONGODB_URL": "mongodb://platform", "REDIS_URL": "redis://platform"}

    found = read_node_settings(platform)
    assert (found.mongodb_url, found.redis_url) == ("mongodb://platform", "redis://platform")
    own = read_node_settings({**platform, "FLUME_NODE_MONGODB_URL": "mongodb://own", "FLUME_NODE_REDIS_URL": ""})
    assert (own.mongodb_url, own.redis_url) == ("mongodb://own", "redis://platform")


def test_networks_are_separated_by_commas_or_blanks():
    assert read_node_settings({"FLUME_HTTP_ALLOW": " a, b  c,"}).http_allow == ("a", "b", "c")


@pytest.mark.parametrize(
    ("settings", "values"),
    [
        (NodeSettings(), ()),
        (NodeSettings(llm_api_key="key-of-model"), ("key-of-model",)),
        (NodeSettings(mongodb_url="mongodb://db/flume", redis_url="redis://cache@home:1/0"), ()),
        (
            NodeSettings(mongodb_url="mongodb://me:p%40ssword@a:1,b:2/x?y=z"),
            ("mongodb://me:p%40ssword@a:1,b:2/x?y=z", "p%40ssword", "p@ssword"),
        ),
        (NodeSettings(redis_url="redis://:short@cache"), ("redis://:short@cache",)),
    ],
)
def test_keys_and_addresses_with_passwords_are_confidential(settings, values):
    assert confidential_values(settings) == values
