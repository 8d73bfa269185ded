"""The order of a timeline's events, as pictures and exports show them."""

from __future__ import annotations

from collections.abc import Sequence

from s2v.v1.diagram_pb2 import DatePrecision, Node


def order_events(nodes: Sequence[Node]) -> list[Node]:
    """Sorts by date, or by rank; dates and ranks cannot be compared, so where there are both the order of speech stays."""
    ordinal = {node.date.precision == DatePrecision.DATE_PRECISION_ORDINAL for node in nodes}
    if len(ordinal) > 1 or not all(node.HasField("date") for node in nodes):
        return list(nodes)
    return sorted(nodes, key=lambda node: node.date.start_year)
