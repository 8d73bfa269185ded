"""Layout options by their ELK names. A type checker finds a misspelt one, which ELK itself would pass over in silence.

Numbers and truth values are strings, as in ELK JSON. These are the options that matter most for the layered algorithm; any other
goes through with a cast. The reference: https://eclipse.dev/elk/reference/options.html
"""

from __future__ import annotations

from typing import Literal, TypedDict

Truth = Literal["true", "false"]

Algorithm = Literal[
    "layered",
    "stress",
    "mrtree",
    "radial",
    "force",
    "disco",
    "sporeOverlap",
    "sporeCompaction",
    "rectpacking",
    "box",
    "fixed",
    "random",
]
"""Algorithms that the bundled worker knows, without their prefix "org.eclipse.elk."."""

LayoutOptions = TypedDict(
    "LayoutOptions",
    {
        "elk.algorithm": Algorithm,
        "elk.alignment": Literal["AUTOMATIC", "LEFT", "RIGHT", "TOP", "BOTTOM", "CENTER"],
        "elk.aspectRatio": str,
        "elk.direction": Literal["UNDEFINED", "RIGHT", "LEFT", "DOWN", "UP"],
        "elk.edgeLabels.inline": Truth,
        "elk.edgeLabels.placement": Literal["CENTER", "HEAD", "TAIL"],
        "elk.edgeRouting": Literal["UNDEFINED", "POLYLINE", "ORTHOGONAL", "SPLINES"],
        "elk.hierarchyHandling": Literal["INHERIT", "INCLUDE_CHILDREN", "SEPARATE_CHILDREN"],
        "elk.json.edgeCoords": Literal["INHERIT", "CONTAINER", "PARENT", "ROOT"],
        "elk.json.shapeCoords": Literal["INHERIT", "PARENT", "ROOT"],
        "elk.layered.considerModelOrder.strategy": Literal["NONE", "NODES_AND_EDGES", "PREFER_EDGES", "PREFER_NODES"],
        "elk.layered.crossingMinimization.forceNodeModelOrder": Truth,
        "elk.layered.cycleBreaking.strategy": Literal[
            "GREEDY",
            "DEPTH_FIRST",
            "INTERACTIVE",
            "MODEL_ORDER",
            "GREEDY_MODEL_ORDER",
            "SCC_CONNECTIVITY",
            "SCC_NODE_TYPE",
        ],
        "elk.layered.edgeLabels.centerLabelPlacementStrategy": Literal[
            "MEDIAN_LAYER",
            "TAIL_LAYER",
            "HEAD_LAYER",
            "SPACE_EFFICIENT_LAYER",
            "WIDEST_LAYER",
            "CENTER_LAYER",
        ],
        "elk.layered.edgeLabels.sideSelection": Literal[
            "ALWAYS_UP",
            "ALWAYS_DOWN",
            "DIRECTION_UP",
            "DIRECTION_DOWN",
            "SMART_UP",
            "SMART_DOWN",
        ],
        "elk.layered.layering.coffmanGraham.layerBound": str,
        "elk.layered.layering.strategy": Literal[
            "NETWORK_SIMPLEX",
            "LONGEST_PATH",
            "LONGEST_PATH_SOURCE",
            "COFFMAN_GRAHAM",
            "INTERACTIVE",
            "STRETCH_WIDTH",
            "MIN_WIDTH",
            "BF_MODEL_ORDER",
            "DF_MODEL_ORDER",
        ],
        "elk.layered.nodePlacement.bk.fixedAlignment": Literal["NONE", "LEFTUP", "RIGHTUP", "LEFTDOWN", "RIGHTDOWN", "BALANCED"],
        "elk.layered.nodePlacement.favorStraightEdges": Truth,
        "elk.layered.nodePlacement.networkSimplex.nodeFlexibility.default": Literal[
            "NONE",
            "PORT_POSITION",
            "NODE_SIZE_WHERE_SPACE_PERMITS",
            "NODE_SIZE",
        ],
        "elk.layered.nodePlacement.strategy": Literal[
            "SIMPLE",
            "INTERACTIVE",
            "LINEAR_SEGMENTS",
            "BRANDES_KOEPF",
            "NETWORK_SIMPLEX",
        ],
        "elk.layered.spacing.edgeEdgeBetweenLayers": str,
        "elk.layered.spacing.edgeNodeBetweenLayers": str,
        "elk.layered.spacing.nodeNodeBetweenLayers": str,
        "elk.layered.thoroughness": str,
        "elk.layered.wrapping.additionalEdgeSpacing": str,
        "elk.layered.wrapping.correctionFactor": str,
        "elk.layered.wrapping.cutting.strategy": Literal["ARD", "MSD", "MANUAL"],
        "elk.layered.wrapping.cutting.cuts": str,
        "elk.layered.wrapping.multiEdge.improveCuts": Truth,
        "elk.layered.wrapping.multiEdge.improveWrappedEdges": Truth,
        "elk.layered.wrapping.strategy": Literal["OFF", "SINGLE_EDGE", "MULTI_EDGE"],
        "elk.layered.wrapping.validify.strategy": Literal["NO", "GREEDY", "LOOK_BACK"],
        "elk.margins": str,
        "elk.nodeLabels.placement": str,
        "elk.nodeSize.constraints": str,
        "elk.nodeSize.minimum": str,
        "elk.padding": str,
        "elk.port.side": Literal["UNDEFINED", "NORTH", "EAST", "SOUTH", "WEST"],
        "elk.portConstraints": Literal["UNDEFINED", "FREE", "FIXED_SIDE", "FIXED_ORDER", "FIXED_RATIO", "FIXED_POS"],
        "elk.randomSeed": str,
        "elk.separateConnectedComponents": Truth,
        "elk.spacing.componentComponent": str,
        "elk.spacing.edgeEdge": str,
        "elk.spacing.edgeLabel": str,
        "elk.spacing.edgeNode": str,
        "elk.spacing.individual": str,
        "elk.spacing.labelLabel": str,
        "elk.spacing.labelNode": str,
        "elk.spacing.nodeNode": str,
        "elk.spacing.nodeSelfLoop": str,
    },
    total=False,
)
"""Options of a graph, node, port, edge or label; defaults of the whole graph when given to `Elk.layout`."""
