"""The arguments and options that commands share."""

from __future__ import annotations

import enum
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from s2v.cli.connection import Target

JOBS_PANEL = "Jobs on a stack that is up"
"""Under which the help lists the commands that work on jobs."""


class Theme(enum.StrEnum):
    """Themes of the video."""

    DARK = "dark"
    LIGHT = "light"


class Height(enum.StrEnum):
    """Heights of the video, in pixels."""

    HD = "720"
    FULL_HD = "1080"
    UHD = "2160"


class FrameRate(enum.StrEnum):
    """Frames a second."""

    FILM = "24"
    DEFAULT = "30"
    SMOOTH = "60"


class Aspect(enum.StrEnum):
    """Shapes of the video, width to height."""

    WIDE = "16:9"
    TALL = "9:16"
    SQUARE = "1:1"


class Priority(enum.StrEnum):
    """How soon a job has its turn."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


class State(enum.StrEnum):
    """States of a job."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class TranscriptFormat(enum.StrEnum):
    """Forms of a transcript."""

    JSON = "json"
    VTT = "vtt"
    SRT = "srt"
    TEXT = "text"


class StoryboardFormat(enum.StrEnum):
    """Forms of a storyboard."""

    JSON = "json"
    MERMAID = "mermaid"
    MARKDOWN = "markdown"


class CompositionFormat(enum.StrEnum):
    """Forms of a composition."""

    JSON = "json"
    SVG = "svg"
    PNG = "png"
    DRAWIO = "drawio"


@dataclass(frozen=True)
class Words:
    """What a user says about the words of a talk."""

    language: str
    vocabulary: str
    """Terms with commas in between."""
    reduce_noise: bool

    @property
    def terms(self) -> list[str]:
        """The terms by themselves."""
        return [term.strip() for term in self.vocabulary.split(",") if term.strip()]


@dataclass(frozen=True)
class Finish:
    """What a video has besides, and how it is dressed."""

    hls: bool
    burn_captions: bool
    brand: Path | None
    """Colours and font in JSON."""
    logo: Path | None


Talk = Annotated[Path, typer.Argument(help="Recording of speech: WAV, MP3, MP4, OGG, FLAC …", show_default=False)]
JobId = Annotated[str, typer.Argument(metavar="JOB", help="Id of the job, as s2v submit and s2v list show it.")]
ThemeOption = Annotated[Theme, typer.Option(help="Colours of the video.")]
HeightOption = Annotated[Height, typer.Option(help="Shorter side of the video in pixels: the height at 16:9.")]
FrameRateOption = Annotated[FrameRate, typer.Option("--fps", help="Frames a second.")]
LanguageOption = Annotated[str, typer.Option(metavar="TAG", help="Language of the speech, e.g. en; without it, it is detected.")]
AspectOption = Annotated[Aspect, typer.Option(help="Shape of the video, width to height.")]
VocabularyOption = Annotated[
    str, typer.Option(metavar="A,B,…", help="Names and jargon of the talk, as they are written, with commas in between.")
]
ReduceNoiseOption = Annotated[
    bool,
    typer.Option("--reduce-noise", help="Take out steady noise first. It helps some sounds and harms others: try it."),
]
StrictOption = Annotated[bool, typer.Option("--strict", help="Fail instead of falling back to a lesser engine.")]
HlsOption = Annotated[bool, typer.Option("--hls", help="Also make the video for HTTP Live Streaming.")]
BurnCaptionsOption = Annotated[bool, typer.Option("--burn-captions", help="Draw the captions into the picture as well.")]
BrandOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Brand in JSON: colours (background, surface, text, muted, line, accents) and "
        "font (inter, ibm-plex-sans, montserrat or source-serif).",
        show_default=False,
    ),
]
LogoOption = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Logo at the lower right: PNG or SVG, at most 64 KiB.", show_default=False)
]
PriorityOption = Annotated[Priority, typer.Option(help="How soon the job has its turn.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON (the contract's protobuf JSON) instead of text.")]
OutOption = Annotated[Path, typer.Option("-o", "--out", help="File to write; - for standard output.", allow_dash=True)]
DataDirOption = Annotated[
    Path | None,
    typer.Option(envvar="S2V_HOME", help="Data folder of the stack; by default s2v in the XDG data home.", show_default=False),
]


def _unless_servers_are_named(context: typer.Context, data_dir: Path | None) -> Path | None:
    """S2V_NATS_URL goes before an S2V_HOME that is exported; the option goes before both."""
    source = context.get_parameter_source("data_dir")
    exported = source is not None and source.name == "ENVIRONMENT"
    return None if exported and "S2V_NATS_URL" in os.environ else data_dir


OperatorDirOption = Annotated[
    Path | None,
    typer.Option(
        envvar="S2V_HOME",
        callback=_unless_servers_are_named,
        help="Data folder of the stack whose NATS and S3 are meant; goes before S2V_NATS_URL, which goes before S2V_HOME.",
        show_default=False,
    ),
]
GatewayOption = Annotated[
    str,
    typer.Option(
        envvar="S2V_GATEWAY", metavar="HOST:PORT", help="Gateway to talk to instead of this machine's stack.", show_default=False
    ),
]


def find_target(data_dir: Path | None, gateway: str) -> Target:
    """Returns the gateway that the options name."""
    from s2v.cli.connection import Target
    from s2v.cli.stack import default_home

    return Target(data_dir.expanduser().absolute() if data_dir else default_home(), gateway)
