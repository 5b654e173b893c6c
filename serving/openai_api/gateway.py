"""What the door works with: the route, who may ask, and who hears of what was answered."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from math import ceil
from typing import Protocol

from evaluation.evaluation_settings import Decoding
from project.rate_limit import Buckets
from project.records.record import Record
from serving.callers.key_file import KeyFile
from serving.callers.waiting_line import WaitingLine
from serving.deploying.route_table import RouteTable
from serving.deployment import Deployment
from serving.exchange import AnswerRef, Assignment, Exchange, FeedbackGiven, Observer
from serving.openai_api.answer_ids import AnswerIds
from serving.serving_settings import ServingParams
from serving.telemetry.metrics import Metrics
from serving.telemetry.traces import Traces

log = logging.getLogger(__name__)
KEPT_FREE = 4  # one of so many places is for other callers than the one who has the most


def places(params: ServingParams) -> int:
    """Requests that are answered at a time. The embedded engine has a line of its own, in which
    callers are not told apart: so no more go in than it answers side by side.
    """
    return (
        min(params.running, params.batch_size) if params.backend == "embedded" else params.running
    )


class Assigner(Protocol):
    """Who answers whom: serving/experiments."""

    def assign(self, asked: str, user: str | None, request_id: str) -> Assignment | None:
        """`asked` is "champion", "challenger" or such as "v7". None: nobody may ask for that."""
        ...

    def challenger(self) -> Deployment | None:
        """The running experiment's version, where a replica holds it."""
        ...


@dataclass
class Gateway:
    """One process's door to one family. Everything in it belongs to one event loop."""

    family: str
    params: ServingParams
    decoding: Decoding  # what the versions were judged with
    table: RouteTable
    assigner: Assigner
    observers: Sequence[Observer] = ()
    state: Callable[[], Record] | None = None  # what is routed, for people and programs
    keys: KeyFile | None = None  # None: whoever is on this machine
    open_metrics: bool = False  # without a key, to whoever is on this machine
    wake: Callable[[], None] = lambda: None  # tells the follower to look at the replicas now
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    traces: Traces = field(default_factory=Traces)
    ids: AnswerIds = field(default_factory=AnswerIds.here)

    def __post_init__(self) -> None:
        self.line = WaitingLine(places(self.params), self.params.waiting, most_of_one=self._of_one)
        self.rate = Buckets(self.params.requests_a_minute)
        self.feedback_rate = Buckets(self.params.feedback_a_minute)

    @cached_property
    def metrics(self) -> Metrics:
        found = Metrics(self.family, self.table)
        found.watch("requests_running", "Requests that are answered now.", self._running)
        found.watch("requests_waiting", "Requests that wait for a place.", self._waiting)
        return found

    def _of_one(self) -> int:
        """Places that one caller may have: all of them, unless there are others."""
        most = self.line.most_running
        several = self.keys is not None and len(self.keys.known.keys) > 1
        return max(1, most - ceil(most / KEPT_FREE)) if several else most

    def shows_all_to(self, caller: str) -> bool:
        """Whether a caller may see what concerns others: metrics, replicas and their problems."""
        return self.keys is None or self.keys.is_operator(caller)

    def _running(self) -> float:
        return self.line.running

    def _waiting(self) -> float:
        return self.line.waiting

    def answered(self, exchange: Exchange) -> None:
        """Tell all who listen. What goes wrong there is theirs: the answer is out."""
        for observer in self.observers:
            try:
                observer.answered(exchange)
            except Exception:
                self._broken(observer)

    def fed_back(self, feedback: FeedbackGiven, answer: AnswerRef | None) -> None:
        for observer in self.observers:
            try:
                observer.fed_back(feedback, answer)
            except Exception:
                self._broken(observer)

    def _broken(self, observer: Observer) -> None:
        self.metrics.observer_errors.inc()
        log.exception("%s broke on an answer or a feedback", type(observer).__name__)
