"""The child process of `s2v.runtime.sandbox`: opens one media file, prints one JSON object and exits.

    python -I -m s2v.runtime.media probe CPU_SECONDS MEMORY_BYTES OUTPUT_BYTES PATH
    python -I -m s2v.runtime.media decode|denoise CPU_SECONDS MEMORY_BYTES OUTPUT_BYTES PATH OUTPUT

It imports nothing that it does not need, limits itself before the first byte of the file is read, and allows FFmpeg only the
demuxers, decoders and the protocol named here. PyAV is imported after that: it is in the extra `media` of the distribution.
"""

from __future__ import annotations

import errno
import json
import math
import os
import resource
import sys
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.audio.frame import AudioFrame
    from av.audio.resampler import AudioResampler
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.filter.graph import Graph
    from av.packet import Packet

SAMPLE_RATE = 16_000  # samples a second of what `decode` writes
BYTES_PER_SAMPLE = 2  # signed 16-bit little-endian, mono
DEMUXERS = ("wav", "mp3", "mov", "ogg", "matroska", "flac", "aac")
DECODERS = (
    *("aac", "mp3", "mp3float", "opus", "libopus", "vorbis", "libvorbis", "flac", "alac"),
    *("pcm_alaw", "pcm_mulaw", "pcm_s8", "pcm_u8", "pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be", "pcm_s32le", "pcm_s32be"),
    *("pcm_f32le", "pcm_f32be", "pcm_f64le", "pcm_f64be"),
)
OPTIONS = {"format_whitelist": ",".join(DEMUXERS), "codec_whitelist": ",".join(DECODERS), "protocol_whitelist": "file"}
OPEN_FILES = 32  # descriptors
CPU_GRACE_SECONDS = 5  # SIGXCPU comes first, which says what happened; the kernel kills so much later
GAP_SECONDS = 0.1  # a hole in the timestamps that is longer becomes silence, so that later words keep their time
NOISE_OPTIONS = "nr=12:nt=w:tn=1"  # 12 dB less of white noise, whose level is followed
BAD_PACKETS = 0.05  # part of the packets that may be undecodable
UNREAD_SECONDS = 1.0  # so much of the end of a file that declares no length may be unreadable
MPEG_HEADER_BYTES = 64 * 1024  # where the Xing header of an MP3 stands, after its tags
OGG_PAGE_BYTES = 65_307  # longest page: header, 255 lacing values, 255 segments of 255 bytes


@dataclass(frozen=True)
class Found:
    """What `probe` prints under "found"; the fields of `sandbox.MediaInfo`."""

    format: str
    codec: str
    duration_seconds: float
    declared_seconds: float | None
    sample_rate: int
    channels: int
    has_video: bool


class Rejected(Exception):  # noqa: N818 - it is an answer about the file, not a fault of the program
    """The file cannot be used; printed under "rejected"."""

    def __init__(self, reason: str, detail: str) -> None:
        self.reason = reason
        self.detail = detail
        super().__init__(detail)


def main(arguments: list[str]) -> None:
    """Does what the command line says."""
    verb, cpu_seconds, memory_bytes, output_bytes, *paths = arguments
    limit(int(cpu_seconds), int(memory_bytes), int(output_bytes))
    answer: dict[str, object]
    try:
        if verb == "probe":
            answer = {"found": asdict(probe(Path(paths[0])))}
        else:
            answer = {"seconds": decode(Path(paths[0]), Path(paths[1]), reduce_noise=verb == "denoise")}
    except Rejected as rejected:
        answer = {"rejected": rejected.reason, "detail": rejected.detail}
    except ImportError as error:
        answer = {"missing": error.name or str(error)}
    except MemoryError:
        answer = {"exhausted": "memory"}
    except OSError as error:
        answer = {"exhausted": "output"} if error.errno == errno.EFBIG else {"failed": error.strerror or str(error)}
        if type(error) is OSError:  # FFmpeg's own errors are subclasses: a file must not make us believe that a disk is full
            answer["errno"] = error.errno
    sys.stdout.write(json.dumps(answer))


