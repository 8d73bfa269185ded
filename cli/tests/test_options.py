"""Which servers an operator's command means: the option, then S2V_NATS_URL, then S2V_HOME."""

from __future__ import annotations

import asyncio

import pytest
import typer
from typer.testing import CliRunner

from s2v.cli.administration import find_settings
from s2v.cli.exits import CommandError
from s2v.cli.options import OperatorDirOption

app = typer.Typer()


@app.command()
def where(data_dir: OperatorDirOption = None) -> None:
    """Prints what is asked."""
    try:
        print(asyncio.run(find_settings(data_dir)).nats_url)
    except CommandError as error:
        print(error)


@pytest.mark.parametrize(
    ("arguments", "variables", "said"),
    [
        ([], ["S2V_NATS_URL"], "nats://named"),
        ([], ["S2V_NATS_URL", "S2V_HOME"], "nats://named"),
        (["--data-dir", "/given"], ["S2V_NATS_URL", "S2V_HOME"], "no stack is up in /given"),
        (["--data-dir", "/exported"], ["S2V_NATS_URL", "S2V_HOME"], "no stack is up in /exported"),
        ([], ["S2V_HOME"], "no stack is up in /exported"),
        ([], [], "no stack is up in /data/s2v"),
    ],
)
def test_the_option_goes_before_the_servers_and_these_before_the_folder(
    arguments: list[str], variables: list[str], said: str
) -> None:
    values = {"S2V_NATS_URL": "nats://named", "S2V_HOME": "/exported"}
    environment = {name: value if name in variables else None for name, value in values.items()}
    done = CliRunner(env={**environment, "XDG_DATA_HOME": "/data"}).invoke(app, arguments)
    assert done.exit_code == 0
    assert done.output.startswith(said)
