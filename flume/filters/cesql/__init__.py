"""CloudEvents SQL 1.0 (CESQL): conditions on the attributes of an event, such as ``type LIKE 'com.%' AND size > 10``.

Text becomes tokens, tokens a tree, the tree a function of attributes. An expression that failed is an error and never
false: that a filter does not match then is decided by the filter. The data of an event can't be reached.
"""

from flume.filters.cesql.evaluation import Evaluate, compile_tree, result_type
from flume.filters.cesql.parser import parse_cesql
from flume.filters.cesql.scope import MAX_STEPS, Scope
from flume.filters.cesql.tokens import MAX_BYTES, CesqlSyntaxError
from flume.filters.cesql.values import Attributes, Value

__all__ = [
    "MAX_BYTES",
    "MAX_STEPS",
    "Attributes",
    "CesqlSyntaxError",
    "Evaluate",
    "Scope",
    "Value",
    "compile_tree",
    "parse_cesql",
    "result_type",
]
