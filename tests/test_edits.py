"""Edit and re-run, whole and real: a user's correction is in all that is made, and only what depends on it is made again."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

import pytest

from s2v.v1.composition_pb2 import Composition
from s2v.v1.storyboard_pb2 import Storyboard
from s2v.v1.transcript_pb2 import Transcript

from .conftest import Stack, cut

pytestmark = pytest.mark.integration

SECONDS = 62.0
NEAR_PIXELS = 60.0
"""A node that stays may make room for a longer label beside it, no more."""


@dataclass(frozen=True)
class Talk:
    """A job of the first minute of an example, and what it had made before any edit."""

    job_id: str
    before: Path
    job: dict[str, object]


@pytest.fixture(scope="module")
def talk(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Talk:
    folder = tmp_path_factory.mktemp("edits")
    clip = cut("01-how-a-web-page-reaches-you.opus", folder / "clip.opus", 0, SECONDS)
    job_id = stack.run("submit", clip, "--height", "720", "--fps", "24").stdout.strip()
    return Talk(job_id, folder / "before", run_to_the_end(stack, job_id, folder / "before"))


def run_to_the_end(stack: Stack, job_id: str, folder: Path) -> dict[str, object]:
    stack.run("watch", job_id)
    stack.run("get", job_id, "-o", folder)
    job: dict[str, object] = json.loads(stack.run("get", job_id, "--json").stdout)
    assert job["state"] == "JOB_STATE_SUCCEEDED"
    return job


def board_of(folder: Path) -> Storyboard:
    return Storyboard.FromString((folder / "storyboard.pb").read_bytes())


def centres_of(folder: Path) -> dict[tuple[str, str], tuple[float, float]]:
    """Returns where the middle of each node is, by scene and node, in pixels."""
    composition = Composition.FromString((folder / "composition.pb").read_bytes())
    return {
        (scene.scene_id, shape.node_id): (shape.rect.x + shape.rect.width / 2, shape.rect.y + shape.rect.height / 2)
        for scene in composition.scenes
        for shape in scene.shapes
    }


def report_of(job: dict[str, object], stage: str) -> dict[str, object]:
    report: dict[str, object] = next(one for one in job["report"]["stages"] if one["stage"] == f"STAGE_{stage}")  # type: ignore[index]
    return report


def test_an_edited_label_is_in_all_that_is_made_and_only_its_scenes_are_drawn_again(
    stack: Stack, talk: Talk, tmp_path: Path
) -> None:
    board = board_of(talk.before)
    scene = [scene for scene in board.scenes if len(scene.diagram.nodes) > 1][-1]
    node = scene.diagram.nodes[-1]
    stack.run("edit", talk.job_id, "--label", f"{node.id}=Big box", "--user", "ann")
    stack.run("rerun", talk.job_id)
    job = run_to_the_end(stack, talk.job_id, tmp_path)

    after = board_of(tmp_path)
    shown = [one for each in after.scenes for one in each.diagram.nodes if one.id == node.id]
    assert {one.label for one in shown} == {"Big box"}
    assert {(one.evidence.edited.user, one.evidence.edited.revision) for one in shown} == {("ann", 1)}
    assert "Big box" in (tmp_path / "outline.md").read_text()
    assert "Big box" in (tmp_path / "diagrams.md").read_text()
    assert "Big box" in (tmp_path / "storyboard.json").read_text()

    places, moved = centres_of(talk.before), centres_of(tmp_path)
    kept = [name for name in places if name in moved and name[1] != node.id]
    assert max(math.dist(places[name], moved[name]) for name in kept) < NEAR_PIXELS, "what was not edited keeps its place"

    assert report_of(job, "TRANSCRIPTION") == report_of(talk.job, "TRANSCRIPTION"), "it does not depend on the edit"
    analysis = report_of(job, "ANALYSIS")
    assert analysis["cachedParts"] == analysis["parts"]
    # A scene owns the transition into it, so the one after a changed scene is drawn again too.
    ids = [each.id for each in board.scenes]
    with_node = {each.id for each in board.scenes if any(one.id == node.id for one in each.diagram.nodes)}
    following = {ids[ids.index(each) + 1] for each in with_node if ids.index(each) + 1 < len(ids)}
    rendering = report_of(job, "RENDERING")
    drawn = int(rendering["parts"]) - int(rendering.get("cachedParts", 0))  # type: ignore[call-overload]
    assert drawn <= len(with_node | following) < len(ids)
    changed = {name.stem for name in talk.before.glob("clip-*.mp4") if name.read_bytes() != (tmp_path / name.name).read_bytes()}
    assert f"clip-{scene.id}" in changed
    assert changed <= {f"clip-{each}" for each in with_node | following}


def test_a_corrected_word_is_in_the_transcript_and_what_no_longer_matches_is_said(
    stack: Stack, talk: Talk, tmp_path: Path
) -> None:
    transcript = Transcript.FromString((talk.before / "transcript.pb").read_bytes())
    word = transcript.segments[0].words[2]
    stack.run("edit", talk.job_id, "--word", "2=zebra crossing")
    stack.run("rerun", talk.job_id)
    job = run_to_the_end(stack, talk.job_id, tmp_path)
    after = Transcript.FromString((tmp_path / "transcript.pb").read_bytes())
    words = after.segments[0].words
    assert [one.text for one in words[2:4]] == ["zebra", "crossing"]
    assert words[2].start_seconds == word.start_seconds
    assert words[3].end_seconds == pytest.approx(word.end_seconds)
    assert "zebra crossing" in (tmp_path / "transcript.txt").read_text()
    assert "zebra" in (tmp_path / "captions.vtt").read_text()
    # The label of the first edit is applied to what analysis finds now, or said not to match.
    labels = {one.label for scene in board_of(tmp_path).scenes for one in scene.diagram.nodes}
    unmatched = [one for one in job.get("unmatchedPatches", ()) if one["revision"] == 1]  # type: ignore[attr-defined, index]
    assert ("Big box" in labels) != bool(unmatched)
    history = stack.run("edit", talk.job_id, "--history").stdout
    assert "'zebra crossing'" in history
    assert "Big box" in history


def test_a_patch_that_matches_nothing_is_refused_and_nothing_is_kept(stack: Stack, talk: Talk) -> None:
    before = json.loads(stack.run("get", talk.job_id, "--json").stdout).get("edits")
    done = stack.run("edit", talk.job_id, "--label", "s99n99=Nothing", code=3)
    assert "no node" in done.stderr
    assert json.loads(stack.run("get", talk.job_id, "--json").stdout).get("edits") == before


def test_operators_make_keys_and_see_what_is_used(stack: Stack, talk: Talk) -> None:
    secret = stack.run("keys", "create", "acme", "Ann's laptop", "--days", "90").stdout.strip()
    listed = json.loads(stack.run("keys", "list", "acme", "--json").stdout)
    assert secret.startswith(f"s2v_{listed['id']}_")
    assert "sha256" not in listed
    stack.run("keys", "revoke", listed["id"])
    assert "revoked" in stack.run("keys", "list").stdout
    used = [json.loads(line) for line in stack.run("usage", "default", "--json").stdout.splitlines()]
    assert sum(month["jobs"] for month in used) >= 1
    assert sum(month["reruns"] for month in used) >= 2
    assert used[0]["kept_bytes"] > 0
    refused = stack.run("webhooks", "add", "https://127.0.0.1/", code=3)
    assert "not a public address" in refused.stderr
    assert stack.run("webhooks", "list").stdout == ""


def test_a_rated_job_is_deleted_with_all_that_was_kept_of_it(stack: Stack, talk: Talk) -> None:
    stack.run("rate", talk.job_id, "4", "good pictures", "--user", "ann")
    rating = json.loads(stack.run("get", talk.job_id, "--json").stdout)["rating"]
    assert (rating["stars"], rating["remark"], rating["user"]) == (4, "good pictures", "ann")
    stack.run("delete", talk.job_id)
    stack.run("get", talk.job_id, code=4)
