"""`s2v batch`: videos of all talks in a folder; the same command again goes on where it was."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from s2v.cli.job_options import read_options
from s2v.cli.options import (
    JOBS_PANEL,
    Aspect,
    AspectOption,
    BrandOption,
    BurnCaptionsOption,
    DataDirOption,
    Finish,
    FrameRate,
    FrameRateOption,
    GatewayOption,
    Height,
    HeightOption,
    HlsOption,
    LanguageOption,
    LogoOption,
    Priority,
    PriorityOption,
    ReduceNoiseOption,
    StrictOption,
    Theme,
    ThemeOption,
    VocabularyOption,
    Words,
    find_target,
)

DEFAULT_PARALLEL = 4
"""Jobs at a time: enough that no stage of one machine waits for the next talk."""


def register(app: typer.Typer) -> None:
    """Adds the command."""

    @app.command(rich_help_panel=JOBS_PANEL)
    def batch(
        folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of talks; its folders are searched, too.")],
        out: Annotated[Path, typer.Option("-o", "--out", metavar="DIR", help="Folder for the videos and their captions.")],
        *,
        priority: PriorityOption = Priority.NORMAL,
        high: Annotated[
            list[str] | None, typer.Option(metavar="PATTERN", help="Talks that come first, e.g. 'keynote*'; may be repeated.")
        ] = None,
        low: Annotated[
            list[str] | None, typer.Option(metavar="PATTERN", help="Talks that come last, e.g. 'archive/*'; may be repeated.")
        ] = None,
        parallel: Annotated[int, typer.Option(min=1, max=100, help="Jobs at a time.")] = DEFAULT_PARALLEL,
        theme: ThemeOption = Theme.DARK,
        height: HeightOption = Height.FULL_HD,
        fps: FrameRateOption = FrameRate.DEFAULT,
        aspect: AspectOption = Aspect.WIDE,
        language: LanguageOption = "",
        vocabulary: VocabularyOption = "",
        reduce_noise: ReduceNoiseOption = False,
        hls: HlsOption = False,
        burn_captions: BurnCaptionsOption = False,
        brand: BrandOption = None,
        logo: LogoOption = None,
        strict: StrictOption = False,
        as_json: Annotated[bool, typer.Option("--json", help="Print a line of JSON a talk instead of the table.")] = False,
        data_dir: DataDirOption = None,
        gateway: GatewayOption = "",
    ) -> None:
        """Make videos of all talks in a folder, and print a table of them; exit code 1 if one has failed.

        The same command again goes on where it was: what is made stays, jobs at work are taken up, what failed is tried again.
        Ctrl-C leaves the jobs at work. Uses the stack that is up; starts one, for as long as it takes, if none is.

        Example: [cyan]s2v batch talks -o videos --high 'keynote*' --low 'archive/*'[/]
        """
        from s2v.cli.batch_run import Batch, make_videos
        from s2v.cli.exits import run

        words, finish = Words(language, vocabulary, reduce_noise), Finish(hls, burn_captions, brand, logo)
        options = read_options(theme, height, fps, aspect, words, finish, strict=strict, priority=priority)
        run(
            make_videos(
                Batch(folder, out, options, tuple(high or ()), tuple(low or ()), parallel, find_target(data_dir, gateway)),
                as_json=as_json,
            )
        )
