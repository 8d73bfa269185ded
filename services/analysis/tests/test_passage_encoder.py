"""Protects the encoder's arithmetic: a runtime that fuses the quantised operations wrongly still gives logits, but other ones."""

import math
from threading import Event, Timer, current_thread, main_thread

import numpy as np
import pytest
from numpy.typing import NDArray
from tokenizers import Tokenizer

from s2v.analysis.base_weights import LAYERS, read_lower
from s2v.analysis.passage_encoder import LEARNED, PassageEncoder, PassageReading, relative_buckets
from s2v.analysis.settings import AnalysisSettings

HEADS, WIDTH = 12, 64
TEXT = (
    "The web server sends each request to the load balancer, which talks to three application servers. "
    "Because the summer was so dry, the river fell to its lowest level in fifty years."
)

Rows = NDArray[np.float32]


class Reference:
    """The same weights in plain float arithmetic. Source: Vaswani et al. 2017, with MPNet's relative positions."""

    def __init__(self) -> None:
        arrays, vocabulary = read_lower(AnalysisSettings().model_cache.expanduser())
        with np.load(LEARNED) as learned:
            self.arrays = {**arrays, **{name: learned[name] for name in learned.files}}
        self.tokenizer = Tokenizer.from_file(str(vocabulary))
        self.tokenizer.no_padding()

    def encode(self, text: str) -> Rows:
        ids = np.asarray(self.tokenizer.encode(text).ids)
        rows = self.arrays["word"][ids].astype(np.float32) + self.arrays["position"][2 : 2 + len(ids)]
        rows = self.normalize(rows, "embedding")
        bias = self.arrays["relative"][relative_buckets(len(ids))].transpose(2, 0, 1)
        for number in range(LAYERS):
            name = f"L{number}"
            query, key, value = (
                part.reshape(len(ids), HEADS, WIDTH).transpose(1, 0, 2)
                for part in np.split(self.multiply(rows, f"{name}.qkv"), 3, axis=1)
            )
            weights = np.exp(query @ key.transpose(0, 2, 1) / math.sqrt(WIDTH) + bias)
            attended = (weights / weights.sum(axis=-1, keepdims=True)) @ value
            joined = attended.transpose(1, 0, 2).reshape(len(ids), HEADS * WIDTH)
            middle = self.normalize(rows + self.multiply(joined, f"{name}.o"), f"{name}.n1")
            inner = self.multiply(middle, f"{name}.i")
            inner *= 0.5 * (1 + np.vectorize(math.erf)(inner / math.sqrt(2)))
            rows = self.normalize(middle + self.multiply(inner, f"{name}.u"), f"{name}.n2")
        return rows.mean(axis=0) @ self.arrays["head.w"] + self.arrays["head.b"]

    def multiply(self, rows: Rows, name: str) -> Rows:
        return rows @ (self.arrays[f"{name}.w"] * self.arrays[f"{name}.s"]) + self.arrays[f"{name}.b"]

    def normalize(self, rows: Rows, name: str) -> Rows:
        centred = rows - rows.mean(axis=1, keepdims=True)
        scale = np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-5)
        return centred / scale * self.arrays[f"{name}.g"] + self.arrays[f"{name}.b"]


@pytest.fixture(scope="module")
def encoder() -> PassageEncoder:
    return PassageEncoder(AnalysisSettings().model_cache.expanduser())


@pytest.mark.integration
def test_int8_says_what_float_says(encoder: PassageEncoder) -> None:
    exact = Reference().encode(TEXT)
    quantised = encoder.encode(TEXT).logits
    off = np.abs(exact - quantised)
    assert off.mean() < 0.1, "int8 costs hundredths; one scale for all rows costs tenths and more"
    assert off.max() < 0.25, "one logit in nine may be off by more"
    assert exact.argmax() == quantised.argmax()


@pytest.mark.integration
def test_a_text_that_comes_again_is_read_once(encoder: PassageEncoder, monkeypatch: pytest.MonkeyPatch) -> None:
    first, other = encoder.encode(TEXT), encoder.encode(TEXT + " So it goes.")
    session = encoder._session
    monkeypatch.setattr(encoder, "_session", None)
    assert encoder.encode(TEXT) is first, "known by its digest"
    assert encoder.encode(TEXT + " So it goes.") is other
    assert not np.array_equal(first.logits, other.logits)
    monkeypatch.setattr("s2v.analysis.passage_encoder.KEPT_READINGS", 2)
    monkeypatch.setattr(encoder, "_session", session)
    encoder.encode("A third text.")
    encoder.encode("A fourth text.")
    again = encoder.encode(TEXT)
    assert again is not first, "the oldest are let go"
    assert np.array_equal(again.logits, first.logits)
    assert np.array_equal(again.states, first.states)
    assert again.states.shape == (len(again.offsets), 768)


@pytest.mark.integration
def test_what_is_read_ahead_is_not_read_again(encoder: PassageEncoder, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = encoder.encode(TEXT + " Read by itself.")
    encoder._readings.clear()
    with encoder.reading_ahead([TEXT + " Read by itself."]):
        (coming,) = encoder._ahead.values()
        coming.result(60)
        monkeypatch.setattr(encoder, "_run", None)
        assert np.array_equal(encoder.encode(TEXT + " Read by itself.").logits, alone.logits)


@pytest.mark.integration
def test_nobody_waits_for_what_is_not_begun(encoder: PassageEncoder, monkeypatch: pytest.MonkeyPatch) -> None:
    run, begun, may_end = encoder._run, Event(), Event()
    read: list[tuple[str, bool]] = []

    def slow(text: str) -> PassageReading:
        read.append((text, current_thread() is main_thread()))
        if text == "First.":
            begun.set()
            assert may_end.wait(60)
        return run(text)

    monkeypatch.setattr(encoder, "_run", slow)
    with encoder.reading_ahead(["First.", "Second.", "Third.", "Third."]):
        assert begun.wait(60)
        encoder.encode("Second.")
        assert read == [("First.", False), ("Second.", True)], "by the caller, while the thread is still at the first"
        Timer(0.2, may_end.set).start()
        encoder.encode("First.")
    assert [text for text, _ in read].count("First.") == 1
    assert [text for text, _ in read].count("Third.") <= 1, "what nobody asked for is given up at the end"
    assert encoder._ahead == {}
