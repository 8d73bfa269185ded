"""`s2v edit` and `s2v rerun`: corrections of a job, and another run that applies them."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from s2v.cli.options import JOBS_PANEL, DataDirOption, GatewayOption, JobId, JsonOption, find_target

if TYPE_CHECKING:
    from s2v.cli.connection import Target
    from s2v.client import Client
    from s2v.v1.edit_pb2 import Patch
    from s2v.v1.job_pb2 import Job
    from s2v.v1.report_pb2 import Stage


class FromStage(enum.StrEnum):
    """Where another run starts."""

    TRANSCRIPTION = "transcription"
    ANALYSIS = "analysis"
    LAYOUT = "layout"
    RENDERING = "rendering"


class Type(enum.StrEnum):
    """Types of diagrams."""

    FLOWCHART = "flowchart"
    HIERARCHY = "hierarchy"
    TIMELINE = "timeline"
    CYCLE = "cycle"
    MINDMAP = "mindmap"
    COMPARISON = "comparison"
    NETWORK = "network"
    CAUSE_EFFECT = "cause-effect"
    NONE = "none"


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command(rich_help_panel=JOBS_PANEL)(edit)
    app.command(rich_help_panel=JOBS_PANEL)(rerun)


def edit(
    job: JobId,
    *,
    word: Annotated[list[str] | None, typer.Option(metavar="N=TEXT", help="What was said at word N; empty: nothing.")] = None,
    label: Annotated[list[str] | None, typer.Option(metavar="NODE=TEXT", help="What a node is called.")] = None,
    kind: Annotated[list[str] | None, typer.Option("--type", metavar="SCENE=TYPE", help="Which picture a scene is.")] = None,
    split: Annotated[list[str] | None, typer.Option(metavar="SCENE@SECONDS", help="Cut a scene in two.")] = None,
    merge: Annotated[list[str] | None, typer.Option(metavar="SCENE", help="Join a scene with the next one.")] = None,
    user: Annotated[str, typer.Option(help="Who edits.")] = "",
    history: Annotated[bool, typer.Option("--history", help="Show the edits that were made.")] = False,
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
    gateway: GatewayOption = "",
) -> None:
    """Correct an ended job: words, labels, types and cuts. Without an option, show what there is to correct, with its ids.

    Example: [cyan]s2v edit $job --label s02n03="DNS server" --type s04=cycle && s2v rerun $job && s2v watch $job[/]
    """
    from s2v.cli.exits import run

    patches = [
        *(_word(given) for given in word or ()),
        *(_label(given) for given in label or ()),
        *(_type(given) for given in kind or ()),
        *(_split(given) for given in split or ()),
        *(_merge(given) for given in merge or ()),
    ]
    target = find_target(data_dir, gateway)
    if history and patches:
        raise typer.BadParameter("it goes with no other option", param_hint="--history")
    if patches:
        run(_edit(job, patches, user, target, as_json=as_json))
    else:
        run(_show_history(job, target, as_json=as_json) if history else _show(job, target))


def rerun(
    job: JobId,
    *,
    from_stage: Annotated[
        FromStage | None,
        typer.Option(
            "--from", help="First stage to do again; without it what the edits need and what the last run has not made."
        ),
    ] = None,
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
    gateway: GatewayOption = "",
) -> None:
    """Make an ended job again with its edits, or go on with one that failed or was cancelled; what is as it was stays.

    s2v watch shows how it goes.
    """
    from s2v.cli.exits import run
    from s2v.v1.report_pb2 import Stage

    stage = Stage.Value(f"STAGE_{from_stage.name}") if from_stage else Stage.STAGE_UNSPECIFIED
    run(_rerun(job, stage, find_target(data_dir, gateway), as_json=as_json))


async def _edit(job_id: str, patches: Sequence[Patch], user: str, target: Target, *, as_json: bool) -> None:
    from s2v.cli.connection import connected

    async with connected(target) as client:
        before = await client.get_job(job_id)
        job = await client.edit(job_id, patches, len(before.edits), user)
    if as_json:
        _print_json(job)
    else:
        waiting = len(job.edits) - job.applied_edits
        print(f"edit {job.edits[-1].revision} is kept; {waiting} not yet applied: s2v rerun {job_id}")


async def _rerun(job_id: str, stage: Stage.ValueType, target: Target, *, as_json: bool) -> None:
    from s2v.cli.connection import connected
    from s2v.v1.job_pb2 import StageState
    from s2v.v1.report_pb2 import Stage

    async with connected(target) as client:
        job = await client.rerun(job_id, stage)
    if as_json:
        _print_json(job)
        return
    again = [Stage.Name(one.stage)[6:].lower() for one in job.stages if one.state != StageState.STAGE_STATE_SUCCEEDED]
    print(f"{job_id} goes on with {', '.join(again)}")


async def _show_history(job_id: str, target: Target, *, as_json: bool) -> None:
    from google.protobuf.json_format import MessageToJson

    from s2v.cli.connection import connected

    async with connected(target) as client:
        job = await client.get_job(job_id)
    unmatched = {(one.revision, one.patch): one.reason for one in job.unmatched_patches}
    for one in job.edits:
        if as_json:
            print(MessageToJson(one, indent=None))
            continue
        state = "applied" if one.revision <= job.applied_edits else "waits for s2v rerun"
        print(f"edit {one.revision}  {one.edited_at.ToJsonString()}  {one.user or 'somebody'}  {state}")
        for number, patch in enumerate(one.patches):
            reason = unmatched.get((one.revision, number))
            print(f"  {describe(patch)}" + (f"  had no effect: {reason}" if reason else ""))


async def _show(job_id: str, target: Target) -> None:
    from s2v.cli.connection import connected
    from s2v.v1.diagram_pb2 import DiagramType
    from s2v.v1.storyboard_pb2 import Storyboard
    from s2v.v1.transcript_pb2 import Transcript

    async with connected(target) as client:
        job = await client.get_job(job_id)
        transcript = Transcript.FromString(await _fetch(client, job, "transcript.pb"))
        board = Storyboard.FromString(await _fetch(client, job, "storyboard.pb"))
    words = [word.text for segment in transcript.segments for word in segment.words]
    for scene in board.scenes:
        kind = DiagramType.Name(scene.diagram.type).removeprefix("DIAGRAM_TYPE_").lower().replace("_", "-")
        print(f"{scene.id}  {scene.start_seconds:.2f}–{scene.end_seconds:.2f} s  {kind}  {scene.title}")
        for node in scene.diagram.nodes:
            print(f"    {node.id}  {node.label}")
        spoken = range(scene.words.begin, min(scene.words.end, len(words)))
        print("    " + " ".join(f"{number}:{words[number]}" for number in spoken))


async def _fetch(client: Client, job: Job, name: str) -> bytes:
    import tempfile

    with tempfile.TemporaryDirectory(prefix="s2v-edit-") as folder:
        path = Path(folder) / "artifact"
        await client.download(job.id, name, path)
        return path.read_bytes()


def describe(patch: Patch) -> str:
    """Says what a patch changes."""
    change = patch.WhichOneof("change")
    if change == "word":
        return f"word {patch.word.word} at {patch.word.start_seconds:.2f} s: {patch.word.was!r} → {patch.word.text!r}"
    if change == "label":
        return f"label of {patch.label.node_id}: {patch.label.was!r} → {patch.label.label!r}"
    if change == "type":
        from s2v.v1.diagram_pb2 import DiagramType

        names = [DiagramType.Name(kind)[13:].lower().replace("_", "-") for kind in (patch.type.was, patch.type.type)]
        return f"type of {patch.type.scene_id}: {names[0]} → {names[1]}"
    if change == "split":
        return f"{patch.split.scene_id} is cut at {patch.split.at_seconds:.2f} s"
    return f"{patch.merge.scene_id} and {patch.merge.next_scene_id} are one"


def _word(given: str) -> Patch:
    from s2v.v1.edit_pb2 import Patch, WordPatch

    number, text = _pair(given, "=", "--word")
    if not number.isdecimal():
        raise typer.BadParameter(f"{number!r} is no number of a word", param_hint="--word")
    return Patch(word=WordPatch(word=int(number), text=text))


def _label(given: str) -> Patch:
    from s2v.v1.edit_pb2 import LabelPatch, Patch

    node, text = _pair(given, "=", "--label")
    return Patch(label=LabelPatch(node_id=node, label=text))


def _type(given: str) -> Patch:
    from s2v.v1.diagram_pb2 import DiagramType
    from s2v.v1.edit_pb2 import Patch, TypePatch

    scene, name = _pair(given, "=", "--type")
    if name not in list(Type):
        raise typer.BadParameter(f"{name!r} is none of {', '.join(Type)}", param_hint="--type")
    return Patch(type=TypePatch(scene_id=scene, type=DiagramType.Value(f"DIAGRAM_TYPE_{Type(name).name}")))


def _split(given: str) -> Patch:
    from s2v.v1.edit_pb2 import Patch, SceneSplit

    scene, seconds = _pair(given, "@", "--split")
    try:
        return Patch(split=SceneSplit(scene_id=scene, at_seconds=float(seconds)))
    except ValueError as error:
        raise typer.BadParameter(f"{seconds!r} is no time in seconds", param_hint="--split") from error


def _merge(given: str) -> Patch:
    from s2v.v1.edit_pb2 import Patch, SceneMerge

    return Patch(merge=SceneMerge(scene_id=given))


def _pair(given: str, mark: str, option: str) -> tuple[str, str]:
    left, found, right = given.partition(mark)
    if not found or not left:
        raise typer.BadParameter(f"{given!r} has no {mark!r}", param_hint=option)
    return left.strip(), right.strip()


def _print_json(job: Job) -> None:
    from google.protobuf.json_format import MessageToJson

    print(MessageToJson(job))
