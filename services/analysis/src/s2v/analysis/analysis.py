"""Transcript → storyboard."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.metadata import version

import numpy as np

from s2v.analysis.classification import NAMES, WEIGHTS, Classifier, Ranking
from s2v.analysis.content import Content
from s2v.analysis.encoder import NAME as ENCODER_NAME
from s2v.analysis.encoder import SHA256 as ENCODER_SHA256
from s2v.analysis.encoder import Encoder, Vectors
from s2v.analysis.evidence import validate
from s2v.analysis.features import Fit, make_features
from s2v.analysis.flowchart import extract_flowchart
from s2v.analysis.key_phrase import extract_key_phrase, extract_plain_phrase
from s2v.analysis.language import PIPELINES, Parser, PlainParser, Talk, scene_text
from s2v.analysis.scenes import MIN_SECONDS, cut_scenes, scene_start
from s2v.analysis.speech import read_speech
from s2v.analysis.storyboard import ScenePlan, make_scene, scene_id
from s2v.analysis.timeline import extract_timeline
from s2v.analysis.titles import find_title
from s2v.runtime.errors import DegradedError
from s2v.v1.diagram_pb2 import DiagramType
from s2v.v1.report_pb2 import Degradation, ModelUse, Stage, StageReport
from s2v.v1.storyboard_pb2 import Scene, Storyboard
from s2v.v1.transcript_pb2 import Transcript

ENGINE = "s2v-analysis"
REVISION = 2
"""Raised by hand whenever the same transcript gives another storyboard."""
MIN_NODES = 3
"""Fewer steps or events are no diagram."""
MAX_NODES = 9
"""More nodes than this are hard to read: the scene is cut again if a sentence ends in between."""
LONG_PHRASE_SECONDS = 16.0
"""A key phrase that would stand for longer is a bore: the scene is cut again, and each piece has a phrase of its own."""
MIN_CONFIDENCE = 0.3
"""Below this probability a diagram is not drawn."""
SECOND_CONFIDENCE = 0.25
SECOND_SHARE = 0.6
"""A type that is drawn stands in for one that is not, if its probability is at least this share of the best one's."""
DRAWN = (DiagramType.DIAGRAM_TYPE_FLOWCHART, DiagramType.DIAGRAM_TYPE_TIMELINE, DiagramType.DIAGRAM_TYPE_NONE)
"""Types that have an extractor and a drawing."""


@dataclass(frozen=True)
class _Found:
    """What a scene shows, and what is to be said about it."""

    content: Content
    ranking: Ranking | None
    undrawn: DiagramType.ValueType = DiagramType.DIAGRAM_TYPE_UNSPECIFIED
    note: str = ""


