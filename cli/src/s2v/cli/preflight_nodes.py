"""Nodes: whether pods of the chart fit on them, and which have GPUs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from kubernetes import client
from kubernetes.utils.quantity import parse_quantity

from s2v.cli.chart_values import Needs
from s2v.cli.cluster import Cluster, present
from s2v.cli.findings import Finding, State
from s2v.cli.report import format_size

ARCHITECTURE = "amd64"
"""The only one that the images are built for."""


def look(cluster: Cluster, needs: Needs) -> Iterator[Finding]:
    """Says how many nodes there are, whether the pods fit on them, and which GPUs they have."""
    nodes: Sequence[client.V1Node] = cluster.ask(client.CoreV1Api(cluster.api).list_node).items
    yield from _room(nodes, needs)
    yield from _cards(nodes, needs)


def _room(nodes: Sequence[client.V1Node], needs: Needs) -> Iterator[Finding]:
    """Says whether each component's pod fits on a node that is empty."""
    usable = [node for node in nodes if is_usable(node)]
    cores = sum((allocatable(node, "cpu") for node in usable), Decimal(0))
    memory = sum((allocatable(node, "memory") for node in usable), Decimal(0))
    detail = f"{len(usable)} of {len(nodes)} ready on linux/{ARCHITECTURE}: {cores:.0f} cores, {format_size(int(memory))}"
    if not usable:
        yield Finding("nodes", State.FAULT, detail, "add nodes; the images are built for linux/amd64")
        return
    yield Finding("nodes", State.OK, detail)
    for component, (cpu, size) in needs.requests.items():
        if not any(allocatable(node, "cpu") >= cpu and allocatable(node, "memory") >= size for node in usable):
            asked = f"a pod of {component} asks for {cpu} cores and {format_size(int(size))}: no node has as much"
            yield Finding(
                "nodes", State.FAULT, asked, f"add larger nodes, or lower {component}.resources and {component}.workers"
            )


def _cards(nodes: Sequence[client.V1Node], needs: Needs) -> Iterator[Finding]:
    offered: dict[str, tuple[int, int]] = {}
    for node in filter(is_usable, nodes):
        for name, quantity in (present(node.status).allocatable or {}).items():
            if is_gpu(name) and int(parse_quantity(quantity)):
                count, on = offered.get(name, (0, 0))
                offered[name] = (count + int(parse_quantity(quantity)), on + 1)
    detail = ", ".join(f"{count} {name} on {on} nodes" for name, (count, on) in sorted(offered.items())) or "none"
    if not needs.gpu_resource:
        yield Finding("GPUs", State.NOTE, detail)
    elif offered.get(needs.gpu_resource, (0, 0))[0] >= needs.gpu_count:
        yield Finding("GPUs", State.OK, detail)
    else:
        remedy = "install the GPU operator or device plugin, or name what there is in transcription.gpu.resourceName"
        yield Finding("GPUs", State.FAULT, f"no {needs.gpu_resource}; there is {detail}", remedy)


def is_gpu(resource: str) -> bool:
    """Says whether a resource of a node is a GPU or a part of one."""
    vendor, _, name = resource.partition("/")
    return vendor in {"nvidia.com", "amd.com", "gpu.intel.com"} and name.startswith(("gpu", "mig-", "i915", "xe"))


def is_usable(node: client.V1Node) -> bool:
    """Says whether a node is ready, takes pods, and runs what the images are built for."""
    ready = any(one.type == "Ready" and one.status == "True" for one in present(node.status).conditions or [])
    info = present(node.status).node_info
    fits = info is not None and (info.operating_system, info.architecture) == ("linux", ARCHITECTURE)
    return ready and fits and not (node.spec is not None and node.spec.unschedulable)


def allocatable(node: client.V1Node, resource: str) -> Decimal:
    """Returns what a node can give to pods: cores, or bytes."""
    return Decimal(parse_quantity((present(node.status).allocatable or {}).get(resource, "0")))
