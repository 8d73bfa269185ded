"""The single-stage commands: one stage in this process, without a queue. Each reads and writes files or the standard streams.

Standard input is read before `run` handles signals: those of asyncio do not interrupt a thread that waits for input.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from google.protobuf.json_format import MessageToJson, Parse, ParseError
from google.protobuf.message import Message

from s2v.cli.brand import read_brand
from s2v.cli.exits import CommandError, ExitCode, errors, run
from s2v.cli.make import check_folder, check_output, check_talk
from s2v.cli.options import Finish, Words
from s2v.cli.progress import JobProgress
from s2v.v1.composition_pb2 import Composition
from s2v.v1.event_pb2 import JobEvent, PartFinished, StageFinished, StageStarted
from s2v.v1.job_pb2 import Brand
from s2v.v1.report_pb2 import Stage, StageReport
from s2v.v1.storyboard_pb2 import Storyboard
from s2v.v1.transcript_pb2 import Transcript
from s2v.v1.transcription_service_pb2 import TranscribeOptions

M = TypeVar("M", bound=Message)

STANDARD = Path("-")
"""Standard input or output."""


def transcribe(audio: Path, out: Path, *, form: str, words: Words, strict: bool) -> None:
    """Writes the transcript of a recording, and exits if that fails."""
    check_folder(out.parent)
    options = TranscribeOptions(language=words.language, vocabulary=words.terms, reduce_noise=words.reduce_noise, strict=strict)
    with _as_file(audio) as path:
        run(_transcribe(path, out, form, options))


async def _transcribe(path: Path, out: Path, form: str, options: TranscribeOptions) -> None:
    from s2v.runtime.captions import to_srt, to_text, to_vtt
    from s2v.transcription.direct import transcribe_file

    transcript, report = await transcribe_file(path, options)
    exports: dict[str, Callable[[Transcript], str]] = {"json": MessageToJson, "vtt": to_vtt, "srt": to_srt, "text": to_text}
    _write_text(out, exports[form](transcript))
    _tell(report)


def analyze(transcript: Path, out: Path, *, form: str, strict: bool) -> None:
    """Writes the storyboard of a transcript, or of a plain text with word times of an even pace."""
    words = _read_words(transcript)  # before the engine is imported: faults of the input are told at once
    from s2v.analysis.analysis import analyze as make_storyboard
    from s2v.analysis.markdown import write_outline
    from s2v.analysis.mermaid import write_mermaid

    storyboard, report = make_storyboard(words, strict)
    exports: dict[str, Callable[[Storyboard], str]] = {
        "json": MessageToJson,
        "mermaid": write_mermaid,
        "markdown": write_outline,
    }
    _write_text(out, exports[form](storyboard))
    _tell(report)


def layout(storyboard: Path, out: Path, *, form: str, height: int, aspect: str, theme: str, finish: Finish, strict: bool) -> None:
    """Writes the composition of a storyboard; as SVG or PNG a file a scene, named by its id, into the folder `out`."""
    pictures = form in ("svg", "png")
    if pictures and out == STANDARD:
        raise CommandError(f"there is a {form.upper()} for each scene; name a folder for them with -o DIR", ExitCode.USAGE)
    scenes = _read(storyboard, Storyboard)
    from s2v.layout import drawio, png, svg
    from s2v.layout.composition import compose

    brand = read_brand(finish, theme) or Brand()
    composition, report = compose(scenes, height, theme, strict, aspect, font=brand.font)
    if pictures:
        out.mkdir(parents=True, exist_ok=True)
        draw = png.draw if form == "png" else svg.draw
        for scene in composition.scenes:
            (out / f"{scene.scene_id}.{form}").write_bytes(draw(composition, scene, brand))
    elif form == "drawio":
        _write_text(out, drawio.draw(composition, brand).decode())
    else:
        _write_text(out, MessageToJson(composition))
    _tell(report)


def render(composition: Path, out: Path, *, audio: Path, transcript: Path | None, fps: int, finish: Finish, strict: bool) -> None:
    """Writes the video of a composition and its sound; captions, poster and stream beside it. Exits if that fails."""
    check_talk(audio)
    check_output(out, audio, composition)
    pictures = _read(composition, Composition)
    words = _read(transcript, Transcript) if transcript else None
    run(_render(pictures, words, out, audio, fps, finish, strict=strict))


async def _render(  # noqa: PLR0917 - a video and all it is made of
    pictures: Composition, words: Transcript | None, out: Path, audio: Path, fps: int, finish: Finish, *, strict: bool
) -> None:
    from s2v.rendering.direct import Extras, render_file

    extras = Extras(read_brand(finish, pictures.theme), finish.burn_captions, finish.hls)
    with JobProgress(errors, ["rendering"]) as progress:

        async def tell(done: int, total: int) -> None:
            tell_event(JobEvent(part_finished=PartFinished(stage=Stage.STAGE_RENDERING, parts_done=done, parts_total=total)))

        def tell_event(event: JobEvent) -> None:
            event.time.GetCurrentTime()
            progress.happened(event)

        tell_event(JobEvent(stage_started=StageStarted(stage=Stage.STAGE_RENDERING, parts_total=len(pictures.scenes))))
        _, report = await render_file(pictures, audio, words, out, frame_rate=fps, strict=strict, progress=tell, extras=extras)
        tell_event(JobEvent(stage_finished=StageFinished(report=report)))
    _tell(report)


def _read(path: Path, kind: type[M]) -> M:
    """Reads a message in protobuf JSON.

    Errors: CommandError that says where the JSON is not what it should be; OSError.
    """
    return _parse(_read_bytes(path), path, kind)


def _read_words(path: Path) -> Transcript:
    """Reads a transcript in protobuf JSON, or a plain text.

    Errors: CommandError, InvalidInputError when there are no words; OSError.
    """
    data = _read_bytes(path)
    if data.lstrip().startswith(b"{"):
        return _parse(data, path, Transcript)
    from s2v.analysis.text import make_transcript

    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise CommandError(
            f"{_name(path)} is neither a Transcript in JSON nor a text in UTF-8: {error}", ExitCode.INPUT
        ) from error
    errors.print("Plain text: the times of its words are an even pace, not those of a voice.")
    return make_transcript(text)


def _read_bytes(path: Path) -> bytes:
    return sys.stdin.buffer.read() if path == STANDARD else path.read_bytes()


def _name(path: Path) -> str:
    return "standard input" if path == STANDARD else str(path)


def _parse(data: bytes, path: Path, kind: type[M]) -> M:
    try:
        return Parse(data, kind())
    except (ParseError, UnicodeDecodeError) as error:
        raise CommandError(f"{_name(path)} is not a {kind.DESCRIPTOR.name} in JSON: {error}", ExitCode.INPUT) from error


def _write_text(path: Path, text: str) -> None:
    text = text if text.endswith("\n") else text + "\n"
    if path == STANDARD:
        sys.stdout.write(text)
        sys.stdout.flush()
    else:
        path.write_text(text, encoding="utf-8")


@contextmanager
def _as_file(path: Path) -> Iterator[Path]:
    """Gives the path of a recording; standard input is kept in a temporary file, as media must be read back and forth."""
    if path != STANDARD:
        check_talk(path)
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="s2v-") as folder:
        copy = Path(folder) / "stdin"
        with copy.open("wb") as file:
            while data := sys.stdin.buffer.read(1 << 20):
                file.write(data)
        if not copy.stat().st_size:
            raise CommandError("standard input is empty; send a recording of speech to it", ExitCode.INPUT)
        yield copy


def _tell(report: StageReport) -> None:
    """Says on standard error what a user must know: fallbacks and notes."""
    for degradation in report.degradations:
        errors.print(f"Degraded: {degradation.reason} ({degradation.code})", markup=False, soft_wrap=True)
    for note in report.notes:
        errors.print(note, markup=False, soft_wrap=True)
