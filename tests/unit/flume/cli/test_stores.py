import pytest

from flume.cli.settings import read_settings
from flume.cli.stores import mongodb_url_of, place_of
from flume.errors import SettingError

URL = "mongodb://me:secret@db:27017/"


def chosen(*, is_enough, **environment):
    return mongodb_url_of(read_settings(environment), is_enough=is_enough)


def test_without_a_url_everything_is_in_the_data_folder():
    assert chosen(is_enough=True) == ""
    assert place_of(read_settings({"FLUME_DATA": "/srv/flume"}), "") == "/srv/flume"


def test_a_url_decides_where_it_is_there_for_the_store_alone():
    assert chosen(is_enough=True, MONGODB_URL=URL) == URL
    assert chosen(is_enough=False, MONGODB_URL=URL) == ""


def test_flume_store_has_the_last_word():
    assert chosen(is_enough=False, MONGODB_URL=URL, FLUME_STORE="mongodb") == URL
    assert chosen(is_enough=True, MONGODB_URL=URL, FLUME_STORE="sqlite") == ""


def test_a_server_that_is_wanted_and_not_named_is_asked_for():
    with pytest.raises(SettingError, match=r"MONGODB_URL: expected the URL of a MongoDB .* FLUME_STORE is mongodb"):
        chosen(is_enough=False, FLUME_STORE="mongodb")


def test_the_place_is_shown_without_user_and_password():
    assert place_of(read_settings({"DB_NAME": "prod"}), URL) == "database prod of MongoDB at db:27017"
