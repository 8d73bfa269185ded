"""The passage encoder as an ONNX graph without weights: each is an external initialiser, given when the session is made."""

from __future__ import annotations

import onnx
from onnx import TensorProto, helper

HEADS = 12
WIDTH = 768
INNER = 3072
EPSILON = 1e-5
OPSET = 17


class _Graph:
    """Nodes and initialisers in the making."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self._count = 0

    def add(self, kind: str, *inputs: str, domain: str = "", **attributes: int | float | list[int]) -> str:
        """Adds an operation with one output; returns its name."""
        self._count += 1
        name = f"{kind}{self._count}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name=name, domain=domain, **attributes))
        return name

    def constant(self, name: str, kind: int, shape: list[int], values: list[float] | list[int]) -> str:
        """Adds a small constant."""
        self.initializers.append(helper.make_tensor(name, kind, shape, values))
        return name

    def weight(self, name: str, kind: int, shape: list[int]) -> str:
        """Adds a weight whose values are given later."""
        tensor = TensorProto(name=name, data_type=kind, dims=shape, data_location=TensorProto.EXTERNAL)
        tensor.external_data.add(key="location", value="given")
        self.initializers.append(tensor)
        return name

    def quantize(self, rows: str) -> tuple[str, str]:
        """Quantises each row by its largest value; returns the uint8 rows and their scales, shape (rows, 1)."""
        largest = self.add("ReduceMax", self.add("Abs", rows), axes=[1], keepdims=1)
        scale = self.add("Mul", self.add("Max", largest, "tiny"), "per_step")
        flat = self.add("Reshape", scale, "flat")
        zero = self.add("Expand", "zero", self.add("Shape", flat))
        return self.add("QuantizeLinear", rows, flat, zero, axis=0), scale

    def multiply(self, rows: tuple[str, str], name: str, inputs: int, outputs: int) -> str:
        """Multiplies quantised rows by a weight and adds its bias; float32 of shape (rows, outputs)."""
        matrix = self.weight(f"{name}.w", TensorProto.INT8, [inputs, outputs])
        whole = self.add("Cast", self.add("MatMulInteger", rows[0], matrix, "zero"), to=TensorProto.FLOAT)
        scaled = self.add("Mul", whole, self.add("Mul", rows[1], self.weight(f"{name}.s", TensorProto.FLOAT, [outputs])))
        return self.add("Add", scaled, self.weight(f"{name}.b", TensorProto.FLOAT, [outputs]))

    def normalize(self, rows: str, name: str) -> str:
        """Normalises each row."""
        gain = self.weight(f"{name}.g", TensorProto.FLOAT, [WIDTH])
        shift = self.weight(f"{name}.b", TensorProto.FLOAT, [WIDTH])
        return self.add("LayerNormalization", rows, gain, shift, axis=-1, epsilon=EPSILON)

    def layer(self, rows: str, number: int) -> str:
        """A transformer layer on the tokens of one passage, shape (tokens, WIDTH)."""
        joined = self.multiply(self.quantize(rows), f"L{number}.qkv", WIDTH, 3 * WIDTH)
        self.nodes.append(helper.make_node("Split", [joined, "thirds"], [f"{letter}{number}" for letter in "qkv"], axis=1))
        parts = [self.add("Unsqueeze", f"{letter}{number}", "first") for letter in "qkv"]
        heads = self.add("MultiHeadAttention", *parts, "", "", "bias", domain="com.microsoft", num_heads=HEADS)
        attended = self.multiply(self.quantize(self.add("Squeeze", heads, "first")), f"L{number}.o", WIDTH, WIDTH)
        middle = self.normalize(self.add("Add", rows, attended), f"L{number}.n1")
        inner = self.add("Gelu", self.multiply(self.quantize(middle), f"L{number}.i", WIDTH, INNER), domain="com.microsoft")
        outer = self.multiply(self.quantize(inner), f"L{number}.u", INNER, WIDTH)
        return self.normalize(self.add("Add", middle, outer), f"L{number}.n2")


def make_graph(layers: range, outputs: int | None) -> bytes:
    """Returns the graph of some layers: from "tokens" (tokens, 768) and "bias" (1, 12, tokens, tokens) to "states" (tokens, 768).

    With outputs it has a head too, whose "logits" (1, outputs) come first.
    """
    graph = _Graph()
    graph.constant("tiny", TensorProto.FLOAT, [], [1e-6])
    graph.constant("per_step", TensorProto.FLOAT, [], [1 / 127])
    graph.constant("zero", TensorProto.UINT8, [], [128])
    graph.constant("flat", TensorProto.INT64, [1], [-1])
    graph.constant("first", TensorProto.INT64, [1], [0])
    graph.constant("thirds", TensorProto.INT64, [3], [WIDTH] * 3)
    rows = "tokens"
    for number in layers:
        rows = graph.layer(rows, number)
    graph.nodes.append(helper.make_node("Identity", [rows], ["states"]))
    made = [helper.make_tensor_value_info("states", TensorProto.FLOAT, ["tokens", WIDTH])]
    if outputs is not None:
        pooled = graph.add("ReduceMean", rows, axes=[0], keepdims=1)
        weight = graph.weight("head.w", TensorProto.FLOAT, [WIDTH, outputs])
        bias = graph.weight("head.b", TensorProto.FLOAT, [outputs])
        graph.nodes.append(helper.make_node("Gemm", [pooled, weight, bias], ["logits"]))
        made.insert(0, helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, outputs]))
    body = helper.make_graph(
        graph.nodes,
        "passage_encoder",
        [
            helper.make_tensor_value_info("tokens", TensorProto.FLOAT, ["tokens", WIDTH]),
            helper.make_tensor_value_info("bias", TensorProto.FLOAT, [1, HEADS, "tokens", "tokens"]),
        ],
        made,
        graph.initializers,
    )
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(body, opset_imports=opsets, ir_version=9, producer_name="s2v")
    return bytes(model.SerializeToString(deterministic=True))
