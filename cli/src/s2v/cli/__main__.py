"""The `s2v` command: what there is, and with which options. What a command does is in its own module, imported when it runs."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path
from typing import Annotated

import typer

from s2v.cli import administration, backup, batch, dead, delete, edit, k8s, keys, observation, rate, storage, usage, webhooks
from s2v.cli.job_options import read_options
from s2v.cli.options import (
    JOBS_PANEL,
    Aspect,
    AspectOption,
    BrandOption,
    BurnCaptionsOption,
    CompositionFormat,
    DataDirOption,
    Finish,
    FrameRate,
    FrameRateOption,
    GatewayOption,
    Height,
    HeightOption,
    HlsOption,
    JobId,
    JsonOption,
    LanguageOption,
    LogoOption,
    OutOption,
    Priority,
    PriorityOption,
    ReduceNoiseOption,
    State,
    StoryboardFormat,
    StrictOption,
    Talk,
    Theme,
    ThemeOption,
    TranscriptFormat,
    VocabularyOption,
    Words,
    find_target,
)

EPILOG = """[bold]Examples[/]

[cyan]s2v make talk.wav -o talk.mp4[/]  makes the video; starts what it needs, and stops it again

[cyan]s2v up[/]  runs the stack until Ctrl-C; then, in another terminal:

[cyan]job=$(s2v submit talk.wav); s2v watch $job; s2v get $job -o out[/]

[cyan]s2v transcribe talk.wav | s2v analyze - | s2v layout - --format svg -o pictures[/]  single stages, without a stack

[cyan]s2v models fetch small[/]  a larger model; [cyan]S2V_WHISPER_MODEL=small[/] uses it

[bold]Exit codes[/]

0 done; 1 failed; 2 wrong usage; 3 the input cannot be used; 4 no such job or artifact; 5 a server does not answer or has no room
now, or none is up; 6 something is not set up (see s2v doctor) or not in the state that this needs (a job at work, nothing to do,
a stack that is up already, a full disk), or a strict job would have needed a fallback; 7 the job was cancelled; 128 + N ended by
signal N (130: Ctrl-C)
"""

app = typer.Typer(
    help="Makes explainer videos of recorded talks: the speaker's own voice, and diagrams that appear at their words.",
    epilog=EPILOG,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


STAGE = "Single stages, in this process, without a stack"


@app.callback(invoke_without_command=True)
def entry(version: Annotated[bool, typer.Option("--version", help="Print the version.", is_eager=True)] = False) -> None:
    """Prints the version if asked to."""
    if version:
        typer.echo(f"s2v {importlib.metadata.version('s2v-cli')}")
        raise typer.Exit


@app.command()
def make(
    talk: Talk,
    out: Annotated[Path, typer.Option("-o", "--out", help="The video to write, e.g. talk.mp4; captions go beside it.")],
    *,
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
    priority: PriorityOption = Priority.NORMAL,
    keep: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder for all that is made on the way: transcript, storyboard, clips …")
    ] = None,
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
    gateway: GatewayOption = "",
) -> None:
    """Make a video of a talk, and print what was made, by which engine, and how long it took.

    Uses the stack that is up; starts one, and stops it afterwards, if none is. Ctrl-C cancels the job.

    Example: [cyan]s2v make talk.wav -o talk.mp4 --theme light[/]
    """
    from s2v.cli.exits import run
    from s2v.cli.make import Order, make_video

    words = Words(language, vocabulary, reduce_noise)
    finish = Finish(hls, burn_captions, brand, logo)
    options = read_options(theme, height, fps, aspect, words, finish, strict=strict, priority=priority)
    run(make_video(Order(talk, out, options, keep, as_json, find_target(data_dir, gateway))))


@app.command()
def up(data_dir: DataDirOption = None) -> None:
    """Run the stack (NATS, S3, the four services and the gateway) until Ctrl-C.

    All it keeps is in the data folder. Jobs that were cut off go on when it is up again.
    """
    from s2v.cli.exits import run
    from s2v.cli.up import run_stack

    run(run_stack(find_target(data_dir, "").home))


@app.command(rich_help_panel=JOBS_PANEL)
def submit(
    talk: Talk,
    *,
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
    priority: PriorityOption = Priority.NORMAL,
    data_dir: DataDirOption = None,
    gateway: GatewayOption = "",
) -> None:
    """Upload a talk, and print the id of its job."""
    from s2v.cli import jobs
    from s2v.cli.exits import run

    words = Words(language, vocabulary, reduce_noise)
    finish = Finish(hls, burn_captions, brand, logo)
    options = read_options(theme, height, fps, aspect, words, finish, strict=strict, priority=priority)
    run(jobs.submit(talk, options, find_target(data_dir, gateway)))


@app.command(rich_help_panel=JOBS_PANEL)
def watch(job: JobId, as_json: JsonOption = False, data_dir: DataDirOption = None, gateway: GatewayOption = "") -> None:
    """Show a job's progress until it ends, then its report. With --json an event a line. Ctrl-C leaves the job at work."""
    from s2v.cli import jobs
    from s2v.cli.exits import run

    run(jobs.watch(job, find_target(data_dir, gateway), as_json=as_json))


