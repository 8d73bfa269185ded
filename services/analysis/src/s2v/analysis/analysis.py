"""Transcript → storyboard."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.metadata import version

import numpy as np
from spacy.tokens import Span

from s2v.analysis import rules
from s2v.analysis.base_weights import LOWER_SHA256
from s2v.analysis.boundaries import WEIGHTS as BOUNDARY_WEIGHTS
from s2v.analysis.choice import SURE, Choice, choose, eligible, is_torn, take
from s2v.analysis.classification import WEIGHTS, Classifier, Ranking
from s2v.analysis.content import Content
from s2v.analysis.encoder import NAME as ENCODER_NAME
from s2v.analysis.encoder import SHA256 as ENCODER_SHA256
from s2v.analysis.encoder import Encoder, Vectors
from s2v.analysis.evidence import validate
from s2v.analysis.extractors import EXTRACTORS, Contents, extract_contents, worth_drawing
from s2v.analysis.features import make_features
from s2v.analysis.graph_reader import SHA256 as GRAPH_READER_SHA256
from s2v.analysis.graph_reader import GraphReader
from s2v.analysis.key_phrase import extract_key_phrase, extract_plain_phrase
from s2v.analysis.language import PIPELINES, Parser, PlainParser, Talk, scene_text
from s2v.analysis.llm import LanguageModel, Readings
from s2v.analysis.passage_encoder import GRAPH_SHA256, PassageEncoder, PassageReading
from s2v.analysis.passage_encoder import NAME as PASSAGE_NAME
from s2v.analysis.passage_encoder import SHA256 as PASSAGE_SHA256
from s2v.analysis.scenes import MIN_SECONDS, cut_scenes, goes_on, scene_start, weigh_cuts
from s2v.analysis.settings import AnalysisSettings
from s2v.analysis.speech import read_speech
from s2v.analysis.storyboard import ScenePlan, make_scene, scene_id
from s2v.analysis.text import make_transcript
from s2v.analysis.titles import find_title
from s2v.runtime.errors import DegradedError, SetupError
from s2v.v1.diagram_pb2 import DiagramType
from s2v.v1.report_pb2 import Degradation, ModelUse, Stage, StageReport
from s2v.v1.storyboard_pb2 import Scene, Storyboard
from s2v.v1.transcript_pb2 import Transcript

ENGINE = "s2v-analysis"
REVISION = 19
"""Raised by hand whenever the same transcript gives another storyboard."""
MAX_NODES = 9
"""More nodes than this are hard to read: the scene is cut again if a sentence ends in between."""
MAX_BRANCHES = 12
"""The same for what branches from one thing: half of a tree makes no sense without the other."""
RICH_NODES, RICH_EDGES = 4, 3
"""Less than this that was learned to draw is no scene: it shows what the extractor finds, or a key phrase."""
_TREES = (DiagramType.DIAGRAM_TYPE_HIERARCHY, DiagramType.DIAGRAM_TYPE_MINDMAP)
IDLE_SECONDS = 12.0
"""A diagram of which nothing is told for so long, at either end of its scene, is not shown meanwhile."""
LONG_PHRASE_SECONDS = 16.0
"""A key phrase that would stand for longer is a bore: the scene is cut again, and each piece has a phrase of its own."""


@dataclass(frozen=True)
class _Course:
    """A talk on its way to scenes."""

    talk: Talk
    vectors: Vectors
    """One row for each sentence."""
    gains: Sequence[float]
    """What a cut in front of each sentence is worth."""
    readings: Readings | None
    """What a language model reads; None without one."""


class Analyst:
    """The models of one language, and the way from a transcript to a storyboard."""

    def __init__(self, language: str) -> None:
        """Loads the models. Without the passage encoder rules tell the types of diagrams, which `degradations` says.

        Errors: SetupError when another model is missing or not the one expected.
        """
        self._parser = Parser(language)
        self._encoder = Encoder()
        self._classifier = Classifier()
        self._passages: PassageEncoder | None = None
        self._graphs: GraphReader | None = None
        self.degradations: tuple[Degradation, ...] = ()
        models = [
            ModelUse(name=f"{self._parser.name} {self._parser.version}"),
            ModelUse(name=ENCODER_NAME, sha256=ENCODER_SHA256),
            ModelUse(name="diagram-types", sha256=self._classifier.sha256),
        ]
        settings = AnalysisSettings()
        self._language_model = LanguageModel.from_settings(settings) if settings.llm_url else None
        if self._language_model is not None:
            models.append(ModelUse(name=self._language_model.name))
        try:
            self._passages = PassageEncoder(settings.model_cache.expanduser())
            self._graphs = GraphReader()
            models.append(ModelUse(name=PASSAGE_NAME, sha256=PASSAGE_SHA256))
            models.append(ModelUse(name="graph-reader", sha256=GRAPH_READER_SHA256))
        except SetupError as error:
            self._passages = None
            reason = f"types of diagrams and their graphs are told by rules, which err more often: {error}"
            self.degradations = (Degradation(code=rules.CODE, reason=reason),)
        self.models = tuple(models)

    def analyze(self, transcript: Transcript, strict: bool = False) -> tuple[Storyboard, StageReport]:
        """Analyses a transcript in this language.

        Errors: InvalidInputError; EvidenceError when the analysis itself is at fault; DegradedError (strict).
        """
        talk = self._parser.parse(read_speech(transcript))
        vectors = self._encoder.encode([sentence.text for sentence in talk.sentences])
        counts = Counter(token.lemma_.lower() for token in talk.doc if token.pos_ in ("NOUN", "PROPN") and not token.is_stop)
        readings = None if self._language_model is None else Readings(self._language_model, strict)
        course = _Course(talk, vectors, weigh_cuts(talk, vectors), readings)
        cuts = cut_scenes(talk, vectors)
        with self._reading_ahead(talk, cuts):
            scenes = [piece for begin, end in cuts for piece in self._split(course, begin, end)]
        report = StageReport(models=self.models, degradations=self.degradations)
        plans: list[ScenePlan] = []
        for number, (begin, end, found, continues) in enumerate(scenes):
            sentences = talk.sentences[begin:end]
            phrase = found.content.type == DiagramType.DIAGRAM_TYPE_NONE
            title = None if phrase else find_title(talk, sentences, found.content, counts)
            if found.note:
                report.notes.append(f"scene {scene_id(number)}: {found.note}")
            start, stop = _times(talk, begin, end)
            before = plans[-1].content if plans else None
            goes_on_here = continues or (before is not None and goes_on(before, found.content, sentences[0]))
            name = scene_id(number - 1) if goes_on_here else ""
            plans.append(ScenePlan(sentences, start, stop, found.content, found.ranking, found.undrawn, title, name))
        if readings is not None:
            readings.report(report)
        return _finish(talk, plans, transcript, report)

    def classify(self, text: str) -> Ranking:
        """Ranks the types for a text that is one scene. Errors: InvalidInputError when it holds no words."""
        talk = self._parser.parse(read_speech(make_transcript(text)))
        return self._rank(talk.sentences, extract_contents(talk, talk.sentences))

    def draw(self, text: str, kind: DiagramType.ValueType) -> Content:
        """Draws a text as a diagram of a type, however little there is to draw. Errors: InvalidInputError (no words)."""
        talk = self._parser.parse(read_speech(make_transcript(text)))
        return self._draw(talk, talk.sentences, EXTRACTORS[kind](talk, talk.sentences))

    def _split(self, course: _Course, begin: int, end: int) -> list[tuple[int, int, Choice, bool]]:
        """Returns a scene, cut again where it has too many nodes, is two scenes, or tells of other things before and after.

        As (begin, end, found, whether it goes on).
        """
        found = self._find(course, begin, end)
        turn = self._find_turn(course, begin, end, found)
        if turn is not None:
            return [*self._split(course, begin, turn), *self._split(course, turn, end)]
        if found.content.type == DiagramType.DIAGRAM_TYPE_NONE:
            return self._split_phrase(course, begin, end, found)
        first, last = find_drawn(course.talk, begin, end, found.content)
        if begin < first or last < end:
            before = self._split(course, begin, first) if begin < first else []
            after = self._split(course, last, end) if last < end else []
            return [*before, *self._divide(course, first, last, found), *after]
        return self._divide(course, begin, end, found)

    def _divide(self, course: _Course, begin: int, end: int, found: Choice) -> list[tuple[int, int, Choice, bool]]:
        """Returns a scene with its diagram, or its parts where that has too many nodes."""
        if len(found.content.nodes) <= (MAX_BRANCHES if found.content.type in _TREES else MAX_NODES):
            return [(begin, end, found, False)]
        cut = _halfway(course.talk, begin, end, lambda word: _share_before(found.content, word))
        if cut is None:
            note = f"{len(found.content.nodes)} nodes in one picture, as no sentence ends in between"
            return [(begin, end, Choice(found.content, found.ranking, found.undrawn, note), False)]
        first, second = self._split(course, begin, cut), self._split(course, cut, end)
        joined = first[-1][2].content.type == second[0][2].content.type != DiagramType.DIAGRAM_TYPE_NONE
        return [*first, (*second[0][:3], joined), *second[1:]]

    def _find_turn(self, course: _Course, begin: int, end: int, found: Choice) -> int | None:
        """Returns the sentence at which a scene of two minds turns to another diagram; None where the parts are no surer."""
        ranking = found.ranking
        if ranking is None or course.readings is not None or not is_torn(ranking):
            return None
        places = [
            place
            for place in range(begin + 1, end)
            if all(stop - start >= MIN_SECONDS for start, stop in _parts(course.talk, begin, place, end))
        ]
        if not places:
            return None
        turn = max(places, key=lambda place: course.gains[place])
        parts = [course.talk.sentences[begin:turn], course.talk.sentences[turn:end]]
        contents = [extract_contents(course.talk, part) for part in parts]
        if not all(any(worth_drawing(content) for content in part.values()) for part in contents):
            return None
        kinds: list[DiagramType.ValueType] = []
        for part, content in zip(parts, contents, strict=True):
            own = self._rank(part, content)
            kind = own.types[0]
            if kind in (DiagramType.DIAGRAM_TYPE_NONE, *kinds) or own.probabilities[0] < SURE or not worth_drawing(content[kind]):
                return None
            kinds.append(kind)
        return turn

    def _split_phrase(self, course: _Course, begin: int, end: int, found: Choice) -> list[tuple[int, int, Choice, bool]]:
        """Returns a scene that shows a key phrase, cut again while the phrase would stand too long.

        Of a diagram with too little to draw each piece is looked at for itself.
        """
        talk = course.talk
        start, stop = _times(talk, begin, end)
        cut = None
        if stop - start > LONG_PHRASE_SECONDS:
            cut = _halfway(talk, begin, end, lambda word: (talk.speech.starts[word] - start) / (stop - start))
        if cut is None:
            return [(begin, end, found, False)]
        pieces: list[tuple[int, int, Choice, bool]] = []
        for first, last in ((begin, cut), (cut, end)):
            if found.undrawn:
                pieces += self._split(course, first, last)
            else:
                piece = replace(found, content=self._find_phrase(course, first, last))
                pieces += self._split_phrase(course, first, last, piece)
        return pieces

    def _find(self, course: _Course, begin: int, end: int) -> Choice:
        talk, sentences = course.talk, course.talk.sentences[begin:end]
        contents = extract_contents(talk, sentences)
        ranking, phrase = self._rank(sentences, contents), self._find_phrase(course, begin, end)
        read = None if course.readings is None else course.readings.find(talk, sentences)
        if read is not None:
            return take(read, ranking, phrase)
        for kind in eligible(ranking):
            graph = self._draw(talk, sentences, contents[kind])
            if len(graph.nodes) >= RICH_NODES and len(graph.edges) >= RICH_EDGES:
                contents = {**contents, kind: graph}
            if worth_drawing(contents[kind]):
                # Further types are not looked at.
                break
        return choose(ranking, contents, phrase)

    def _draw(self, talk: Talk, sentences: Sequence[Span], drawn: Content) -> Content:
        """Returns what was learned to draw of a scene, given what its extractor finds; that, if it is too little."""
        reading = self._read(sentences)
        if reading is None or self._graphs is None:
            return drawn
        graph = self._graphs.draw(talk, sentences, drawn, reading)
        return drawn if worth_drawing(drawn) and not worth_drawing(graph) else graph

    def _rank(self, sentences: Sequence[Span], contents: Contents) -> Ranking:
        reading = self._read(sentences)
        return self._classifier.rank(make_features(scene_text(sentences), contents), None if reading is None else reading.logits)

    def _read(self, sentences: Sequence[Span]) -> PassageReading | None:
        return None if self._passages is None else self._passages.encode(scene_text(sentences))

    def _reading_ahead(self, talk: Talk, cuts: Sequence[tuple[int, int]]) -> AbstractContextManager[None]:
        """Has the passages of scenes read while the extractors are at work on those before."""
        if self._passages is None:
            return nullcontext()
        return self._passages.reading_ahead([scene_text(talk.sentences[begin:end]) for begin, end in cuts])

    def _find_phrase(self, course: _Course, begin: int, end: int) -> Content:
        vectors = course.vectors[begin:end]
        closeness = vectors @ vectors.mean(axis=0)
        return extract_key_phrase(course.talk, course.talk.sentences[begin:end], np.asarray(closeness))


def analyze(transcript: Transcript, strict: bool = False) -> tuple[Storyboard, StageReport]:
    """Makes a storyboard and the stage's report from a transcript.

    A language without a classifier is shown by rules, one without a parser is cut by its punctuation and shown as key phrases;
    the report calls both degraded.
    Errors: InvalidInputError (no words, words out of order); SetupError (a model is missing); DegradedError (strict).
    """
    language = transcript.language.replace("_", "-").split("-")[0].lower()
    if language in PIPELINES:
        analyst = load_analyst(language)
        if strict and analyst.degradations:
            raise DegradedError(analyst.degradations[0].reason)
        return analyst.analyze(transcript, strict)
    has_rules = language in rules.EXTRACTORS
    fallback = (
        Degradation(code=rules.CODE, reason=f"types of diagrams in language {language} are told by rules")
        if has_rules
        else Degradation(
            code="ANALYSIS_PLAIN",
            reason=f"there are no models for language {language or 'unknown'}: scenes show key phrases, cut at punctuation",
        )
    )
    if strict:
        raise DegradedError(fallback.reason)
    talk = (load_parser(language) if has_rules else PlainParser()).parse(read_speech(transcript))
    plans = []
    for begin, end in cut_scenes(talk, np.zeros((0, 0), dtype=np.float32)):
        sentences = talk.sentences[begin:end]
        start, stop = _times(talk, begin, end)
        found = rules.find_content(talk, sentences) if has_rules else None
        content = found if found is not None and found.nodes else extract_plain_phrase(talk, sentences)
        plans.append(ScenePlan(sentences, start, stop, content, None, DiagramType.DIAGRAM_TYPE_UNSPECIFIED, None, ""))
    return _finish(talk, plans, transcript, StageReport(degradations=[fallback]))


def engine_identity() -> tuple[str, ...]:
    """Returns what every storyboard depends on: versions of the packages and digests of the weights, without loading them."""
    packages = ("s2v-analysis", "spacy", "onnxruntime", *(name.replace("_", "-") for name in PIPELINES.values()))
    learned = (hashlib.sha256(path.read_bytes()).hexdigest() for path in (WEIGHTS, BOUNDARY_WEIGHTS))
    weights = (ENCODER_SHA256, LOWER_SHA256, GRAPH_SHA256, PASSAGE_SHA256, GRAPH_READER_SHA256, *learned)
    settings = AnalysisSettings()
    model = (LanguageModel.from_settings(settings).name,) if settings.llm_url else ()
    return (*(f"{name} {version(name)}" for name in packages), *weights, *model)


@lru_cache(maxsize=2)
def load_parser(language: str) -> Parser:
    """Loads the pipeline of a language that has rules and no classifier, once a process."""
    return Parser(language)


@lru_cache(maxsize=2)
def load_analyst(language: str) -> Analyst:
    """Loads a language's models, once a process."""
    return Analyst(language)


