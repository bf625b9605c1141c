"""Where secrets come from, and who is given which."""

from dataclasses import replace
from pathlib import Path

import pytest

from flume.errors import SettingError
from flume.nodes.registry import Registry, installed_node_types
from flume.secret_values import read_secret_values, secrets_for

TEMPLATE = Registry(installed_node_types).get("template")
SECRETS = {"A": "value of a", "B": "value of b", "C": "value of c"}


def naming(*names: str):
    return replace(TEMPLATE, secrets=names)


def test_a_process_gets_what_one_of_its_types_names_and_nothing_else() -> None:
    assert secrets_for([naming()], SECRETS) == {}
    assert secrets_for([naming("A", "MISSING"), naming("C")], SECRETS) == {"A": "value of a", "C": "value of c"}
    assert secrets_for(iter([naming("A"), naming("*")]), SECRETS) == SECRETS


def test_a_variable_comes_before_a_file_of_its_name(tmp_path: Path) -> None:
    (tmp_path / "KEY").write_text("from the file\n")
    (tmp_path / "OTHER").write_text("other value")
    found = read_secret_values({"FLUME_SECRET_KEY": "from the variable", "PATH": "/bin"}, tmp_path)
    assert found == {"KEY": "from the variable", "OTHER": "other value"}


def test_a_name_that_templates_could_not_use_is_refused() -> None:
    with pytest.raises(SettingError, match="secret my-key: expected a name of letters, digits and _"):
        read_secret_values({"FLUME_SECRET_my-key": "long enough"}, None)
