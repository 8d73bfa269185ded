"""Errors keep what they say on their way over process borders and gRPC."""

from __future__ import annotations

import inspect
import pickle

import grpc
import pytest
from google.rpc import error_details_pb2

from s2v.runtime import errors, metrics
from s2v.runtime.errors import InvalidInputError, S2VError, UnavailableError
from s2v.runtime.jobs import describe
from s2v.runtime.server import to_status
from s2v.v1.job_pb2 import Job, JobState
from s2v.v1.report_pb2 import Stage

CLASSES = [value for _, value in inspect.getmembers(errors, inspect.isclass) if issubclass(value, S2VError)]


@pytest.mark.parametrize("cls", CLASSES)
def test_a_class_speaks_for_itself(cls: type[S2VError]) -> None:
    error = cls()
    assert error.message == (cls.__doc__ or "").strip()
    assert error.reason == cls.default_reason


@pytest.mark.parametrize("cls", CLASSES)
def test_an_error_crosses_a_process_border_whole(cls: type[S2VError]) -> None:
    error = pickle.loads(pickle.dumps(cls("talk.wav is empty", reason="EMPTY_FILE", field="source")))
    assert type(error) is cls
    assert (error.message, error.reason, error.field) == ("talk.wav is empty", "EMPTY_FILE", "source")
    assert str(error) == "talk.wav is empty"


def test_a_status_names_reason_field_and_remedy() -> None:
    status = to_status(InvalidInputError("talk.wav is empty; record it again", reason="EMPTY_FILE", field="source"))
    assert status.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
    info, request = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    assert status.details[0].Unpack(info)
    assert status.details[1].Unpack(request)
    assert (info.reason, info.domain) == ("EMPTY_FILE", "s2v")
    assert request.field_violations[0].field == "source"


def test_a_status_says_when_to_try_again() -> None:
    retry = error_details_pb2.RetryInfo()
    assert to_status(UnavailableError()).details[-1].Unpack(retry)
    assert retry.retry_delay.seconds > 0


@pytest.mark.parametrize("cls", CLASSES)
def test_only_an_input_that_cannot_be_used_is_spared_the_alerts(cls: type[S2VError], monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that is missing (SETUP) or a fallback that is refused (STRICT) is no fault of the talk."""
    counted: list[dict[str, str]] = []
    monkeypatch.setattr(metrics.job_failures, "add", lambda _, labels: counted.append(labels))
    metrics.job_ended(Job(state=JobState.JOB_STATE_FAILED, error=describe(cls(), Stage.STAGE_LAYOUT)))
    fault = "input" if cls is InvalidInputError else "system"
    assert counted == [{"stage": "layout", "reason": cls.default_reason, "fault": fault}]
