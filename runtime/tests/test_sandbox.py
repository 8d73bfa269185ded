"""Protects the door: what is no whole, audible media is refused with the reason; what is, becomes PCM of the right length."""

import asyncio
import os
import signal
import struct
import subprocess
import sys
import wave
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from s2v.runtime import sandbox
from s2v.runtime.errors import DISK_FULL, InvalidInputError, LimitError

SECONDS = 12
RATE = 48_000

FORMATS = {
    "talk.wav": ("wav", "pcm_s16le"),
    "talk.mp3": ("mp3", "libmp3lame"),
    "talk.m4a": ("ipod", "aac"),
    "talk.opus": ("ogg", "libopus"),
    "talk.ogg": ("ogg", "vorbis"),
    "talk.webm": ("webm", "libopus"),
    "talk.flac": ("flac", "flac"),
    "talk.aac": ("adts", "aac"),
    "float.wav": ("wav", "pcm_f32le"),
}


def tone(seconds: float, channels: int = 2) -> np.ndarray:
    """A 440 Hz tone on the left and silence on the right: shape (channels, samples), int16."""
    time = np.arange(int(seconds * RATE)) / RATE
    samples = np.zeros((channels, len(time)), np.int16)
    samples[0] = (np.sin(2 * np.pi * 440 * time) * 16_000).astype(np.int16)
    return samples


def write_sound(
    path: Path, container: str, codec: str, seconds: float = SECONDS, *, video: bool = False, sound: bool = True
) -> Path:
    with av.open(str(path), "w", format=container) as output:
        picture = output.add_stream("mpeg4", rate=5, width=64, height=64, pix_fmt="yuv420p") if video else None
        stream = output.add_stream(codec, rate=RATE, layout="stereo") if sound else None
        if codec == "vorbis":
            stream.options = {"strict": "experimental"}
        if picture is not None:
            for number in range(int(seconds * 5)):
                frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), number, np.uint8), format="rgb24")
                frame.pts, frame.time_base = number, Fraction(1, 5)
                output.mux(picture.encode(frame))
            output.mux(picture.encode(None))
        if stream is not None:
            interleaved = tone(seconds).T.reshape(1, -1)
            for start in range(0, interleaved.shape[1], 2 * RATE):
                block = np.ascontiguousarray(interleaved[:, start : start + 2 * RATE])
                frame = av.AudioFrame.from_ndarray(block, format="s16", layout="stereo")
                frame.sample_rate, frame.pts, frame.time_base = RATE, start // 2, Fraction(1, RATE)
                output.mux(stream.encode(frame))
            output.mux(stream.encode(None))
    return path


def cut(path: Path, part: float) -> Path:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * part)])
    return path


async def reason(path: Path) -> str:
    with pytest.raises(InvalidInputError) as caught:
        await sandbox.probe(path, path.name)
    assert path.name in caught.value.message
    assert caught.value.field == "source"
    return caught.value.reason


@pytest.mark.parametrize("name", FORMATS)
async def test_every_allowed_format_is_measured_and_decoded(tmp_path: Path, name: str) -> None:
    path = write_sound(tmp_path / name, *FORMATS[name])
    info = await sandbox.probe(path, name)
    assert info.duration_seconds == pytest.approx(SECONDS, abs=0.1)
    assert (info.sample_rate, info.channels, info.has_video) == (RATE, 2, False)

    output = tmp_path / "talk.pcm"
    seconds = await sandbox.decode(path, output, name)
    samples = np.frombuffer(output.read_bytes(), np.int16)
    assert len(samples) == round(seconds * 16_000)
    assert seconds == pytest.approx(SECONDS, abs=0.1)
    # Both channels are in the mix: the tone on the left comes out at half its height, at its own pitch.
    middle = samples[16_000:32_000].astype(float)
    assert np.abs(middle).max() == pytest.approx(8_000, rel=0.5)
    assert np.argmax(np.abs(np.fft.rfft(middle))) == 440


