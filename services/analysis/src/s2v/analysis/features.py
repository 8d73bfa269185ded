"""What the classifier looks at beside the encoder: words that give a structure away, and what the extractors find."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from s2v.analysis.content import Content
from s2v.analysis.extractors import EXTRACTORS, Contents, worth_drawing
from s2v.v1.diagram_pb2 import DatePrecision, DiagramType, EdgeKind, NodeKind

_CUES = (
    r"first|firstly|to begin with",
    r"next",
    r"then",
    r"finally|lastly",
    r"after that|afterwards",
    r"steps?|stages?|phases?",
    r"process|procedure|workflow",
    r"if",
    r"otherwise|else",
    r"when|once",
    r"you|your",
    r"(?:types?|kinds?|forms?|classes|categories) of",
    r"consists? of|composed of|made up of|comprises?",
    r"divided|divides?|subdivided|split into",
    r"classified|classification|category|categories",
    r"includes?|including",
    r"parts?|components?",
    r"levels?|layers?|ranks?|tiers?",
    r"called|known as",
    r"members?|belongs?",
    r"(?:in|by|since|until|from|between) \d{3,4}",
    r"\d{4}s?",
    r"years?|months?|weeks?|days?",
    r"later|earlier|ago",
    r"century|centuries|decades?",
    r"january|february|march|april|june|july|august|september|october|november|december",
    r"war|king|president|founded|born|died",
    r"was|were|had",
    r"cycles?|cyclic",
    r"again|repeat(?:s|ed)?|over and over",
    r"loops?|feedback|iterat\w+",
    r"back to|back into|returns? to|starts? over|recycl\w+",
    r"also|another|additionally|in addition",
    r"such as|for example|for instance",
    r"several|various|many|different",
    r"features?|aspects?|properties|factors|characteristics",
    r"advantages?|benefits?|tips|reasons",
    r"whereas|while",
    r"unlike|in contrast|by contrast|on the other hand|conversely",
    r"than|compared|comparison|versus|vs",
    r"both|neither|similar\w*|same",
    r"differ|differs|differences?|different from",
    r"more|less|fewer|better|worse|faster|slower",
    r"however|but|although",
    r"connect\w*|link\w*|attach\w*",
    r"servers?|clients?|databases?|services?|api",
    r"sends?|receives?|talks? to|communicat\w+|messages?",
    r"between|through|via",
    r"networks?|routers?|nodes?|interfaces?|protocols?",
    r"because|since",
    r"therefore|thus|hence|consequently|as a result",
    r"caus\w+",
    r"leads? to|led to|results? in|resulted in|due to",
    r"so that|so",
    r"effects?|affects?|impact|consequences?|influence\w*",
    r"increas\w+|decreas\w+|reduc\w+|rais\w+|lower\w*",
    r"why|reason",
    r"i|i'm|i've|me|my",
    r"i think|i guess|i mean|i feel",
    r"you know|kind of|sort of|yeah|okay|like",
    r"we|our|us",
    r"what|how|who",
    r"is|are",
    r"can|could|may|might",
    r"should|must|need to|have to",
    r"not|n't|never|no",
)
"""Words that go with one type more than with others, counted each by itself."""
_PATTERNS = tuple(re.compile(rf"\b(?:{cue})\b", re.IGNORECASE) for cue in _CUES)
_PUNCTUATION = ("?", "!", ":", ";", "(", '"', ",")

Features = NDArray[np.float32]
"""Shape (SIZE,)."""
_FIT_SIZE = 5
_MORE_SIZE = 6
SIZE = len(_CUES) + len(_PUNCTUATION) + 2 + _FIT_SIZE * len(EXTRACTORS) + _MORE_SIZE


def make_features(text: str, contents: Contents) -> Features:
    """Returns the features of a scene, given its text and what the extractors found in it."""
    words = max(len(text.split()), 1)
    per_hundred = 100.0 / words
    cues = [np.log1p(len(pattern.findall(text)) * per_hundred) for pattern in _PATTERNS]
    marks = [np.log1p(text.count(mark) * per_hundred) for mark in _PUNCTUATION]
    names = len(re.findall(r"(?<=[a-z,] )[A-Z][a-z]+", text))
    size = [np.log(words) - 4.5, np.log1p(names * per_hundred)]
    fits = [number for kind in EXTRACTORS for number in _describe(contents[kind], words)]
    return np.asarray([*cues, *marks, *size, *fits, *_describe_more(contents)], dtype=np.float32)


def _describe(content: Content, words: int) -> tuple[float, ...]:
    """Returns the _FIT_SIZE numbers that say how well a content fits a scene of so many words."""
    cued = sum(edge.cue is not None for edge in content.edges)
    covered = {word for node in content.nodes for word in range(*node.span)}
    counts = (len(content.nodes), len(content.edges), cued)
    return (*(float(np.log1p(count)) for count in counts), len(covered) / words, float(worth_drawing(content)))


def _describe_more(contents: Contents) -> list[float]:
    """Returns the _MORE_SIZE numbers that only flowcharts and timelines have: decisions, orders given, and dates."""
    flowchart, timeline = contents[DiagramType.DIAGRAM_TYPE_FLOWCHART], contents[DiagramType.DIAGRAM_TYPE_TIMELINE]
    decisions = sum(node.kind == NodeKind.NODE_KIND_DECISION for node in flowchart.nodes)
    branches = sum(edge.kind == EdgeKind.EDGE_KIND_BRANCH for edge in flowchart.edges)
    imperatives = sum(node.label.text.split()[0].lower() == node.phrase.split()[0].lower() for node in flowchart.nodes)
    dated = [node.date for node in timeline.nodes if node.date is not None]
    absolute = sum(date.precision != DatePrecision.DATE_PRECISION_ORDINAL for date in dated)
    ordered = sum(one <= other for one, other in pairwise(date.start_year for date in dated))
    return [float(np.log1p(count)) for count in (decisions, branches, imperatives, absolute, len(dated) - absolute, ordered)]
