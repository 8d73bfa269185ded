"""When each node is being spoken of, so that its halo is on."""

from __future__ import annotations

from collections.abc import Sequence

from s2v.v1.diagram_pb2 import Node, TimeSpan

LONGEST_SECONDS = 3.0
"""A halo goes out after so long, even when nothing follows."""
SHORTEST_SECONDS = 0.8
"""A mention of a short word keeps the halo on for so long, unless another node is spoken of."""
FLASH_SECONDS = 0.15
"""A span shorter than this would only flicker and is left out."""


def spoken_spans(nodes: Sequence[Node], scene_end_seconds: float) -> dict[str, list[TimeSpan]]:
    """Returns for each node id its spans in order; no two spans of the scene overlap.

    A node is spoken of from its reveal, and again at each mention, until the next node is spoken of.
    """
    starts: list[tuple[float, float, str]] = []
    for node in nodes:
        starts.append((node.reveal_seconds, node.reveal_seconds + LONGEST_SECONDS, node.id))
        for mention in node.mentions:
            length = min(max(mention.end_seconds - mention.start_seconds, SHORTEST_SECONDS), LONGEST_SECONDS)
            if mention.start_seconds > node.reveal_seconds:
                starts.append((mention.start_seconds, mention.start_seconds + length, node.id))
    starts.sort(key=lambda each: each[0])
    spans: dict[str, list[TimeSpan]] = {node.id: [] for node in nodes}
    for number, (start, wanted_end, node_id) in enumerate(starts):
        following = starts[number + 1][0] if number + 1 < len(starts) else scene_end_seconds
        end = min(wanted_end, following, scene_end_seconds)
        if end - start >= FLASH_SECONDS:
            spans[node_id].append(TimeSpan(start_seconds=start, end_seconds=end))
    return spans
