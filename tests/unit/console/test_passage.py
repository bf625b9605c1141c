import pytest

from console.passage import is_below_api


@pytest.mark.parametrize(
    ("path", "is_passed"),
    [
        ("/api/v1/runs", True),
        ("/api/v1/pipelines/a..b", True),
        ("/api/v1/../../metrics", False),
        ("/api/./x", False),
        ("/apiary", False),
        ("/metrics", False),
    ],
)
def test_only_paths_of_the_api_are_passed(path, is_passed):
    assert is_below_api(path) is is_passed
