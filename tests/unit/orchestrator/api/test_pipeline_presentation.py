import pytest

from orchestrator.api.pipeline_presentation import pipeline_path, prefers_yaml


@pytest.mark.parametrize(
    ("accept", "wants"),
    [
        ("", False),
        ("*/*", False),
        ("application/json", False),
        ("application/yaml", True),
        ("text/yaml, */*;q=0.1", True),
        ("application/x-yaml;q=0.4, application/json;q=0.5", False),
        ("application/yaml;q=0", False),
        ("application/yaml;q=x", False),
    ],
)
def test_yaml_is_sent_to_whom_likes_it_at_least_as_much_as_json(accept, wants) -> None:
    assert prefers_yaml(accept) is wants


def test_an_address_names_its_namespace_unless_it_is_the_default() -> None:
    assert pipeline_path("default", "a", "versions", "1") == "/api/v1/pipelines/a/versions/1"
    assert pipeline_path("team", "a") == "/api/v1/pipelines/a?namespace=team"