def limit(cpu_seconds: int, memory_bytes: int, output_bytes: int) -> None:
    """Limits this process for good: processor time, address space, size of each written file, open files, no core dump."""
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + CPU_GRACE_SECONDS))
    for kind, value in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_FSIZE, output_bytes),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (value, value))


def probe(path: Path) -> Found:
    """Says what the file holds, by reading all packets without decoding them. Errors: Rejected."""
    with open_media(path) as container:
        stream = audio_stream(container)
        duration, reached, unread = measure(container, stream)
        if not stream.codec_context.sample_rate:
            # Demuxers of formats without a header believe a file's name; no frame was found.
            raise Rejected("NOT_MEDIA", "")
        declared = declared_seconds(path, container, stream, duration, reached)
        if declared is None and unread > UNREAD_SECONDS:
            raise Rejected("DAMAGED", f"it cannot be read beyond {duration:.1f} s")
        return Found(
            format=container.format.name.split(",")[0],
            codec=stream.codec_context.name,
            duration_seconds=duration,
            declared_seconds=declared,
            sample_rate=stream.codec_context.sample_rate,
            channels=stream.codec_context.channels,
            has_video=has_video(container),
        )


def open_media(path: Path) -> InputContainer:
    """Opens the file with an allowed demuxer. Errors: Rejected (EMPTY_FILE, NOT_MEDIA, TRUNCATED)."""
    import av
    import av.error
    import av.logging

    av.logging.set_level(None)
    if path.stat().st_size == 0:
        raise Rejected("EMPTY_FILE", "")
    try:
        return av.open(f"file:{path}", options=OPTIONS, metadata_errors="ignore")
    except (av.error.FFmpegError, ValueError) as error:
        with path.open("rb") as file:
            head = file.read(12)
        # An MP4 whose index was to be written last and never was.
        if head[4:8] == b"ftyp":
            raise Rejected("TRUNCATED", "its index is missing") from error
        raise Rejected("NOT_MEDIA", "") from error


def has_video(container: InputContainer) -> bool:
    """Says whether there are moving pictures; a cover picture is none."""
    from av.stream import Disposition

    return any(not stream.disposition & Disposition.attached_pic for stream in container.streams.video)


def audio_stream(container: InputContainer) -> AudioStream:
    """Returns the first sound track. Errors: Rejected (NO_AUDIO, NOT_MEDIA when its codec is not allowed)."""
    if not container.streams.audio:
        raise Rejected("NO_AUDIO", "video" if has_video(container) else "")
    stream = container.streams.audio[0]
    codec = stream.codec_context.name if stream.codec_context else "unknown"
    if codec not in DECODERS:
        raise Rejected("NOT_MEDIA", f"its sound is coded as {codec}")
    stream.codec_context.thread_count = 1
    return stream


def measure(container: InputContainer, stream: AudioStream) -> tuple[float, float, float]:
    """Reads all packets. Returns three lengths in seconds.

    That of the sound; the latest end of any stream from the file's zero; what is left of the file where its demuxer cannot go on,
    judged by its bytes.
    """
    import av.error

    first: float | None = None
    last = reached = unread = 0.0
    place = 0
    try:
        for packet in container.demux():
            place = max(place, (packet.pos or 0) + packet.size)
            if packet.pts is None or packet.time_base is None:
                continue
            start = float(packet.pts * packet.time_base)
            end = start + float((packet.duration or 0) * packet.time_base)
            reached = max(reached, end)
            if packet.stream is stream or packet.stream.index == stream.index:
                first = start if first is None else first
                last = max(last, end)
    except av.error.FFmpegError:
        # A damaged end: what could be read counts, and is compared with what the header declares.
        unread = reached * (container.size / place - 1.0) if place else math.inf
    return max(0.0, last - max(0.0, first or 0.0)), reached, unread


def read_packets(container: InputContainer, stream: AudioStream) -> Iterator[Packet[AudioStream]]:
    """Yields the packets of the sound, up to where the demuxer cannot go on."""
    import av.error

    try:
        yield from container.demux(stream)
    except av.error.InvalidDataError:
        return


def decode_packet(packet: Packet[AudioStream]) -> list[AudioFrame] | None:
    """Returns a packet's sound; None where it cannot be decoded. Errors: MemoryError."""
    import av.error

    try:
        return packet.decode()
    except av.error.MemoryError:
        raise
    except av.error.FFmpegError:
        return None


