"""What a job made, read from a folder of its files or fetched from the stack that is up."""

import asyncio
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from google.protobuf import json_format
from google.protobuf.message import DecodeError, Message

from s2v.cli.stack import default_home, find_stack
from s2v.client import Client, JobServiceError
from s2v.v1.composition_pb2 import Composition
from s2v.v1.storyboard_pb2 import Storyboard
from s2v.v1.transcript_pb2 import Transcript

M = TypeVar("M", bound=Message)


@dataclass(frozen=True)
class JobArtifacts:
    """The three artifacts that a film is checked against."""

    transcript: Transcript
    storyboard: Storyboard
    composition: Composition


NAMES = ("transcript.pb", "storyboard.pb", "composition.pb")


def load_artifacts(job: str) -> JobArtifacts:
    """Reads a job's artifacts from a folder of that name, else fetches those of the job of that id. Errors: SystemExit."""
    if Path(job).is_dir():
        return read_artifacts(Path(job))
    home = Path(os.environ.get("S2V_HOME") or default_home())
    stack = find_stack(home)
    if stack is None:
        raise SystemExit(f"{job}: is no folder, and no stack is up in {home} that could know it as a job")
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(fetch_artifacts(stack.gateway, job, Path(folder)))
        return read_artifacts(Path(folder))


async def fetch_artifacts(gateway: str, job_id: str, folder: Path) -> None:
    """Downloads a job's artifacts from a gateway (host:port) into a folder. Errors: SystemExit."""
    try:
        async with Client(gateway) as client:
            for name in NAMES:
                await client.download(job_id, name, folder / name)
    except JobServiceError as error:
        raise SystemExit(f"job {job_id}: {error}") from error


def read_artifacts(folder: Path) -> JobArtifacts:
    """Reads transcript, storyboard and composition, each as NAME.pb or NAME.json, from a folder. Errors: SystemExit."""
    return JobArtifacts(
        transcript=read_message(folder, "transcript", Transcript()),
        storyboard=read_message(folder, "storyboard", Storyboard()),
        composition=read_message(folder, "composition", Composition()),
    )


def read_message(folder: Path, name: str, message: M) -> M:
    """Fills the message from NAME.pb or NAME.json in the folder. Errors: SystemExit, naming the file."""
    binary, text = folder / f"{name}.pb", folder / f"{name}.json"
    try:
        if binary.exists():
            message.ParseFromString(binary.read_bytes())
        elif text.exists():
            json_format.Parse(text.read_text(encoding="utf-8"), message)
        else:
            raise SystemExit(f"{folder}: holds neither {binary.name} nor {text.name}; fill it with `s2v get JOB -o {folder}`")
    except (DecodeError, json_format.ParseError) as error:
        raise SystemExit(f"{folder}/{name}: is not a serialised {type(message).__name__}: {error}") from error
    return message