async def test_sound_of_a_video_is_decoded(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "talk.mp4", "mp4", "aac", video=True)
    assert (await sandbox.probe(path, path.name)).has_video
    assert await sandbox.decode(path, tmp_path / "talk.pcm", path.name) == pytest.approx(SECONDS, abs=0.1)


async def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "empty.wav"
    path.touch()
    assert await reason(path) == "EMPTY_FILE"


async def test_a_header_without_sound_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "header.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
    assert await reason(path) == "EMPTY_FILE"


@pytest.mark.parametrize("name", ["notes.wav", "notes.mp3", "notes.aac", "notes.flac", "notes.m4a", "notes.webm"])
async def test_text_with_the_name_of_a_sound_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("These are the minutes of the meeting, and no sound at all.\n" * 2000)
    assert await reason(path) == "NOT_MEDIA"


async def test_random_bytes_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "noise.mp3"
    path.write_bytes(np.random.default_rng(7).bytes(300_000))
    assert await reason(path) == "NOT_MEDIA"


async def test_a_playlist_cannot_make_the_sandbox_open_other_files(tmp_path: Path) -> None:
    write_sound(tmp_path / "secret.wav", "wav", "pcm_s16le", 1)
    for name, text in (
        ("list.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:1,\nsecret.wav\n#EXT-X-ENDLIST\n"),
        ("list.ffconcat", "ffconcat version 1.0\nfile secret.wav\n"),
    ):
        (tmp_path / name).write_text(text)
        assert await reason(tmp_path / name) == "NOT_MEDIA"


async def test_a_video_without_sound_is_refused(tmp_path: Path) -> None:
    assert await reason(write_sound(tmp_path / "mute.mp4", "mp4", "aac", video=True, sound=False)) == "NO_AUDIO"


@pytest.mark.parametrize(
    "name", ["talk.wav", "talk.mp3", "talk.m4a", "talk.opus", "talk.ogg", "talk.webm", "talk.flac", "float.wav"]
)
async def test_half_a_file_is_refused(tmp_path: Path, name: str) -> None:
    assert await reason(cut(write_sound(tmp_path / name, *FORMATS[name]), 0.5)) == "TRUNCATED"


async def test_half_a_video_with_its_index_in_front_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "web.mp4"
    with av.open(str(path), "w", format="mp4", options={"movflags": "faststart"}) as output:
        stream = output.add_stream("aac", rate=RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray(tone(SECONDS, 1), format="s16", layout="mono")
        frame.sample_rate = RATE
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    assert await reason(cut(path, 0.6)) == "TRUNCATED"


async def test_a_stream_of_unknown_length_is_whole(tmp_path: Path) -> None:
    """A recorder that writes into a pipe leaves the sizes open."""
    path = write_sound(tmp_path / "pipe.wav", "wav", "pcm_s16le")
    data = bytearray(path.read_bytes())
    place = data.index(b"data")
    data[place + 4 : place + 8] = struct.pack("<I", 0xFFFFFFFF)
    path.write_bytes(data)
    assert (await sandbox.probe(path, path.name)).duration_seconds == pytest.approx(SECONDS, abs=0.1)


async def test_a_hole_in_the_timestamps_becomes_silence(tmp_path: Path) -> None:
    """A browser that lost the microphone for a while: what is said afterwards keeps its time."""
    path = tmp_path / "hole.webm"
    with av.open(str(path), "w", format="webm") as output:
        stream = output.add_stream("libopus", rate=RATE, layout="mono")
        for second in (0, 1, 5, 6):
            frame = av.AudioFrame.from_ndarray(tone(1, 1), format="s16", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = RATE, second * RATE, Fraction(1, RATE)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    output_path = tmp_path / "hole.pcm"
    seconds = await sandbox.decode(path, output_path, path.name)
    samples = np.frombuffer(output_path.read_bytes(), np.int16)
    assert seconds == pytest.approx(7, abs=0.1)
    assert np.abs(samples[int(2.2 * 16_000) : int(4.8 * 16_000)]).max() < 50
    assert np.abs(samples[int(5.2 * 16_000) :]).max() > 5_000


async def test_output_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "DECODE", sandbox.Limits(cpu_seconds=60, wall_seconds=60, output_bytes=100_000))
    path = write_sound(tmp_path / "long.wav", "wav", "pcm_s16le")
    with pytest.raises(LimitError):
        await sandbox.decode(path, tmp_path / "long.pcm", path.name)


async def test_a_child_that_takes_too_long_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "PROBE", sandbox.Limits(cpu_seconds=60, wall_seconds=0.005))
    path = write_sound(tmp_path / "talk.wav", "wav", "pcm_s16le")
    with pytest.raises(LimitError):
        await sandbox.probe(path, path.name)


