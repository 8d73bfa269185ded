"""Whether a film keeps its promises: pictures at their words, sound as it was, nothing invented, nothing on top of another.

    python -m evals.sync VIDEO --job FOLDER_OR_ID [--words NAME.words.json] [--audio SOURCE]

Prints one JSON object. Times are in seconds; an error is positive when the film is late.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from evals.artifacts import JobArtifacts, load_artifacts
from evals.captions import CaptionCheck, ChapterCheck, check_captions, check_chapters
from evals.geometry import GeometryCheck, check_geometry
from evals.labels import LabelCheck, check_labels
from evals.reveals import Reveal, Reveals, measure_reveals
from evals.soundtrack import SoundMatch, match_sound
from evals.spread import Spread, summarise
from evals.words import FUNCTION_WORDS, TimedWord, match_words, read_timed_words, same_word, split_words
from s2v.v1.diagram_pb2 import SpokenEvidence
from s2v.v1.storyboard_pb2 import Storyboard

FRAME_SECONDS = 1 / 30
WORST_SHOWN = 10  # nodes


@dataclass(frozen=True)
class NamedNode:
    """A node that was watched for, and the word that names it."""

    reveal: Reveal
    label: str
    word: int | None
    """Number of the word in the transcript; None when the node has no spoken evidence."""


@dataclass(frozen=True)
class NodeError:
    """A node and how far it was from its word."""

    scene_id: str
    node_id: str
    label: str
    word: str
    word_start: float
    visible: float
    error: float


@dataclass(frozen=True)
class RevealCheck:
    """Nodes against one set of word times."""

    spread: Spread | None
    """Visible less start of the evidence word; None when there was no node."""
    after_word_end: int
    """Nodes that became visible after the end of their word."""
    unmatched: int
    """Nodes without a word, or whose word is not among the times."""
    worst: list[NodeError]


@dataclass(frozen=True)
class EdgeCheck:
    """Edges against their ends."""

    edges: int
    never_visible: int
    before_ends: int
    """Edges that became visible before both of their ends were."""


@dataclass(frozen=True)
class SyncReport:
    """What is printed."""

    video: str
    nodes: int
    never_visible: list[str]
    carried: int
    reveal: RevealCheck
    """Against the word times of the transcript."""
    reveal_true: RevealCheck | None
    """Against the true times of the words, when they are given."""
    edges: EdgeCheck
    audio: SoundMatch | None
    captions: CaptionCheck
    chapters: ChapterCheck
    geometry: GeometryCheck
    labels: LabelCheck
    frames: int
    seconds_taken: float


def main() -> None:
    """Measures the film named on the command line."""
    parser = argparse.ArgumentParser(prog="python -m evals.sync", description="Measure a film against what its job says.")
    parser.add_argument("video", type=Path, help="the film")
    parser.add_argument(
        "--job", required=True, help="folder with the job's transcript, storyboard and composition (.pb or .json)"
    )
    parser.add_argument("--words", type=Path, help="true times of the words: a list of {word, start, end}")
    parser.add_argument("--audio", type=Path, help="the sound that the film was made from")
    arguments = parser.parse_args()
    report = measure(arguments.video, load_artifacts(arguments.job), arguments.words, arguments.audio)
    print(json.dumps(asdict(report), indent=2, ensure_ascii=False))


def measure(video: Path, job: JobArtifacts, words: Path | None, audio: Path | None) -> SyncReport:
    """Measures everything. Errors: SystemExit, naming the file."""
    started = time.monotonic()
    if not video.is_file():
        raise SystemExit(f"{video}: there is no such file")
    say(f"{video}: watching {job.composition.duration_seconds:.0f} s")
    reveals = measure_reveals(video, job.composition)
    heard = [TimedWord(w.text, w.start_seconds, w.end_seconds) for s in job.transcript.segments for w in s.words]
    named = list(name_nodes(reveals.nodes, job.storyboard, [word.text for word in heard]))
    true = None
    if words is not None:
        spoken = read_timed_words(words)
        matches = match_words([word.text for word in heard], [word.text for word in spoken])
        true = check_reveals(named, lambda n: spoken[matches[n]] if n in matches else None)
    if audio is not None:
        say(f"{video}: listening")
    return SyncReport(
        video=str(video),
        nodes=len(reveals.nodes),
        never_visible=[f"{node.scene_id}/{node.id}" for node in reveals.nodes if node.visible_seconds is None],
        carried=reveals.carried,
        reveal=check_reveals(named, lambda n: heard[n]),
        reveal_true=true,
        edges=check_edges(reveals, job),
        audio=match_sound(video, audio) if audio is not None else None,
        captions=check_captions(video, job.transcript),
        chapters=check_chapters(video, job.composition),
        geometry=check_geometry(job.composition, frozenset(g.id for s in job.storyboard.scenes for g in s.diagram.groups)),
        labels=check_labels(job.storyboard, job.transcript),
        frames=reveals.frames,
        seconds_taken=round(time.monotonic() - started, 2),
    )


def check_reveals(nodes: Iterable[NamedNode], time_word: Callable[[int], TimedWord | None]) -> RevealCheck:
    """Sets the nodes against the words that name them; `time_word` gives a word of the transcript its time."""
    errors: list[NodeError] = []
    late = unmatched = 0
    for node in nodes:
        word = None if node.word is None else time_word(node.word)
        seconds = node.reveal.visible_seconds
        if word is None:
            unmatched += 1
        elif seconds is not None:
            late += seconds > word.end_seconds
            times = (round(word.start_seconds, 4), round(seconds, 4), round(seconds - word.start_seconds, 4))
            errors.append(NodeError(node.reveal.scene_id, node.reveal.id, node.label, word.text, *times))
    worst = sorted(errors, key=lambda node: -abs(node.error))[:WORST_SHOWN]
    return RevealCheck(summarise([node.error for node in errors]), late, unmatched, worst)


def name_nodes(nodes: Iterable[Reveal], storyboard: Storyboard, words: Sequence[str]) -> Iterator[NamedNode]:
    """Finds the word that names each node, or each group that is drawn as a panel."""
    evidence: dict[tuple[str, str], tuple[str, SpokenEvidence]] = {}
    for scene in storyboard.scenes:
        for node in scene.diagram.nodes:
            evidence[scene.id, node.id] = (node.label, node.evidence.spoken)
        for group in scene.diagram.groups:
            evidence[scene.id, group.id] = (group.label, group.evidence.spoken)
    for reveal in nodes:
        label, spoken = evidence.get((reveal.scene_id, reveal.id), ("", SpokenEvidence()))
        yield NamedNode(reveal, label, find_word(label, spoken, words))


def find_word(label: str, spoken: SpokenEvidence, words: Sequence[str]) -> int | None:
    """The first word of the first span that is a content word of the label; the span's first word if none is."""
    if not spoken.spans:
        return None
    content = [word for word in split_words(label) if word not in FUNCTION_WORDS]
    first = range(spoken.spans[0].begin, min(spoken.spans[0].end, len(words)))
    for number in first:
        if any(same_word(part, word) for part in split_words(words[number]) for word in content):
            return number
    return first.start if first else None


def check_edges(reveals: Reveals, job: JobArtifacts) -> EdgeCheck:
    """Sets the edges against the nodes at both ends."""
    visible = {(node.scene_id, node.id): node.visible_seconds for node in reveals.nodes}
    ends = {
        (scene.scene_id, route.edge_id): (route.source, route.target)
        for scene in job.composition.scenes
        for route in scene.routes
    }
    before = 0
    for edge in reveals.edges:
        times = [visible.get((edge.scene_id, end)) for end in ends[edge.scene_id, edge.id]]
        latest = max((t for t in times if t is not None), default=0.0)
        before += edge.visible_seconds is not None and edge.visible_seconds < latest - FRAME_SECONDS
    return EdgeCheck(len(reveals.edges), sum(edge.visible_seconds is None for edge in reveals.edges), before)


def say(line: str) -> None:
    """Progress, for people."""
    print(line, file=sys.stderr)


if __name__ == "__main__":
    main()
