"""Whole videos by real workers: sound, captions, chapters, poster; the same from one worker and from two; nothing left behind."""

from __future__ import annotations

import asyncio
import os
import tempfile
import wave
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import compositions
import numpy as np
import pytest
from av.audio.resampler import AudioResampler

from s2v.rendering import direct
from s2v.rendering.clip import make_clip, plan_clips
from s2v.rendering.engine import make_pool, preload_engine
from s2v.rendering.film import Footage, Reel, join_film
from s2v.rendering.soundtrack import Source
from s2v.runtime import media
from s2v.runtime.captions import Caption
from s2v.runtime.engine import EnginePool
from s2v.runtime.errors import InvalidInputError
from s2v.v1.composition_pb2 import Composition
from s2v.v1.rendering_service_pb2 import ClipOrder
from s2v.v1.transcript_pb2 import Segment, Transcript, Word

pytestmark = pytest.mark.integration

GONE_SECONDS = 5
"""Within which a cancelled video's processes are gone."""
SECONDS = 7.37
RATE = 48_000
SOURCES = {
    "wav": ("pcm_s16le", 44_100, False),
    "mp3": ("libmp3lame", 44_100, True),
    "m4a": ("aac", 44_100, True),
    "opus": ("libopus", 48_000, False),
    "flac": ("flac", 22_050, False),
}