class Analyst:
    """The models of one language, and the way from a transcript to a storyboard."""

    def __init__(self, language: str) -> None:
        """Loads the models. Errors: SetupError when one is missing or not the one expected."""
        self._parser = Parser(language)
        self._encoder = Encoder()
        self._classifier = Classifier()
        self.models = (
            ModelUse(name=f"{self._parser.name} {self._parser.version}"),
            ModelUse(name=ENCODER_NAME, sha256=ENCODER_SHA256),
            ModelUse(name="diagram-types", sha256=self._classifier.sha256),
        )

    def analyze(self, transcript: Transcript) -> tuple[Storyboard, StageReport]:
        """Analyses a transcript in this language.

        Errors: InvalidInputError; EvidenceError when the analysis itself is at fault.
        """
        talk = self._parser.parse(read_speech(transcript))
        vectors = self._encoder.encode([sentence.text for sentence in talk.sentences])
        counts = Counter(token.lemma_.lower() for token in talk.doc if token.pos_ in ("NOUN", "PROPN") and not token.is_stop)
        scenes = [piece for begin, end in cut_scenes(talk, vectors) for piece in self._split(talk, vectors, begin, end)]
        report = StageReport(models=self.models)
        plans: list[ScenePlan] = []
        for number, (begin, end, found, continues) in enumerate(scenes):
            sentences = talk.sentences[begin:end]
            phrase = found.content.type == DiagramType.DIAGRAM_TYPE_NONE
            title = None if phrase else find_title(talk, sentences, found.content, counts)
            if found.note:
                report.notes.append(f"scene {scene_id(number)}: {found.note}")
            start, stop = _times(talk, begin, end)
            name = scene_id(number - 1) if continues else ""
            plans.append(ScenePlan(sentences, start, stop, found.content, found.ranking, found.undrawn, title, name))
        return _finish(talk, plans, transcript, report)

    def _split(self, talk: Talk, vectors: Vectors, begin: int, end: int) -> list[tuple[int, int, _Found, bool]]:
        """Returns a scene, cut again where its diagram has too many nodes: (begin, end, found, whether it goes on)."""
        found = self._find(talk, vectors, begin, end)
        if found.content.type == DiagramType.DIAGRAM_TYPE_NONE:
            return self._split_phrase(talk, vectors, begin, end, found)
        if len(found.content.nodes) <= MAX_NODES:
            return [(begin, end, found, False)]
        cut = _halfway(talk, begin, end, lambda word: _share_before(found.content, word))
        if cut is None:
            note = f"{len(found.content.nodes)} nodes in one picture, as no sentence ends in between"
            return [(begin, end, _Found(found.content, found.ranking, found.undrawn, note), False)]
        first, second = self._split(talk, vectors, begin, cut), self._split(talk, vectors, cut, end)
        joined = first[-1][2].content.type == second[0][2].content.type != DiagramType.DIAGRAM_TYPE_NONE
        return [*first, (*second[0][:3], joined), *second[1:]]

    def _split_phrase(
        self, talk: Talk, vectors: Vectors, begin: int, end: int, found: _Found
    ) -> list[tuple[int, int, _Found, bool]]:
        """Returns a scene that shows a key phrase, cut again while the phrase would stand too long."""
        start, stop = _times(talk, begin, end)
        cut = None
        if stop - start > LONG_PHRASE_SECONDS:
            cut = _halfway(talk, begin, end, lambda word: (talk.speech.starts[word] - start) / (stop - start))
        if cut is None:
            return [(begin, end, found, False)]
        pieces = []
        for first, last in ((begin, cut), (cut, end)):
            piece = replace(found, content=self._find_phrase(talk, vectors, first, last))
            pieces += self._split_phrase(talk, vectors, first, last, piece)
        return pieces

    def _find(self, talk: Talk, vectors: Vectors, begin: int, end: int) -> _Found:
        sentences = talk.sentences[begin:end]
        text = scene_text(sentences)
        (vector,) = self._encoder.encode([text])
        fit = Fit(extract_flowchart(talk, sentences), extract_timeline(talk, sentences))
        ranking = self._classifier.rank(make_features(text, vector, fit))
        return _choose(ranking, fit, self._find_phrase(talk, vectors, begin, end))

    def _find_phrase(self, talk: Talk, vectors: Vectors, begin: int, end: int) -> Content:
        closeness = vectors[begin:end] @ vectors[begin:end].mean(axis=0)
        return extract_key_phrase(talk, talk.sentences[begin:end], np.asarray(closeness))


def analyze(transcript: Transcript, strict: bool = False) -> tuple[Storyboard, StageReport]:
    """Makes a storyboard and the stage's report from a transcript.

    A language without models is cut by its punctuation and shown as key phrases, which the report calls degraded.
    Errors: InvalidInputError (no words, words out of order); SetupError (a model is missing); DegradedError (strict).
    """
    language = transcript.language.replace("_", "-").split("-")[0].lower()
    if language in PIPELINES:
        return load_analyst(language).analyze(transcript)
    name = language or "(not said)"
    reason = f"there are no models for language {name}: scenes are cut at punctuation and shown as key phrases"
    if strict:
        raise DegradedError(reason)
    talk = PlainParser().parse(read_speech(transcript))
    plans = []
    for begin, end in cut_scenes(talk, np.zeros((0, 0), dtype=np.float32)):
        sentences = talk.sentences[begin:end]
        start, stop = _times(talk, begin, end)
        content = extract_plain_phrase(talk, sentences)
        plans.append(ScenePlan(sentences, start, stop, content, None, DiagramType.DIAGRAM_TYPE_UNSPECIFIED, None, ""))
    report = StageReport(degradations=[Degradation(code="ANALYSIS_PLAIN", reason=reason)])
    return _finish(talk, plans, transcript, report)


def engine_identity() -> tuple[str, ...]:
    """Returns what every storyboard depends on: versions of the packages and digests of the weights, without loading them."""
    packages = ("s2v-analysis", "spacy", "onnxruntime", *(name.replace("_", "-") for name in PIPELINES.values()))
    return (*(f"{name} {version(name)}" for name in packages), ENCODER_SHA256, hashlib.sha256(WEIGHTS.read_bytes()).hexdigest())


@lru_cache(maxsize=2)
def load_analyst(language: str) -> Analyst:
    """Loads a language's models, once a process."""
    return Analyst(language)


