"""Filters of events, in the dialects of a Knative Trigger: which events start a pipeline, or reach a subscriber.

`read_filters` notes what is wrong with filters in a document; `parse_filters` is for those that must be right. A filter asks
for nothing but an event's attributes, never its data.
"""

from flume.filters.cesql import Attributes
from flume.filters.dialects import Filter
from flume.filters.reading import DIALECTS, parse_filters, read_attributes, read_filters

__all__ = ["DIALECTS", "Attributes", "Filter", "parse_filters", "read_attributes", "read_filters"]
