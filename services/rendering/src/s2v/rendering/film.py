"""The film: clips joined without encoding again, the source's sound, captions and chapters, in one MP4."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.packet import Packet

from s2v.rendering.languages import find_language
from s2v.rendering.soundtrack import Source
from s2v.runtime.captions import Caption
from s2v.runtime.errors import EngineError
from s2v.v1.video_pb2 import Chapter, Soundtrack

MILLISECOND = Fraction(1, 1000)
SUBTITLE_HEADER = """[Script Info]
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, Bold, Italic, Underline, Alignment
Style: Default,Arial,16,&Hffffff,0,0,0,2

[Events]
Format: Layer, Start, End, Style, Text
"""
"""The style from which FFmpeg's mov_text encoder makes the track's description."""


@dataclass(frozen=True)
class Footage:
    """A clip and its place in the film."""

    path: Path
    first_frame: int


@dataclass(frozen=True)
class Reel:
    """All that the film is made of."""

    footage: Sequence[Footage]
    frame_rate: int
    frame_count: int
    captions: Sequence[Caption]
    chapters: Sequence[Chapter]
    language: str
    """BCP 47 tag."""


def join_film(reel: Reel, sound: Path, path: Path, encoded: bool = False) -> Soundtrack:
    """Writes the film to `path`; returns what its sound is. `encoded`: `sound` was made by `encode_sound`, not by the speaker.

    Errors: InvalidInputError when the sound does not open or has another length; EngineError when clips do not fit together.
    """
    options = {"movflags": "+faststart"}
    with Source(sound) as source, av.open(str(path), "w", format="mp4", options=options) as film:
        with av.open(str(reel.footage[0].path)) as first:
            video = film.add_stream_from_template(first.streams.video[0])
            extradata = first.streams.video[0].codec_context.extradata
        audio = source.add_to(film)
        tracks = [_video_packets(reel, video, extradata), source.packets(audio)]
        if reel.captions:
            tracks.append(_caption_packets(reel, film))
        for stream in (audio, *film.streams.subtitles):
            stream.metadata["language"] = find_language(reel.language)
        film.set_chapters([_chapter(number, each) for number, each in enumerate(reel.chapters)])
        for packet in heapq.merge(*tracks, key=_seconds):
            film.mux(packet)
        source.check_length(reel.frame_count / reel.frame_rate)
        made = source.describe(audio)
        made.copied = made.copied and not encoded
        return made


def _video_packets(reel: Reel, stream: av.VideoStream, extradata: bytes | None) -> Iterator[Packet[Any]]:
    for footage in reel.footage:
        with av.open(str(footage.path)) as clip:
            track = clip.streams.video[0]
            if track.codec_context.extradata != extradata:
                raise EngineError(f"{footage.path.name} was encoded with other settings than the clips before it")
            for packet in clip.demux(track):
                if packet.dts is None or packet.pts is None or packet.time_base is None:
                    continue
                frame = footage.first_frame + round(packet.pts * packet.time_base * reel.frame_rate)
                packet.time_base = Fraction(1, reel.frame_rate)
                packet.pts = packet.dts = frame
                packet.duration = 1
                packet.stream = stream
                yield packet


def _caption_packets(reel: Reel, film: av.container.OutputContainer) -> Iterator[Packet[Any]]:
    stream = film.add_stream("mov_text")
    stream.codec_context.time_base = MILLISECOND
    stream.codec_context.subtitle_header = SUBTITLE_HEADER.encode()

    def cues() -> Iterator[Packet[Any]]:
        for caption in reel.captions:
            text = "\n".join(caption.lines).encode()
            # A timed-text sample: its length in two bytes, then UTF-8. Source: 3GPP TS 26.245, section 5.17.
            packet = av.Packet(len(text).to_bytes(2, "big") + text)
            packet.time_base = MILLISECOND
            packet.pts = packet.dts = round(caption.start * 1000)
            packet.duration = max(1, round(caption.end * 1000) - packet.pts)
            packet.stream = stream
            yield packet

    return cues()


def _chapter(number: int, chapter: Chapter) -> av.container.core.Chapter:
    return {
        "id": number,
        "start": round(chapter.start_seconds * 1000),
        "end": round(chapter.end_seconds * 1000),
        "time_base": MILLISECOND,
        "metadata": {"title": chapter.title},
    }


def _seconds(packet: Packet[Any]) -> float:
    if packet.dts is None or packet.time_base is None:
        return 0.0
    return float(packet.dts * packet.time_base)