def signal(rate: int) -> np.ndarray:
    """A melody of noise bursts: its correlation has one sharp peak."""
    random = np.random.default_rng(7)
    times = np.arange(round(SECONDS * rate)) / rate
    carrier = sum(np.sin(2 * np.pi * frequency * times + random.uniform(0, 6)) for frequency in random.uniform(200, 3000, 40))
    envelope = np.repeat(random.uniform(0.05, 1, 100), len(times) // 100 + 1)[: len(times)]
    return (carrier / 40 * envelope * 20000).astype(np.int16)


def write_sound(path: Path, codec: str, rate: int) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.codec_context.layout = "mono"
        frame = av.AudioFrame.from_ndarray(signal(rate)[None], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def read_sound(path: Path) -> np.ndarray:
    """The first sound track at 48 kHz mono as a player plays it: samples at their timestamps, those before zero not heard."""
    heard = np.zeros(round((SECONDS + 1) * RATE))
    resampler = AudioResampler(format="flt", layout="mono", rate=RATE)
    end = 0
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            for ready in resampler.resample(frame):
                samples = ready.to_ndarray()[0]
                place = round(ready.pts * ready.time_base * RATE)
                samples = samples[max(0, -place) :][: len(heard) - max(0, place)]
                heard[max(0, place) : max(0, place) + len(samples)] = samples
                end = max(end, place + len(samples))
    return heard[:end]


def lag(film: np.ndarray) -> tuple[float, float]:
    """Seconds by which the film's sound is late against the signal itself, and their correlation there."""
    source = signal(RATE).astype(float)
    size = 1 << (len(source) + len(film)).bit_length()
    correlation = np.fft.irfft(np.fft.rfft(film, size) * np.conj(np.fft.rfft(source, size)), size)
    peak = int(np.argmax(correlation))
    late = peak if peak < size // 2 else peak - size
    return late / RATE, correlation[peak] / np.sqrt((film**2).sum() * (source**2).sum())


def small_talk() -> Composition:
    made = compositions.composition(compositions.flowchart(0, 4), compositions.phrase(4, SECONDS))
    made.width, made.height = 640, 360
    return made


def words() -> Transcript:
    transcript = Transcript(language="en", duration_seconds=SECONDS)
    texts = ["The", "cache", "<answers>", "at", "once."]
    segment = Segment(start_seconds=1, end_seconds=3.5, text=" ".join(texts))
    for number, text in enumerate(texts):
        segment.words.append(Word(text=text, start_seconds=1 + number / 2, end_seconds=1.5 + number / 2))
    transcript.segments.append(segment)
    return transcript


@pytest.fixture
def pool() -> Iterator[EnginePool]:
    preload_engine()
    pool = make_pool(2)
    yield pool
    pool.close()


async def make(pool: EnginePool, sound: Path, folder: Path, transcript: Transcript | None = None) -> direct.Rendered:
    folder.mkdir(exist_ok=True)
    return await direct.render(
        pool, small_talk(), sound, transcript, folder, frame_rate=30, strict=True, progress=direct.ignore_progress
    )


@pytest.mark.parametrize("kind", sorted(SOURCES))
async def test_the_sound_is_the_source_at_its_time(kind: str, pool: EnginePool, tmp_path: Path) -> None:
    codec, rate, copied = SOURCES[kind]
    source = write_sound(tmp_path / f"sound.{kind}", codec, rate)
    made = await make(pool, source, tmp_path / "out")
    assert made.video.soundtrack.copied is copied
    assert made.video.soundtrack.sample_rate == rate
    late, correlation = lag(read_sound(made.film))
    assert abs(late) < 1 / 60
    assert correlation > 0.99
    with av.open(str(made.film)) as film:
        for stream in film.streams.audio[0], film.streams.video[0]:
            assert float(stream.duration * stream.time_base) == pytest.approx(SECONDS, abs=1 / 30), stream.type
        if copied:
            with av.open(str(source)) as original:
                before = [bytes(packet) for packet in original.demux(audio=0) if packet.size]
            assert [bytes(packet) for packet in film.demux(audio=0) if packet.size] == before


@pytest.mark.parametrize("rate", [8_000, 11_025, 12_000, 16_000])
def test_an_mp3_goes_into_the_film_whatever_its_rate(rate: int, tmp_path: Path) -> None:
    """MP4 holds MP3 from 16 kHz on; what is lower is encoded."""
    film = tmp_path / "film.mp4"
    with Source(write_sound(tmp_path / "sound.mp3", "libmp3lame", rate)) as source, av.open(str(film), "w") as container:
        track = source.add_to(container)
        for packet in source.packets(track):
            container.mux(packet)
        source.check_length(SECONDS)
        made = source.describe(track)
    assert (made.codec, made.copied, made.sample_rate) == (("mp3", True) if rate >= 16_000 else ("aac", False)) + (rate,)
    late, correlation = lag(read_sound(film))
    assert abs(late) < 1 / 60
    assert correlation > 0.9


@pytest.mark.parametrize("kind", ["m4a", "flac", "aac"])
def test_a_damaged_end_leaves_the_sound_its_length(kind: str, tmp_path: Path) -> None:
    """What cannot be decoded is silence, as it is for the transcript; where packets end, the sound does."""
    path = write_sound(tmp_path / f"sound.{kind}", {"flac": "flac"}.get(kind, "aac"), 44_100)
    data, seconds = bytearray(path.read_bytes()), SECONDS
    end = data.rindex(b"moov") - 4 if kind == "m4a" else len(data)
    start = round(end * 0.96)
    if kind == "aac":
        frame = data.rindex(b"\xff\xf1", 0, start)
        data[frame + 3 : frame + 6] = bytes(3)  # where its length stands: the demuxer stops here
        seconds *= frame / end
    elif kind == "flac":
        # The last frame: its checksum is wrong, its place in time is known.
        data[end - 100 : end - 50] = bytes(50)
    else:
        data[start:end] = bytes(end - start)
    path.write_bytes(data)
    with Source(path) as source, av.open(str(tmp_path / "film.mp4"), "w") as container:
        track = source.add_to(container)
        for packet in source.packets(track):
            container.mux(packet)
    pcm = media.decode(path, tmp_path / "sound.pcm", reduce_noise=False)
    assert source.seconds == pytest.approx(pcm, abs=0.1)
    assert pcm == pytest.approx(seconds, abs=0.2)


@pytest.mark.parametrize(("tag", "name"), [("pt-BR", "por"), ("ja", "jpn"), ("", "und")])
async def test_the_tracks_say_their_language(tag: str, name: str, tmp_path: Path) -> None:
    sound = write_sound(tmp_path / "sound.mp3", "libmp3lame", 16_000)
    part = plan_clips(small_talk(), 30)[0]
    part.frame_count = round(SECONDS * 30)
    make_clip(ClipOrder(part=part).SerializeToString(), tmp_path / "clip.mp4", True)
    footage = [Footage(tmp_path / "clip.mp4", 0)]
    reel = Reel(footage, 30, part.frame_count, [Caption(1, 2, ("word",))], [], tag)
    join_film(reel, sound, tmp_path / "film.mp4")
    with av.open(str(tmp_path / "film.mp4")) as film:
        assert [each.metadata["language"] for each in (*film.streams.audio, *film.streams.subtitles)] == [name, name]


async def test_the_film_has_captions_chapters_and_starts_at_once(pool: EnginePool, tmp_path: Path) -> None:
    made = await make(pool, write_sound(tmp_path / "sound.wav", "pcm_s16le", 44_100), tmp_path / "out", words())
    with av.open(str(made.film)) as film:
        texts = [bytes(packet)[2:].decode() for packet in film.demux(film.streams.subtitles[0]) if packet.size > 2]
        assert texts == ["The cache <answers> at once."]
        chapters = [(chapter["start"], chapter["end"], chapter["metadata"]["title"]) for chapter in film.chapters()]
        assert chapters == [(0, 4000, "How a cache read works"), (4000, 7370, "Each part can fail")]
    head = made.film.read_bytes()
    assert head.index(b"moov") < head.index(b"mdat")
    assert "The cache &lt;answers&gt; at once." in made.captions.read_text()
    with av.open(str(made.poster)) as poster:
        assert (poster.streams.video[0].width, poster.streams.video[0].height) == (640, 360)
    assert made.video.frame_count == round(SECONDS * 30)
    assert made.report.engine == "manim"
    assert not made.report.degradations


async def test_one_worker_and_two_make_the_same_pictures(pool: EnginePool, tmp_path: Path) -> None:
    sound = write_sound(tmp_path / "sound.wav", "pcm_s16le", 44_100)
    alone = make_pool(1)
    try:
        films = [(await make(each, sound, tmp_path / name)).film for name, each in (("one", alone), ("two", pool))]
    finally:
        await asyncio.to_thread(alone.close)
    pictures = []
    for film in films:
        with av.open(str(film)) as container:
            pictures.append([(frame.pts, frame.to_ndarray().tobytes()) for frame in container.decode(video=0)])
    assert pictures[0] == pictures[1]


@pytest.mark.parametrize(("kind", "codec", "rate"), [("wav", "pcm_s16le", 8_000), ("mp3", "libmp3lame", 16_000)])
async def test_sound_of_another_length_is_refused_before_all_is_drawn(
    kind: str, codec: str, rate: int, pool: EnginePool, tmp_path: Path
) -> None:
    sound = write_sound(tmp_path / f"sound.{kind}", codec, rate)
    data = sound.read_bytes()
    sound.write_bytes(data[: len(data) // 2])
    with pytest.raises(InvalidInputError) as refused:
        await make(pool, sound, tmp_path / "out")
    assert refused.value.reason == "LENGTHS_DIFFER"
    assert not (tmp_path / "out" / "video.mp4").exists()  # nothing was put together


async def test_what_is_no_sound_is_refused(pool: EnginePool, tmp_path: Path) -> None:
    sound = tmp_path / "sound"
    sound.write_text("#EXTM3U\nfile:///etc/passwd\n")
    with pytest.raises(InvalidInputError):
        await make(pool, sound, tmp_path / "out")


async def test_a_cancelled_video_leaves_no_process_and_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", None)
    sound = tmp_path / "sound.wav"
    with wave.open(str(sound), "wb") as silence:
        silence.setparams((1, 2, 8_000, 0, "NONE", ""))
        silence.writeframes(bytes(160 * 8_000 * 2))
    long = compositions.composition(*(compositions.flowchart(n * 8, n * 8 + 8) for n in range(20)))
    busy = asyncio.Event()

    async def progress(_done: int, _total: int) -> None:
        busy.set()

    work = asyncio.create_task(direct.render_file(long, sound, None, tmp_path / "film.mp4", progress=progress))
    await asyncio.wait((work, asyncio.create_task(busy.wait())), return_when=asyncio.FIRST_COMPLETED)
    workers = children()
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(asyncio.shield(work), GONE_SECONDS)
    assert not list((tmp_path / "temporary").glob("s2v-render-*"))
    assert not (tmp_path / "film.mp4").exists()
    assert len(workers - children()) >= 2


def children() -> set[int]:
    """Processes below this one, the fork server's included."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if fields[0] != "Z":
                parents.setdefault(int(fields[1]), []).append(int(entry.name))
    found, rest = set[int](), [os.getpid()]
    while rest:
        below = parents.get(rest.pop(), [])
        found.update(below)
        rest += below
    return found


async def test_the_stream_is_the_film_in_fragments_of_four_seconds(pool: EnginePool, tmp_path: Path) -> None:
    sound = write_sound(tmp_path / "sound.wav", "pcm_s16le", 44_100)
    (tmp_path / "out").mkdir()
    made = await direct.render(
        pool,
        small_talk(),
        sound,
        None,
        tmp_path / "out",
        frame_rate=30,
        strict=True,
        progress=direct.ignore_progress,
        extras=direct.Extras(hls=True),
    )
    lengths = list(made.video.hls.segment_seconds)
    assert lengths[:-1] == [4.0] * (len(lengths) - 1)
    assert sum(lengths) == pytest.approx(made.video.frame_count / 30, abs=1e-6)
    playlist = tmp_path / "out" / "video.m3u8"
    assert [float(line[8:-1]) for line in playlist.read_text().splitlines() if line.startswith("#EXTINF:")] == pytest.approx(
        lengths
    )
    pictures = []
    for file in (made.film, playlist):
        with av.open(str(file)) as container:
            pictures.append([frame.to_ndarray().tobytes() for frame in container.decode(video=0)])
    assert pictures[0] == pictures[1]
    late, correlation = lag(read_sound(playlist))
    with av.open(str(playlist)) as container:
        first = next(container.decode(video=0))
        # What AAC puts before the sound is in the fragments: the pictures start later by as much.
        late -= float(first.pts * first.time_base)
    assert abs(late) < 1 / 60
    assert correlation > 0.99
