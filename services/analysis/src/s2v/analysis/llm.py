"""An optional language model that reads scenes: any server with OpenAI's `/v1/chat/completions`. Off unless its address is set.

It answers for a scene what the extractors and the classifier would: the type of diagram, and its content. The server gets the
words of one scene and returns a form; nothing it says is followed, fetched or run, and what the words do not bear out is dropped.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Annotated

import httpx
from pydantic import BaseModel, Field, SecretStr, ValidationError
from spacy.tokens import Span

from s2v.analysis.answer import MAX_WORDS, Answer, revision, write_request
from s2v.analysis.content import Content
from s2v.analysis.language import Talk
from s2v.analysis.reading import Reading, read_answer
from s2v.analysis.settings import AnalysisSettings
from s2v.runtime.errors import (
    DegradedError,
    EngineError,
    EngineTimeoutError,
    InvalidInputError,
    S2VError,
    SetupError,
    UnavailableError,
)
from s2v.v1.report_pb2 import Degradation, StageReport

CODE = "ANALYSIS_LLM"
MAX_ANSWER_BYTES = 256 * 1024
MAX_ANSWER_TOKENS = 2000
"""Tokens that the model may write; a full answer takes about 900."""
MAX_FAILURES = 3
"""Scenes of a talk that may fail before the model is asked no more."""
TALK_SECONDS = 120.0
"""Time that the model may take for a talk, in seconds; the rest of the scenes is read by the rules."""


class _Message(BaseModel):
    content: str


class _Choice(BaseModel):
    message: _Message


class _Completion(BaseModel):
    """What the server answers. Source: OpenAI API reference, "The chat completion object"."""

    choices: Annotated[list[_Choice], Field(min_length=1)]


class LanguageModel:
    """A model behind a server."""

    @classmethod
    def from_settings(cls, settings: AnalysisSettings) -> LanguageModel:
        """Returns the model that the settings name."""
        return cls(settings.llm_url, settings.llm_model, settings.llm_key, settings.llm_seconds)

    def __init__(self, url: str, model: str, key: SecretStr, seconds: float) -> None:
        """`url` is the server's address without path; `seconds` is the time in which it must answer for a scene.

        Errors: SetupError when no model is named.
        """
        if not model:
            raise SetupError("S2V_LLM_URL is set, but S2V_LLM_MODEL is not: name the model, or unset the address")
        self._url = url.rstrip("/") + "/v1/chat/completions"
        self.url = str(httpx.URL(self._url).copy_with(userinfo=b""))
        """The address as it may be told: without name and password."""
        self.name = f"{model} at {httpx.URL(url).copy_with(userinfo=b'')!s}, questions {revision()}"
        self.model = model
        self._key = key
        self._seconds = seconds

    def read(self, talk: Talk, sentences: Sequence[Span]) -> Reading:
        """Returns type and content of a scene.

        Errors: UnavailableError when the server does not answer or is busy; EngineTimeoutError when it takes too long;
        EngineError when it refuses or its answer is no form; InvalidInputError when the scene has too many words.
        """
        begin, end = talk.words(sentences[0])[0], talk.words(sentences[-1])[1]
        if end - begin > MAX_WORDS:
            raise InvalidInputError(f"a scene has {end - begin} words; a language model gets at most {MAX_WORDS}")
        answer = self._ask(write_request(self.model, talk.speech.texts[begin:end], MAX_ANSWER_TOKENS))
        try:
            completion = _Completion.model_validate_json(answer)
            form = Answer.model_validate_json(completion.choices[0].message.content)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise EngineError(
                f"the language model at {self.url} gave no diagram: {where} {first['msg']}".replace("  ", " ")
            ) from None
        return read_answer(talk, sentences, form)

    def _ask(self, body: bytes) -> bytes:
        # No compression: a small answer could hide a large one. No redirects: the words go to one server only.
        headers = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
        if key := self._key.get_secret_value():
            headers["Authorization"] = f"Bearer {key}"
        end = time.monotonic() + self._seconds
        answer = bytearray()
        try:
            with httpx.stream("POST", self._url, content=body, headers=headers, timeout=self._seconds) as response:
                if response.status_code in (408, 429) or response.status_code >= 500:
                    raise UnavailableError(f"the language model at {self.url} is not ready: HTTP {response.status_code}")
                if response.status_code != 200:
                    raise EngineError(f"the language model at {self.url} refused the scene: HTTP {response.status_code}")
                for piece in response.iter_raw():
                    answer += piece
                    if len(answer) > MAX_ANSWER_BYTES:
                        raise EngineError(f"the language model at {self.url} answered more than {MAX_ANSWER_BYTES} bytes")
                    if time.monotonic() > end:
                        raise EngineTimeoutError(f"the language model at {self.url} took longer than {self._seconds:g} s")
        except httpx.TimeoutException as error:
            raise EngineTimeoutError(f"the language model at {self.url} took longer than {self._seconds:g} s") from error
        except httpx.HTTPError as error:
            raise UnavailableError(
                f"the language model at {self.url} does not answer: {error or type(error).__name__}"
            ) from error
        return bytes(answer)


class Readings:
    """What a language model reads in one talk: where it fails the rules answer, which is said."""

    def __init__(self, model: LanguageModel, strict: bool) -> None:
        self._model = model
        self._strict = strict
        self._known: dict[tuple[int, int], Content] = {}
        self._asked = self._failed = self._dropped = 0
        self._seconds = 0.0
        self._first_error = ""
        self._given_up = False

    def find(self, talk: Talk, sentences: Sequence[Span]) -> Content | None:
        """Returns type and content of a scene, or None where the rules must answer. Errors: DegradedError when strict."""
        place = (sentences[0].start, sentences[-1].end)
        if place in self._known:
            return self._known[place]
        self._asked += 1
        if self._given_up:
            if self._strict:
                raise DegradedError(f"rules would have to stand in for the language model: {self._first_error}")
            self._failed += 1
            return None
        start = time.monotonic()
        try:
            reading = self._model.read(talk, sentences)
        except S2VError as error:
            self._fail(error)
            return None
        finally:
            self._seconds += time.monotonic() - start
            if self._seconds > TALK_SECONDS and not self._given_up:
                self._given_up = True
                self._first_error = self._first_error or f"it took more than {TALK_SECONDS:g} s for the talk"
        self._dropped += reading.dropped
        self._known[place] = reading.content
        return reading.content

    def report(self, report: StageReport) -> None:
        """Adds what was asked, what failed and what was dropped to the stage's report."""
        report.measures["llm_scenes"] = self._asked - self._failed
        report.measures["llm_dropped"] = self._dropped
        report.measures["llm_seconds"] = self._seconds
        if self._failed:
            reason = f"{self._failed} of {self._asked} scenes are read by rules: {self._first_error}"
            report.degradations.append(Degradation(code=CODE, reason=reason))

    def _fail(self, error: S2VError) -> None:
        if self._strict:
            raise DegradedError(f"rules would have to stand in for the language model: {error.message}") from error
        self._failed += 1
        self._first_error = self._first_error or error.message
        # One that does not answer will not answer for the next scene either.
        unreachable = isinstance(error, UnavailableError | EngineTimeoutError)
        self._given_up = self._given_up or unreachable or self._failed >= MAX_FAILURES
