"""The callers, as a process of its own: `python -m loadtests.swarm PLAN OUT`, started by `loadtests.run`.

Locust runs them on gevent, which takes over Python's sockets and threads; so this process does nothing else. Writes
`records.jsonl` and locust's own `locust.html` into the folder OUT. API keys of tenants come as S2V_LOADTEST_KEYS, a JSON object.
"""

from __future__ import annotations

from gevent import monkey  # type: ignore[import-untyped]

monkey.patch_all()

import json  # noqa: E402 - all that follows must be imported after gevent has taken over
import os  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import ClassVar  # noqa: E402

import gevent  # noqa: E402
from grpc.experimental.gevent import init_gevent  # noqa: E402
from locust import LoadTestShape, User, task  # noqa: E402
from locust.env import Environment  # noqa: E402
from locust.html import get_html_report  # noqa: E402
from locust.stats import stats_history  # noqa: E402

from loadtests.agenda import Agenda  # noqa: E402
from loadtests.behaviour import Business, carry_out  # noqa: E402
from loadtests.gateway import Gateway  # noqa: E402
from loadtests.plan import KEYS_VARIABLE, Plan  # noqa: E402
from loadtests.records import Call, Outcome, Recorder  # noqa: E402
from s2v.client.access import Access  # noqa: E402

THREADS = 1000


class CallError(Exception):
    """What locust shows for a call that went wrong."""


class Shape(LoadTestShape):
    """As many users as the agenda wants; ends with it."""

    def __init__(self, agenda: Agenda) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._agenda = agenda

    def tick(self) -> tuple[int, float] | None:
        """What locust asks once a second."""
        return self._agenda.tick()


class Caller(User):
    """A user of locust: does one visit after the other until none is left, then stays."""

    agenda: ClassVar[Agenda]
    recorder: ClassVar[Recorder]
    accesses: ClassVar[dict[str, Access]]
    """By tenant; the empty name is for callers that are not known."""

    @task
    def visit(self) -> None:
        """Does the next visit at its time."""
        taken = self.agenda.take()
        if taken is None:
            gevent.sleep(self.agenda.plan.limit_seconds)
            return
        number, visit = taken
        gevent.sleep(max(0.0, visit.arrival_seconds - self.agenda.now))
        gateway = Gateway(self.agenda.plan.target, self.accesses[visit.tenant], self._tell, visit.tenant)
        try:
            outcome = carry_out(Business(number, visit, gateway, self.agenda.plan.patience_seconds, time.time()))
        finally:
            gateway.close()
        self.recorder.note(outcome)
        self._tell_stages(outcome)
        self.agenda.finish(number)

    def _tell(self, call: Call) -> None:
        self.recorder.note(call)
        error = CallError(f"{call.code} {call.reason}") if call.outcome == "error" else None
        # What was refused with a time to come again, or provoked, is no failure: locust counts it under a name of its own.
        self._fire(
            f"grpc {call.outcome}" if call.outcome in {"refused", "expected"} else "grpc",
            call.rpc,
            call.seconds,
            error,
            call.size_bytes,
        )

    def _tell_stages(self, outcome: Outcome) -> None:
        for stage in outcome.stages:
            self._fire("stage wait", stage.stage, stage.queue_seconds)
            self._fire("stage work", stage.stage, stage.wall_seconds)
        if outcome.state == "succeeded":
            self._fire("job", f"to video, {outcome.priority}", outcome.to_video_seconds)

    def _fire(self, kind: str, name: str, seconds: float, error: CallError | None = None, length: int = 0) -> None:
        self.environment.events.request.fire(
            request_type=kind, name=name, response_time=seconds * 1000, response_length=length, exception=error, context={}
        )


def main(plan: Plan, out: Path, accesses: dict[str, Access]) -> None:
    """Carries out a plan."""
    # A call that waits keeps a thread of this pool. With the usual ten, a dozen streams would make all other calls seem slow.
    gevent.get_hub().threadpool.maxsize = THREADS
    init_gevent()
    agenda = Agenda(plan)
    environment = Environment(user_classes=[Caller], shape_class=Shape(agenda))
    runner = environment.create_local_runner()
    with (out / "records.jsonl").open("w") as file:
        Caller.agenda, Caller.recorder, Caller.accesses = agenda, Recorder(file), accesses
        history = gevent.spawn(stats_history, runner)
        agenda.start()
        runner.start_shape()
        shape = runner.shape_greenlet
        if shape is not None:
            shape.join()
        for number, visit, started in agenda.unfinished():
            Caller.recorder.note(Outcome(number, visit.kind, visit.tenant, visit.priority, "unfinished", started))
        runner.quit()
        history.kill()
    (out / "locust.html").write_text(get_html_report(environment, show_download_link=False))  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    anybody = Access.from_environment()
    keys: dict[str, str] = json.loads(os.environ.get(KEYS_VARIABLE, "{}"))
    main(
        Plan.read(Path(sys.argv[1])),
        Path(sys.argv[2]),
        {"": anybody, **{tenant: Access(token=key) for tenant, key in keys.items()}},
    )