def packet_end(packet: Packet[AudioStream]) -> Fraction | None:
    """Returns when a packet's sound ends in the file's own clock, in seconds; None where the file does not say."""
    if packet.pts is None or packet.time_base is None:
        return None
    return (packet.pts + (packet.duration or 0)) * packet.time_base


def declared_seconds(path: Path, container: InputContainer, stream: AudioStream, duration: float, reached: float) -> float | None:
    """Returns the length of the sound as the header has it, in seconds; None where the format says none.

    FFmpeg hides that a WAV or an Ogg ends early, so these are looked at byte by byte.
    """
    name = container.format.name
    size = path.stat().st_size
    with path.open("rb") as file:
        if name == "wav":
            return _wav_declared(file, size, duration)
        if name == "ogg":
            return _ogg_declared(file, size, duration)
        if name == "mp3" and not _has_frame_count(file):
            return None
    if name.startswith("matroska"):
        # The header counts the longest stream: what is missing of that is missing of the sound.
        whole = (container.duration or 0) / 1_000_000
        return duration + whole - reached if whole else None
    if name != "aac" and stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return None


def _wav_declared(file: BinaryIO, size: int, duration: float) -> float | None:
    """Source: RIFF/WAVE, EBU Tech 3306 (RF64). A data size of 0 or 2³²−1 is that of a stream of unknown length."""
    file.seek(12)
    long_size = 0
    while len(head := file.read(8)) == 8:
        kind, length = head[:4], int.from_bytes(head[4:], "little")
        if kind == b"ds64":
            long_size = int.from_bytes(file.read(16)[8:], "little")
            length -= 16
        if kind == b"data":
            there = size - file.tell()
            length = long_size if long_size and length == 0xFFFFFFFF else length
            if length in (0, 0xFFFFFFFF) or there <= 0:
                return None
            return duration * length / min(length, there)
        file.seek(length + length % 2, os.SEEK_CUR)
    return None


def _ogg_declared(file: BinaryIO, size: int, duration: float) -> float | None:
    """A file cut within its last page lacks at least that page; how much more cannot be known. Source: RFC 3533, section 6."""
    file.seek(max(0, size - OGG_PAGE_BYTES))
    tail = file.read()
    page = tail.rfind(b"OggS")
    if page < 0:
        return duration * 2
    header = tail[page : page + 27 + 255]
    segments = header[26] if len(header) > 26 else 255
    lacing = header[27 : 27 + segments]
    whole = len(lacing) == segments and page + 27 + segments + sum(lacing) <= len(tail)
    return None if whole else duration * 2


def _has_frame_count(file: BinaryIO) -> bool:
    """Says whether an MP3 declares its number of frames; without it FFmpeg only guesses a length from the first bit rate."""
    head = file.read(10)
    tag = int.from_bytes(head[6:], "big") if head[:3] == b"ID3" else 0
    # The tag's size is written with seven bits a byte.
    file.seek(sum((tag >> 8 * place & 0x7F) << 7 * place for place in range(4)))
    start = file.read(MPEG_HEADER_BYTES)
    return any(mark in start for mark in (b"Xing", b"Info", b"VBRI"))


def decode(path: Path, output: Path, *, reduce_noise: bool) -> float:
    """Writes the sound as 16 kHz mono s16le without a header. Returns its length in seconds. Errors: Rejected.

    `reduce_noise` takes out steady noise by FFmpeg's afftdn.

    Time 0 is the first sample of the sound; holes in the timestamps and undecodable packets become silence of their length.
    """
    packets = bad = 0
    lost: Fraction | None = None
    with open_media(path) as container, output.open("wb") as file:
        stream = audio_stream(container)
        track = Track(file, Denoiser() if reduce_noise else None)
        for packet in read_packets(container, stream):
            packets += 1
            frames = decode_packet(packet)
            if frames is None:
                bad += 1
                lost = packet_end(packet)
            for frame in frames or ():
                track.add(frame)
        if lost is not None:
            track.reach(float(lost))
        track.finish()
    if not track.written or bad > BAD_PACKETS * packets:
        raise Rejected("DAMAGED", f"{bad} of {packets} packets could not be decoded")
    return track.written / SAMPLE_RATE


