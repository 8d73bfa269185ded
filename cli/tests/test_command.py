"""The command teaches itself, starts quickly, and ends each error with one clear line and its own exit code."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from typer.testing import CliRunner

from s2v.cli.__main__ import app
from s2v.cli.exits import ExitCode

COMMANDS = ("make", "up", "submit", "watch", "get", "list", "cancel", "doctor", "transcribe", "analyze", "layout", "render")


def s2v(*arguments: str, home: Path, stdin: bytes = b"") -> subprocess.CompletedProcess[str]:
    """Runs the command as a user does, with a data folder of its own."""
    environment = {**os.environ, "S2V_HOME": str(home), "COLUMNS": "130", "NO_COLOR": "1"}
    command = [sys.executable, "-m", "s2v.cli", *arguments]
    done = subprocess.run(command, input=stdin, capture_output=True, env=environment, timeout=120, check=False)
    return subprocess.CompletedProcess(command, done.returncode, done.stdout.decode(), done.stderr.decode())


def assert_one_line_error(done: subprocess.CompletedProcess[str], code: ExitCode, *words: str) -> None:
    assert done.returncode == code
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("Error: ")
    for word in words:
        assert word in done.stderr


def test_help_names_all_commands_examples_and_exit_codes(tmp_path: Path) -> None:
    done = s2v("--help", home=tmp_path)
    assert done.returncode == 0
    for name in COMMANDS:
        assert f"│ {name} " in done.stdout
    assert "s2v make talk.wav -o talk.mp4" in done.stdout
    assert "0 done; 1 failed; 2 wrong usage" in done.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_explains_itself(name: str) -> None:
    done = CliRunner(env={"COLUMNS": "130", "NO_COLOR": "1"}).invoke(app, [name, "--help"], prog_name="s2v")
    assert done.exit_code == 0
    assert f"Usage: s2v {name}" in done.output


def test_help_imports_nothing_that_takes_long() -> None:
    """What prints help at once imports no engine, no gRPC and no settings: those take seconds."""
    program = (
        "import sys\n"
        "from s2v.cli.__main__ import main\n"
        "sys.argv = ['s2v', '--help']\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "slow = {'grpc', 'nats', 'numpy', 'pydantic', 'spacy', 'onnxruntime', 'av', 'manim', 'faster_whisper', 'torch'}\n"
        "print(slow & set(sys.modules), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "Usage" in done.stdout
    assert done.stderr.strip() == "set()"


@pytest.mark.parametrize(
    "arguments", [["make"], ["make", "x.wav"], ["make", "x.wav", "-o", "y.mp4", "--theme", "pink"], ["nonsense"]]
)
def test_wrong_usage_is_told(arguments: list[str], tmp_path: Path) -> None:
    assert s2v(*arguments, home=tmp_path).returncode == ExitCode.USAGE


def test_a_logo_that_cannot_be_used_is_named_before_anything_starts(tmp_path: Path, examples: Path) -> None:
    (tmp_path / "logo.gif").write_bytes(b"GIF89a")
    talk = str(next(examples.glob("01-*.opus")))
    done = s2v("make", talk, "-o", str(tmp_path / "x.mp4"), "--logo", str(tmp_path / "logo.gif"), home=tmp_path / "home")
    assert_one_line_error(done, ExitCode.INPUT, "logo.gif is not a logo that can be used")
    assert not (tmp_path / "home").exists()


def test_a_missing_talk_is_named_before_anything_starts(tmp_path: Path) -> None:
    done = s2v("make", "talks/none.wav", "-o", str(tmp_path / "x.mp4"), home=tmp_path / "home")
    assert_one_line_error(done, ExitCode.INPUT, "talks/none.wav")
    assert not (tmp_path / "home").exists()


def test_an_empty_talk_and_a_folder_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.wav").touch()
    done = s2v("make", str(tmp_path / "empty.wav"), "-o", str(tmp_path / "x.mp4"), home=tmp_path / "home")
    assert_one_line_error(done, ExitCode.INPUT, "empty.wav", "is empty")
    done = s2v("make", str(tmp_path), "-o", str(tmp_path / "x.mp4"), home=tmp_path / "home")
    assert_one_line_error(done, ExitCode.INPUT, "is a folder")


def test_a_missing_folder_for_the_result_is_named_before_anything_starts(tmp_path: Path) -> None:
    talk = tmp_path / "talk.wav"
    talk.write_bytes(b"RIFF")
    done = s2v("make", str(talk), "-o", str(tmp_path / "none" / "x.mp4"), home=tmp_path / "home")
    assert_one_line_error(done, ExitCode.INPUT, "no folder", "mkdir -p")


@pytest.mark.parametrize(
    ("out", "told"), [("talk.mp4", "is the recording itself"), (".", "is no file"), ("x.vtt", "where the captions go")]
)
def test_a_result_that_cannot_be_written_or_would_take_another_s_place_is_refused(out: str, told: str, tmp_path: Path) -> None:
    talk = tmp_path / "talk.mp4"
    talk.write_bytes(b"....ftyp")
    done = s2v("make", str(talk), "-o", str(tmp_path / out), home=tmp_path / "home")
    assert_one_line_error(done, ExitCode.INPUT, told)
    assert talk.read_bytes() == b"....ftyp"
    assert not (tmp_path / "home").exists()


def test_a_missing_folder_for_a_transcript_is_named_before_the_talk_is_heard(tmp_path: Path) -> None:
    (tmp_path / "talk.wav").write_bytes(b"RIFF")
    done = s2v("transcribe", str(tmp_path / "talk.wav"), "-o", str(tmp_path / "none" / "t.json"), home=tmp_path)
    assert_one_line_error(done, ExitCode.INPUT, "no folder", "mkdir -p")


@pytest.mark.parametrize("arguments", [["watch", "01J"], ["get", "01J"], ["list"], ["cancel", "01J"]])
def test_without_a_stack_the_way_to_start_one_is_told(arguments: list[str], tmp_path: Path) -> None:
    assert_one_line_error(s2v(*arguments, home=tmp_path), ExitCode.UNAVAILABLE, str(tmp_path), "s2v up")


def test_a_stage_says_what_is_wrong_with_its_input(tmp_path: Path) -> None:
    done = s2v("analyze", "-", home=tmp_path, stdin=b'{"language": 5')
    assert_one_line_error(done, ExitCode.INPUT, "standard input is not a Transcript")
    (tmp_path / "noise.json").write_bytes(b"\xff\xfe\x00")
    done = s2v("layout", str(tmp_path / "noise.json"), home=tmp_path)
    assert_one_line_error(done, ExitCode.INPUT, "noise.json is not a Storyboard")
    done = s2v("analyze", str(tmp_path / "none.json"), home=tmp_path)
    assert_one_line_error(done, ExitCode.INPUT, "none.json: No such file or directory")


@pytest.mark.integration
def test_a_stage_reads_and_writes_the_standard_streams(examples: Path, tmp_path: Path) -> None:
    talk = next(examples.glob("01-*.opus"))
    done = s2v("transcribe", "-", home=tmp_path, stdin=talk.read_bytes())
    assert done.returncode == 0, done.stderr
    transcript = json.loads(done.stdout)
    assert transcript["language"] == "en"
    done = s2v("analyze", "-", home=tmp_path, stdin=done.stdout.encode())
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["durationSeconds"] == pytest.approx(transcript["durationSeconds"])


@pytest.mark.integration
def test_text_named_wav_is_refused_by_the_engine(tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("This is not a sound. " * 100)
    done = s2v("transcribe", str(tmp_path / "text.wav"), home=tmp_path)
    assert_one_line_error(done, ExitCode.INPUT, "text.wav")


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_a_stage_that_waits_for_standard_input_can_be_interrupted(end: signal.Signals, tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-m", "s2v.cli", "transcribe", "-"]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True
    )
    try:
        deadline = time.monotonic() + 60
        while not list(tmp_path.glob("s2v-*/stdin")):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        time.sleep(0.1)
        os.killpg(process.pid, end)
        assert process.wait(10) in (128 + end, -end)
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()
    finally:
        process.kill()
        process.wait()


@pytest.mark.integration
def test_an_interrupted_stage_ends_at_once_without_a_trace(examples: Path, tmp_path: Path) -> None:
    talk = next(examples.glob("01-*.opus"))
    command = [sys.executable, "-m", "s2v.cli", "transcribe", str(talk), "-o", str(tmp_path / "t.json")]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    deadline = time.monotonic() + 60
    while not any(child.children() for child in psutil.Process(process.pid).children()):
        # Until a worker has been forked; it is loading or transcribing then, and must end in order.
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    _, told = process.communicate(timeout=30)
    assert process.returncode == 128 + signal.SIGINT
    assert "Traceback" not in told
    assert not (tmp_path / "t.json").exists()


@pytest.mark.integration
def test_the_doctor_finds_this_machine_well_and_says_so_in_json(tmp_path: Path) -> None:
    done = s2v("doctor", "--json", home=tmp_path)
    findings = {finding["name"]: finding for finding in json.loads(done.stdout)}
    assert {"packages", "nats-server", "weed", "Whisper weights", "fonts", "disk", "memory"} <= set(findings)
    assert all(findings[name]["state"] == "ok" for name in ("packages", "nats-server", "weed", "fonts"))
    assert all(finding["remedy"] for finding in findings.values() if finding["state"] == "fault")
    assert done.returncode == (0 if all(finding["state"] != "fault" for finding in findings.values()) else 1)
