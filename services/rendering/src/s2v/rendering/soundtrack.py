"""The sound of the film: the source's own packets where MP4 may hold them, else AAC, encoded once at the source's sample rate.

The film's zero is the first sample that decodes, as it is for the transcript: what encoders put before it is not heard.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import numpy as np
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.packet import Packet

from s2v.rendering.limits import within_limits
from s2v.runtime import media
from s2v.runtime.errors import InvalidInputError
from s2v.v1.video_pb2 import Soundtrack

COPIED = {"aac": 0, "mp3": 16_000}
"""Codecs that MP4 holds and that players know there, and the lowest sample rate at which it holds them."""
TOLERANCE_SECONDS = 0.5
"""By which the sound and the pictures may differ in length before they are taken not to belong together."""
AAC_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000)
"""Samples a second that AAC knows. Source: ISO/IEC 14496-3, table 1.18."""
BITS_PER_CHANNEL = 96_000
"""Bits a second of a channel of encoded sound, at most."""
BITS_PER_SAMPLE = 5
"""Bits that AAC may use for a sample of low rates."""
SILENCE_SAMPLES = 48_000
"""Longest piece in which a hole is filled."""


class Source(AbstractContextManager["Source"]):
    """The sound file, opened for the film."""

    def __init__(self, path: Path) -> None:
        """Errors: InvalidInputError when the file does not open or holds no sound."""
        self._path = path
        try:
            self._origin = self._find_origin()
            self._container = media.open_media(path)
            self._stream = media.audio_stream(self._container)
        except media.Rejected as error:
            raise InvalidInputError(
                f"the sound cannot be used ({error.reason.replace('_', ' ').lower()})", reason=error.reason, field="audio"
            ) from error
        codec = _codec(self._stream)
        self.copied = codec in COPIED and self._stream.codec_context.sample_rate >= COPIED[codec]
        """Whether its packets go into the film as they are."""
        self.seconds = 0.0
        """Length of the sound so far, in seconds: of all of it once `packets` has ended."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._container.close()

    def add_to(self, film: av.container.OutputContainer) -> av.AudioStream:
        """Adds the film's sound track."""
        if self.copied:
            track = film.add_stream_from_template(self._stream)
        else:
            context = self._stream.codec_context
            rate = min((rate for rate in AAC_RATES if rate >= context.sample_rate), default=AAC_RATES[-1])
            track = film.add_stream("aac", rate=rate)
            track.codec_context.layout = "mono" if context.channels == 1 else "stereo"
            channels = min(2, context.channels)
            track.codec_context.bit_rate = channels * min(BITS_PER_CHANNEL, BITS_PER_SAMPLE * rate)
            track.codec_context.thread_count = 1
        return track

    def describe(self, track: av.AudioStream) -> Soundtrack:
        """Returns what the film's sound is."""
        context = self._stream.codec_context if self.copied else track.codec_context
        return Soundtrack(
            codec=_codec(self._stream) if self.copied else "aac",
            copied=self.copied,
            sample_rate=context.sample_rate,
            channels=context.channels,
        )

    def packets(self, track: av.AudioStream) -> Iterator[Packet[AudioStream]]:
        """Yields the packets of the film's sound in order of time."""
        return self._copy(track) if self.copied else self._encode(track)

    def measure(self) -> None:
        """Runs through the packets that are to be copied, for their length alone; the source has no packets left then."""
        for _ in self._read():
            pass

    def check_length(self, seconds: float) -> None:
        """Compares the sound's whole length with the pictures', in seconds. Errors: InvalidInputError when they differ."""
        if abs(self.seconds - seconds) > TOLERANCE_SECONDS:
            raise InvalidInputError(
                f"the sound is {self.seconds:.2f} s long and the pictures {seconds:.2f} s: they do not belong together",
                reason="LENGTHS_DIFFER",
                field="audio",
            )

    def _find_origin(self) -> Fraction:
        """Returns the time of the first decoded sample in the file's own clock, in seconds."""
        with media.open_media(self._path) as container:
            stream = media.audio_stream(container)
            for packet in media.read_packets(container, stream):
                for frame in media.decode_packet(packet) or ():
                    if frame.pts is not None and frame.time_base is not None:
                        return Fraction(frame.pts * frame.time_base)
        return Fraction(0)

    def _copy(self, track: av.AudioStream) -> Iterator[Packet[AudioStream]]:
        for packet in self._read():
            packet.stream = track
            yield packet

    def _read(self) -> Iterator[Packet[AudioStream]]:
        base = self._stream.time_base or Fraction(1, self._stream.codec_context.sample_rate)
        shift = round(self._origin / base)
        for packet in media.read_packets(self._container, self._stream):
            if packet.dts is None or packet.pts is None:
                continue
            packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
            self.seconds = float((packet.pts + (packet.duration or 0)) * base)
            yield packet

    def _encode(self, track: av.AudioStream) -> Iterator[Packet[AudioStream]]:
        context = track.codec_context
        layout, rate = context.layout.name, context.sample_rate
        resampler, form = None, None
        written = 0

        def encode(frame: av.AudioFrame | None) -> Iterator[Packet[AudioStream]]:
            nonlocal written
            if frame is not None:
                frame.pts, frame.time_base = written, Fraction(1, rate)
                written += frame.samples
                self.seconds = written / rate
            yield from track.encode(frame)

        def reach(time: Fraction) -> Iterator[Packet[AudioStream]]:
            place = round((time - self._origin) * rate)
            while place - written > media.GAP_SECONDS * rate:
                yield from encode(_silence(min(place - written, SILENCE_SAMPLES), layout, rate))

        lost: Fraction | None = None
        for packet in media.read_packets(self._container, self._stream):
            frames = media.decode_packet(packet)
            if frames is None:
                # A damaged packet leaves a hole in the timestamps, which becomes silence.
                lost = media.packet_end(packet)
            for frame in frames or ():
                if frame.pts is not None and frame.time_base is not None:
                    yield from reach(frame.pts * frame.time_base)
                if resampler is None or form != (frame.format.name, frame.layout.name, frame.sample_rate):
                    form = (frame.format.name, frame.layout.name, frame.sample_rate)
                    resampler = AudioResampler(format="fltp", layout=layout, rate=rate)
                frame.pts = None
                for ready in resampler.resample(frame):
                    yield from encode(ready)
        if resampler is not None:
            for ready in resampler.resample(None):
                yield from encode(ready)
        if lost is not None:
            yield from reach(lost)
        yield from encode(None)


def encode_sound(sound: Path, path: Path, seconds: float, room_bytes: int) -> int:
    """Writes the film's sound track by itself to `path`, at most `room_bytes`, where MP4 cannot hold the source's packets.

    `seconds` is the length of the pictures. Returns the track's size in bytes; 0 when nothing was written, as the packets are
    copied. Errors: InvalidInputError when the sound does not open or has another length, LimitError.
    """
    with within_limits("the sound", room_bytes), Source(sound) as source:
        if source.copied:
            source.measure()
            source.check_length(seconds)
            return 0
        with av.open(str(path), "w", format="mp4") as film:
            track = source.add_to(film)
            for packet in source.packets(track):
                film.mux(packet)
        source.check_length(seconds)
        return path.stat().st_size


def _codec(stream: av.AudioStream) -> str:
    name = stream.codec_context.name
    return "mp3" if name.startswith("mp3") else str(name)


def _silence(samples: int, layout: str, rate: int) -> av.AudioFrame:
    channels = 1 if layout == "mono" else 2
    frame = av.AudioFrame.from_ndarray(np.zeros((channels, samples), dtype=np.float32), format="fltp", layout=layout)
    frame.sample_rate = rate
    return frame