async def test_a_full_disk_is_told_from_a_fault_of_the_engine(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "talk.wav", *FORMATS["talk.wav"])
    with pytest.raises(OSError, match=r"No space left.*talk\.wav") as caught:
        await sandbox.decode(path, Path("/dev/full"), path.name)
    assert caught.value.errno in DISK_FULL


def test_a_child_that_computes_too_long_is_told_so_before_it_is_killed() -> None:
    endless = "from s2v.runtime.media import limit; limit(1, 1 << 32, 0)\nwhile True: pass"
    ended = subprocess.run([sys.executable, "-c", endless], check=False)
    assert ended.returncode == -signal.SIGXCPU


async def test_a_cancelled_caller_leaves_no_child(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "talk.wav", "wav", "pcm_s16le")
    task = asyncio.create_task(sandbox.decode(path, tmp_path / "out.pcm", path.name))
    while not children():
        await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not children()


def children() -> list[int]:
    """Returns the media processes of this one; the servers of other tests are its children too."""
    pids = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return [int(pid) for pid in pids if "s2v.runtime.media" in Path(f"/proc/{pid}/cmdline").read_text()]


async def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "damaged.mp3", "mp3", "libmp3lame")
    data = bytearray(path.read_bytes())
    for place in range(len(data) // 4, len(data), 200):
        data[place : place + 100] = bytes(100)
    path.write_bytes(data)
    with pytest.raises(InvalidInputError) as caught:
        await sandbox.decode(path, tmp_path / "out.pcm", path.name)
    assert caught.value.reason == "DAMAGED"


async def test_an_end_that_cannot_be_decoded_is_silence(tmp_path: Path) -> None:
    """Every stage takes the sound to be as long as its packets say."""
    path = write_sound(tmp_path / "tail.m4a", *FORMATS["talk.m4a"], 30)
    data = bytearray(path.read_bytes())
    end = data.rindex(b"moov") - 4
    start = round(end * 0.955)
    data[start:end] = bytes(end - start)
    path.write_bytes(data)
    output = tmp_path / "tail.pcm"
    info = await sandbox.probe(path, path.name)
    assert await sandbox.decode(path, output, path.name) == pytest.approx(info.duration_seconds, abs=0.1)
    samples = np.frombuffer(output.read_bytes(), np.int16)
    assert np.abs(samples[28 * 16_000 : 28 * 16_000 + 1_600]).max() > 5_000
    assert not samples[29 * 16_000 :].any()


@pytest.mark.parametrize("share", [0.5, 1.0])
async def test_a_stream_without_length_that_breaks_off_before_its_end_is_refused(tmp_path: Path, share: float) -> None:
    """One whose last frame alone is cut is whole."""
    path = write_sound(tmp_path / "talk.aac", *FORMATS["talk.aac"])
    data = bytearray(path.read_bytes())
    frame = data.rindex(b"\xff\xf1", 0, round(len(data) * share))
    if share < 1:
        data[frame + 3 : frame + 6] = bytes(3)  # where its length stands
        path.write_bytes(data)
        assert await reason(path) == "DAMAGED"
    else:
        path.write_bytes(data[: frame + 3])
        assert (await sandbox.probe(path, path.name)).duration_seconds == pytest.approx(SECONDS, abs=0.1)


def test_pyav_is_not_loaded_by_the_parent() -> None:
    """The service's own process must never run FFmpeg code on what it is sent."""
    code = "import sys, s2v.runtime.sandbox; print('av' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "False"