@app.command(rich_help_panel=JOBS_PANEL)
def get(
    job: JobId,
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Artifacts; all of them by default.")] = None,
    *,
    out: Annotated[Path | None, typer.Option("-o", "--out", metavar="DIR", help="Folder to download to.")] = None,
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
    gateway: GatewayOption = "",
) -> None:
    """Show a job and what it has made; with -o download it.

    Example: [cyan]s2v get 01J… -o out video.mp4 captions.vtt[/]
    """
    from s2v.cli import jobs
    from s2v.cli.exits import run

    target = find_target(data_dir, gateway)
    if out is None and names:
        raise typer.BadParameter("name the folder to download to", param_hint="-o")
    if out is not None and as_json:
        raise typer.BadParameter("--json shows the job; it does not go with -o", param_hint="--json")
    run(jobs.show(job, target, as_json=as_json) if out is None else jobs.get(job, out, names or [], target))


@app.command("list", rich_help_panel=JOBS_PANEL)
def list_jobs(
    state: Annotated[State | None, typer.Option(help="Only jobs in this state.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most, newest first.")] = 50,
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
    gateway: GatewayOption = "",
) -> None:
    """List jobs, newest first. With --json a job a line."""
    from s2v.cli import jobs
    from s2v.cli.exits import run
    from s2v.v1.job_pb2 import JobState

    wanted = JobState.Value(f"JOB_STATE_{state.name}") if state else JobState.JOB_STATE_UNSPECIFIED
    run(jobs.list_jobs(wanted, limit, find_target(data_dir, gateway), as_json=as_json))


@app.command(rich_help_panel=JOBS_PANEL)
def cancel(job: JobId, as_json: JsonOption = False, data_dir: DataDirOption = None, gateway: GatewayOption = "") -> None:
    """Cancel a job, and say how it is then; one that has ended stays as it is."""
    from s2v.cli import jobs
    from s2v.cli.exits import run

    run(jobs.cancel(job, find_target(data_dir, gateway), as_json=as_json))


edit.register(app)
rate.register(app)
delete.register(app)
observation.register(app)


app.add_typer(webhooks.app, name="webhooks", rich_help_panel=JOBS_PANEL)


@app.command()
def doctor(as_json: JsonOption = False, data_dir: DataDirOption = None) -> None:
    """Check packages, models, fonts, programs, disk, memory and the running stack; exit code 1 if something is wrong."""
    from s2v.cli.doctor import examine
    from s2v.cli.exits import run

    run(examine(find_target(data_dir, "").home, as_json=as_json))


@app.command(rich_help_panel=STAGE)
def transcribe(
    audio: Annotated[Path, typer.Argument(help="Recording of speech; - for standard input.", allow_dash=True)],
    out: OutOption = Path("-"),
    *,
    form: Annotated[TranscriptFormat, typer.Option("--format", help="What to write.")] = TranscriptFormat.JSON,
    language: LanguageOption = "",
    vocabulary: VocabularyOption = "",
    reduce_noise: ReduceNoiseOption = False,
    strict: StrictOption = False,
) -> None:
    """Sound to transcript.

    Example: [cyan]s2v transcribe talk.wav --format vtt -o talk.vtt[/]
    """
    from s2v.cli import stages
    from s2v.cli.exits import run_now

    words = Words(language, vocabulary, reduce_noise)
    run_now(lambda: stages.transcribe(audio, out, form=form, words=words, strict=strict))


@app.command(rich_help_panel=STAGE)
def analyze(
    transcript: Annotated[
        Path, typer.Argument(help="Transcript in JSON, or a plain text; - for standard input.", allow_dash=True)
    ],
    out: OutOption = Path("-"),
    *,
    form: Annotated[StoryboardFormat, typer.Option("--format", help="What to write.")] = StoryboardFormat.JSON,
    strict: StrictOption = False,
) -> None:
    """Transcript to storyboard. The words of a plain text get times of an even pace.

    Example: [cyan]s2v transcribe talk.wav | s2v analyze - --format mermaid[/]
    """
    from s2v.cli import stages
    from s2v.cli.exits import run_now

    run_now(lambda: stages.analyze(transcript, out, form=form, strict=strict))


