"""The type by which filters are found is the only one that they can match."""

import pytest

from flume.filters import parse_filters
from flume.filters.only_type import only_type


@pytest.mark.parametrize(
    ("filters", "wanted"),
    [
        ([{"exact": {"type": "a"}}], "a"),
        ([{"prefix": {"source": "/"}}, {"exact": {"type": "a", "source": "/s"}}], "a"),
        ([{"all": [{"suffix": {"source": "s"}}, {"exact": {"type": "a"}}]}], "a"),
        ([{"cesql": "type = 'a'"}], "a"),
        ([{"cesql": "type = 'a' AND source LIKE '/%'"}], "a"),
        ([{"cesql": "source = '/s' and (TYPE = 'a' and id <> 'x')"}], "a"),
        ([], None),
        ([{"exact": {"source": "/s"}}], None),
        ([{"prefix": {"type": "a"}}], None),
        ([{"any": [{"exact": {"type": "a"}}, {"exact": {"type": "b"}}]}], None),
        ([{"not": {"exact": {"type": "x"}}}], None),
        ([{"cesql": "type = 'a' OR type = 'b'"}], None),
        ([{"cesql": "type = 'x' AND id = 'y' OR source = '/s'"}], None),
        ([{"cesql": "type = 'x' XOR source = '/s'"}], None),
        ([{"cesql": "(type = 'x') = false"}], None),
        ([{"cesql": "type <> 'x'"}], None),
        ([{"cesql": "NOT (type = 'x')"}], None),
        ([{"cesql": "type = 5 OR TRUE"}], None),
    ],
)
def test_filters_that_can_match_one_type_alone_say_which_and_others_say_none(filters, wanted):
    event = {"specversion": "1.0", "id": "1", "source": "/s"}
    matched = {type for type in ("a", "b") if parse_filters(filters).matches({**event, "type": type})}
    assert only_type(filters) == wanted
    assert wanted is None or matched == {wanted}
