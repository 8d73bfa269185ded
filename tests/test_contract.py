"""The contract's checks are able to fail: what breaks a released client is found, and an rpc without an example is."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from docs.reference import generate
from docs.reference.contract import Message, read_contract

ROOT = Path(__file__).parent.parent
RELEASED = sorted((ROOT / "proto" / "released").glob("*.binpb"))


def breaking(contract: Path) -> subprocess.CompletedProcess[str]:
    command = [Path(sys.executable).with_name("buf"), "breaking", "--against", RELEASED[-1]]
    return subprocess.run(command, cwd=contract, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("  string upload_id = 2;\n", ""),
        ("int64 size_bytes = 2;", "int32 size_bytes = 2;"),
        ("rpc RateJob(RateJobRequest)", "rpc JudgeJob(RateJobRequest)"),
    ],
)
def test_a_change_that_breaks_clients_is_found(tmp_path: Path, before: str, after: str) -> None:
    shutil.copytree(ROOT / "proto" / "s2v", tmp_path / "proto" / "s2v")
    shutil.copy(ROOT / "buf.yaml", tmp_path)
    (tmp_path / "proto" / "src").mkdir()
    assert breaking(tmp_path).returncode == 0
    file = tmp_path / "proto" / "s2v" / "v1" / "job_service.proto"
    assert before in file.read_text()
    file.write_text(file.read_text().replace(before, after))
    assert breaking(tmp_path).returncode != 0


def test_an_rpc_without_an_example_and_an_example_the_contract_does_not_know_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(generate.CALLS, tmp_path / "calls")
    monkeypatch.setattr(generate, "CALLS", tmp_path / "calls")
    monkeypatch.setattr(sys, "argv", ["generate", str(tmp_path / "api.md")])
    call = tmp_path / "calls" / "JobService.RateJob.json"
    call.write_text(call.read_text().replace('"stars": 4', '"stars": "many"'))
    with pytest.raises(SystemExit, match="stars"):
        generate.main()
    call.unlink()
    with pytest.raises(SystemExit, match="RateJob has no example"):
        generate.main()


def test_every_rpc_and_field_that_clients_see_is_explained() -> None:
    contract = read_contract()
    assert len([rpc for service in contract.services for rpc in service.rpcs]) >= 22
    for service in contract.services:
        assert all(rpc.comment and rpc.errors for rpc in service.rpcs), service.name
    for one in contract.reachable():
        inner = [field.comment for field in one.fields] if isinstance(one, Message) else [comment for _, comment in one.values]
        assert all([one.comment, *inner]), one.name