class Track:
    """The PCM that is being written: mixed down, resampled, and held to the timestamps."""

    def __init__(self, file: BinaryIO, denoiser: Denoiser | None) -> None:
        self.written = 0
        """Samples of the sound so far; those that the denoiser still holds are counted."""
        self._file = file
        self._denoiser = denoiser
        self._origin: float | None = None
        self._layout: tuple[str, str, int] | None = None
        self._resampler: AudioResampler | None = None

    def add(self, frame: AudioFrame) -> None:
        """Appends a decoded frame, after silence if there is a hole before it."""
        if frame.time is not None:
            self._origin = frame.time if self._origin is None else self._origin
            self.reach(frame.time)
        layout = (frame.format.name, frame.layout.name, frame.sample_rate)
        if self._resampler is None or layout != self._layout:
            self.finish()
            self._resampler, self._layout = _mono_resampler(), layout
        # Timestamps are kept here; inside the resampler jitter in them would stretch the sound.
        frame.pts = None
        self._write(self._resampler.resample(frame))

    def reach(self, time: float) -> None:
        """Appends silence up to a time of the file, in seconds, if there is a hole before it; none before the first frame."""
        if self._origin is not None and time - self._origin - self.written / SAMPLE_RATE > GAP_SECONDS:
            self.finish()
            self._silence(round((time - self._origin) * SAMPLE_RATE) - self.written)

    def finish(self) -> None:
        """Writes what the resampler still holds."""
        if self._resampler is not None:
            self._write(self._resampler.resample(None))
            self._resampler = None
            if self._denoiser is not None:
                self._put(self._denoiser.finish())

    def _write(self, frames: list[AudioFrame]) -> None:
        for frame in frames:
            self.written += frame.samples
            self._put([frame] if self._denoiser is None else self._denoiser.add(frame))

    def _put(self, frames: list[AudioFrame]) -> None:
        for frame in frames:
            self._file.write(bytes(frame.planes[0])[: frame.samples * BYTES_PER_SAMPLE])

    def _silence(self, samples: int) -> None:
        # A second at a time: a forged timestamp must hit the limit on output, not on memory.
        while samples > 0:
            count = min(samples, SAMPLE_RATE)
            self._file.write(bytes(count * BYTES_PER_SAMPLE))
            self.written += count
            samples -= count


class Denoiser:
    """FFmpeg's afftdn, which learns the noise as it goes; gives back as many samples as it takes."""

    def __init__(self) -> None:
        self._graph: Graph | None = None
        self._taken = 0

    def add(self, frame: AudioFrame) -> list[AudioFrame]:
        """Takes a frame of 16 kHz mono s16; returns what is ready."""
        from av.filter.graph import Graph

        if self._graph is None:
            self._graph = Graph()
            source = self._graph.add_abuffer(
                sample_rate=SAMPLE_RATE, format="s16", layout="mono", time_base=Fraction(1, SAMPLE_RATE)
            )
            self._graph.link_nodes(
                source,
                self._graph.add("afftdn", NOISE_OPTIONS),
                self._graph.add("aformat", "sample_fmts=s16:sample_rates=16000:channel_layouts=mono"),
                self._graph.add("abuffersink"),
            ).configure()
        frame.pts, frame.time_base = self._taken, Fraction(1, SAMPLE_RATE)
        self._taken += frame.samples
        self._graph.push(frame)
        return self._ready()

    def finish(self) -> list[AudioFrame]:
        """Returns what it still holds."""
        if self._graph is None:
            return []
        self._graph.push(None)
        frames = self._ready()
        self._graph = None
        return frames

    def _ready(self) -> list[AudioFrame]:
        import av.error

        frames: list[AudioFrame] = []
        while self._graph is not None:
            try:
                frames.append(cast("AudioFrame", self._graph.pull()))
            except (av.error.BlockingIOError, av.error.EOFError):
                break
        return frames


def _mono_resampler() -> AudioResampler:
    from av.audio.resampler import AudioResampler

    return AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)


if __name__ == "__main__":
    main(sys.argv[1:])