@app.command(rich_help_panel=STAGE)
def layout(
    storyboard: Annotated[Path, typer.Argument(help="Storyboard in JSON; - for standard input.", allow_dash=True)],
    out: Annotated[
        Path, typer.Option("-o", "--out", help="File to write, - for standard output; for svg and png a folder.")
    ] = Path("-"),
    *,
    form: Annotated[CompositionFormat, typer.Option("--format", help="What to write.")] = CompositionFormat.JSON,
    height: HeightOption = Height.FULL_HD,
    aspect: AspectOption = Aspect.WIDE,
    theme: ThemeOption = Theme.DARK,
    brand: BrandOption = None,
    strict: StrictOption = False,
) -> None:
    """Storyboard to composition. A brand's font is measured; its colours are those of the pictures.

    Example: [cyan]s2v layout storyboard.json --format svg -o pictures[/]
    """
    from s2v.cli import stages
    from s2v.cli.exits import run_now

    finish = Finish(hls=False, burn_captions=False, brand=brand, logo=None)
    run_now(
        lambda: stages.layout(
            storyboard, out, form=form, height=int(height), aspect=aspect, theme=theme, finish=finish, strict=strict
        )
    )


@app.command(rich_help_panel=STAGE)
def render(
    composition: Annotated[Path, typer.Argument(help="Composition in JSON; - for standard input.", allow_dash=True)],
    out: Annotated[Path, typer.Option("-o", "--out", help="The video to write; captions and poster go beside it.")],
    *,
    audio: Annotated[Path, typer.Option(help="Recording that becomes the sound.")],
    transcript: Annotated[Path | None, typer.Option(help="Transcript in JSON, for captions.")] = None,
    fps: FrameRateOption = FrameRate.DEFAULT,
    hls: HlsOption = False,
    burn_captions: BurnCaptionsOption = False,
    brand: BrandOption = None,
    logo: LogoOption = None,
    strict: StrictOption = False,
) -> None:
    """Composition and sound to video.

    Example: [cyan]s2v render composition.json --audio talk.wav --transcript transcript.json -o talk.mp4[/]
    """
    from s2v.cli import stages
    from s2v.cli.exits import run_now

    finish = Finish(hls, burn_captions, brand, logo)
    run_now(
        lambda: stages.render(composition, out, audio=audio, transcript=transcript, fps=int(fps), finish=finish, strict=strict)
    )


models_app = typer.Typer(no_args_is_help=True, help="Whisper models on this machine.")
app.add_typer(models_app, name="models", rich_help_panel=STAGE)


@models_app.command("fetch")
def fetch_model(
    name: Annotated[str, typer.Argument(help="Name at the Hugging Face hub: small, large-v3, … or OWNER/NAME.")],
    sha256: Annotated[str, typer.Option(metavar="HEX", help="Digest that its model.bin must have.")] = "",
) -> None:
    """Fetch a model in CTranslate2's format, once, and print its digest. Nothing else ever asks a hub.

    Example: [cyan]s2v models fetch small && S2V_WHISPER_MODEL=small s2v transcribe talk.wav[/]
    """
    from s2v.cli import models
    from s2v.cli.exits import run_now

    run_now(lambda: models.fetch(name, sha256))


@models_app.command("list")
def list_models(as_json: JsonOption = False) -> None:
    """List the models that are here, with their digests, and name the one in use."""
    from s2v.cli import models
    from s2v.cli.exits import run_now

    run_now(lambda: models.show(as_json=as_json))


OPERATOR = "For operators: NATS and S3 behind the gateway"
app.add_typer(dead.app, name="dead", rich_help_panel=OPERATOR)
app.add_typer(administration.maintenance_app, name="maintenance", rich_help_panel=OPERATOR)
app.add_typer(storage.app, name="storage", rich_help_panel=OPERATOR)
app.add_typer(backup.app, name="backup", rich_help_panel=OPERATOR)
app.command(rich_help_panel=OPERATOR)(backup.restore)
app.command(rich_help_panel=OPERATOR)(administration.migrate)
app.command(rich_help_panel=OPERATOR)(administration.reconcile)
app.add_typer(keys.app, name="keys", rich_help_panel=OPERATOR)
app.add_typer(k8s.app, name="k8s", rich_help_panel="For operators: Kubernetes")
usage.register(app, OPERATOR)
batch.register(app)


def main() -> None:
    """Runs the command."""
    app(prog_name="s2v")


if __name__ == "__main__":
    main()
