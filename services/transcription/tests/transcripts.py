"""Transcripts for the tests, written by hypothesis."""

from hypothesis import strategies as st

from s2v.v1.transcript_pb2 import Segment, TranscriptWindow, Word

TEXTS = st.sampled_from(["so", "the", "router", "internationalisation", "Dr.", "ends.", "and,", "why?", "x" * 60, "20", "A."])


@st.composite
def words(draw: st.DrawFn, start: float, end: float) -> list[Word]:
    """Words in order between two times; some touch, some leave pauses."""
    count = draw(st.integers(0, 30))
    marks = sorted(draw(st.lists(st.floats(start, end), min_size=2 * count, max_size=2 * count)))
    return [
        Word(text=draw(TEXTS), start_seconds=begin, end_seconds=finish, probability=draw(st.floats(0, 1)))
        for begin, finish in zip(marks[::2], marks[1::2], strict=True)
    ]


@st.composite
def windows(draw: st.DrawFn) -> list[TranscriptWindow]:
    """Windows in order of 25 s each; the words of each may reach 0.2 s into the next."""
    count = draw(st.integers(1, 4))
    result = []
    for number in range(count):
        start, end = number * 25.0, number * 25.0 + 25.0
        heard = draw(words(start, end + 0.2))
        cut = draw(st.integers(0, len(heard)))
        segments = [Segment(words=part, low_confidence=draw(st.booleans())) for part in (heard[:cut], heard[cut:]) if part]
        result.append(
            TranscriptWindow(start_seconds=start, end_seconds=end, segments=segments, language="en", sound_seconds=count * 25.0)
        )
    return result
