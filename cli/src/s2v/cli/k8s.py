"""`s2v k8s check` and `s2v k8s status`: a cluster before the installation, and a release that is there."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Kubernetes: is a cluster ready for the chart, and how does a release fare? Needs: pip install 's2v-cli\\[k8s]'",
)

ContextOption = Annotated[
    str, typer.Option(metavar="NAME", help="Context of the kubeconfig; by default its current one.", show_default=False)
]
NamespaceOption = Annotated[
    str, typer.Option("-n", "--namespace", help="Namespace; by default that of the context.", show_default=False)
]
ReleaseOption = Annotated[str, typer.Option(help="Name of the Helm release, or whatever app.kubernetes.io/instance says.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]


@app.command()
def check(
    values: Annotated[
        list[Path] | None,
        typer.Option(
            "-f", "--values", metavar="FILE", help="Values for the chart, as for helm; later ones win.", show_default=False
        ),
    ] = None,
    namespace: NamespaceOption = "",
    context: ContextOption = "",
    as_json: JsonOption = False,
) -> None:
    """Look whether a cluster has what the chart needs, before it is installed. Changes nothing.

    Looks at: version, nodes and their room, GPUs or device classes, storage classes, metrics-server, KEDA, Gateway API, the
    Prometheus operator, Ingress, priority and runtime classes, Secrets and ConfigMaps that the values name, Pod Security of the
    namespace, whether network policies are enforced, and, by a dry run, whether admission takes a pod like the chart's.

    With -f only what these values ask for must be there. What your account may not see is marked ? and fails nothing.

    Exit code 0: nothing is missing; 1: something is; 3: a file of values cannot be read; 5: the cluster does
    not answer; 6: there is no cluster, or it refuses you.

    Example: [cyan]s2v k8s check -n s2v -f production.yaml[/]
    """
    from s2v.cli.exits import run_now

    run_now(lambda: _check(values or [], namespace, context, as_json=as_json))


@app.command()
def status(
    release: ReleaseOption = "s2v", namespace: NamespaceOption = "", context: ContextOption = "", as_json: JsonOption = False
) -> None:
    """Show rollouts and why they stand still, autoscalers, what waits in the queue of each stage, and GPUs.

    Queues are read from NATS's monitoring endpoint, and GPU memory from the pods' metrics, both through the Kubernetes API: where
    a network policy keeps that out, the table says so.

    Exit code 0: all pods are up to date and ready; 1: something is not; 4: no such release; 5 and 6 as for check.

    Example: [cyan]s2v k8s status -n s2v --json | jq '.queues'[/]
    """
    from s2v.cli.exits import run_now

    run_now(lambda: _status(release, namespace, context, as_json=as_json))


def _check(values: list[Path], namespace: str, context: str, *, as_json: bool) -> None:
    from s2v.cli.cluster import connect

    cluster = connect(context, namespace)  # first: what follows imports Kubernetes's client, which it misses in better words
    from s2v.cli.chart_values import read_needs
    from s2v.cli.preflight import examine, report

    report(examine(cluster, read_needs(values)), as_json=as_json)


def _status(release: str, namespace: str, context: str, *, as_json: bool) -> None:
    from s2v.cli.cluster import connect

    cluster = connect(context, namespace)
    from s2v.cli.release import look
    from s2v.cli.release_report import report

    report(look(cluster, release), as_json=as_json)