def _parts(talk: Talk, begin: int, cut: int, end: int) -> tuple[tuple[float, float], tuple[float, float]]:
    """Returns when the parts of a scene start and end, in seconds."""
    return _times(talk, begin, cut), _times(talk, cut, end)


def _halfway(talk: Talk, begin: int, end: int, share_before: Callable[[int], float]) -> int | None:
    """Returns the sentence at which a scene falls into two parts of about the same size, each long enough for a scene.

    `share_before` says how much of the scene comes before a word, 0 to 1.
    """
    best: tuple[float, int] | None = None
    for cut in range(begin + 1, end):
        if any(stop - start < MIN_SECONDS for start, stop in _parts(talk, begin, cut, end)):
            continue
        imbalance = abs(share_before(talk.words(talk.sentences[cut])[0]) - 0.5)
        if best is None or imbalance < best[0]:
            best = (imbalance, cut)
    return None if best is None or best[0] > 0.35 else best[1]


def find_drawn(talk: Talk, begin: int, end: int, content: Content) -> tuple[int, int]:
    """Returns the sentences of a scene that its diagram is told in, as (first, after the last).

    Those at either end belong to it where they are too short for a scene of their own, or it would be without them.
    """
    told = [span for node in content.nodes for span in (node.span, *node.repeats)]
    told += [edge.cue for edge in content.edges if edge.cue is not None]
    words = [talk.words(talk.sentences[place]) for place in range(begin, end)]
    first = begin + sum(stop <= min(told)[0] for _, stop in words)
    last = begin + sum(start < max(after for _, after in told) for start, _ in words)
    start, stop = _times(talk, begin, end)
    opening, closing = _times(talk, first, last)
    if opening - start < IDLE_SECONDS:
        first, opening = begin, start
    if stop - closing < IDLE_SECONDS:
        last, closing = end, stop
    return (first, last) if closing - opening >= MIN_SECONDS else (begin, end)


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