def _choose(ranking: Ranking, fit: Fit, phrase: Content) -> _Found:
    """The likeliest type that can be drawn well; where none can, the key phrase."""
    best, probability = ranking.types[0], ranking.probabilities[0]
    contents = {DiagramType.DIAGRAM_TYPE_FLOWCHART: fit.flowchart, DiagramType.DIAGRAM_TYPE_TIMELINE: fit.timeline}
    if best in contents:
        if probability < MIN_CONFIDENCE:
            return _Found(phrase, ranking, note=f"{NAMES[best]} is too uncertain ({probability:.2f}); shown as a key phrase")
        if _worth_drawing(contents[best]):
            return _Found(contents[best], ranking)
        return _Found(
            phrase, ranking, note=f"a {NAMES[best]} of fewer than {MIN_NODES} nodes is not worth drawing; shown as a key phrase"
        )
    if best in DRAWN or probability < MIN_CONFIDENCE:
        return _Found(phrase, ranking)
    for kind, second in zip(ranking.types[1:], ranking.probabilities[1:], strict=True):
        if second < max(SECOND_CONFIDENCE, SECOND_SHARE * probability):
            break
        if kind in contents and _worth_drawing(contents[kind]) and _is_explicit(contents[kind]):
            return _Found(
                contents[kind], ranking, note=f"{NAMES[best]} is not drawn yet; shown as the {NAMES[kind]} that it is too"
            )
    return _Found(phrase, ranking, best, f"{NAMES[best]} is not drawn yet; shown as a key phrase")


def _worth_drawing(content: Content) -> bool:
    if len(content.nodes) < MIN_NODES:
        return False
    if content.type == DiagramType.DIAGRAM_TYPE_TIMELINE:
        return len({node.date.label.text for node in content.nodes if node.date is not None}) >= MIN_NODES
    joined = {edge.source for edge in content.edges} | {edge.target for edge in content.edges}
    return len(joined) >= MIN_NODES


def _is_explicit(content: Content) -> bool:
    """Whether words of order, conditions or dates say the structure, and not the order of speech alone."""
    return any(node.date is not None for node in content.nodes) or any(edge.cue is not None for edge in content.edges)


def _halfway(talk: Talk, begin: int, end: int, share_before: Callable[[int], float]) -> int | None:
    """Returns the sentence at which a scene falls into two parts of about the same size, each long enough for a scene.

    `share_before` says how much of the scene comes before a word, 0 to 1.
    """
    best: tuple[float, int] | None = None
    for cut in range(begin + 1, end):
        first, second = _times(talk, begin, cut), _times(talk, cut, end)
        if min(first[1] - first[0], second[1] - second[0]) < MIN_SECONDS:
            continue
        imbalance = abs(share_before(talk.words(talk.sentences[cut])[0]) - 0.5)
        if best is None or imbalance < best[0]:
            best = (imbalance, cut)
    return None if best is None or best[0] > 0.35 else best[1]


def _share_before(content: Content, word: int) -> float:
    return sum(node.label.words[0] < word for node in content.nodes) / len(content.nodes)


def _times(talk: Talk, begin: int, end: int) -> tuple[float, float]:
    """Returns when the scene of sentences `begin` to `end` starts and ends, in seconds."""
    start = scene_start(talk, talk.words(talk.sentences[begin])[0])
    stop = talk.speech.duration if end == len(talk.sentences) else scene_start(talk, talk.words(talk.sentences[end])[0])
    return start, stop


def _finish(
    talk: Talk, plans: Sequence[ScenePlan], transcript: Transcript, report: StageReport
) -> tuple[Storyboard, StageReport]:
    scenes: list[Scene] = []
    for number, plan in enumerate(plans):
        scenes.append(make_scene(talk, number, plan, scenes[-1] if scenes else None))
    storyboard = Storyboard(
        scenes=scenes,
        duration_seconds=talk.speech.duration,
        language=transcript.language,
        transcript_sha256=hashlib.sha256(transcript.SerializeToString(deterministic=True)).hexdigest(),
    )
    labels = validate(storyboard, talk)
    report.stage = Stage.STAGE_ANALYSIS
    report.engine, report.engine_version = ENGINE, version("s2v-analysis")
    rated = [scene.diagram.confidence for scene, plan in zip(scenes, plans, strict=True) if plan.ranking is not None]
    if rated:
        report.confidence = float(np.mean(rated))
    report.measures["scenes"] = len(scenes)
    report.measures["diagrams"] = sum(scene.diagram.type != DiagramType.DIAGRAM_TYPE_NONE for scene in scenes)
    report.measures["nodes"] = sum(len(scene.diagram.nodes) for scene in scenes)
    report.measures["evidenced_labels"] = labels
    return storyboard, report
