"""What the gateway works with: the route, who may ask, and who hears of what was answered."""

import hmac
import logging
import re
import secrets
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from math import ceil
from typing import Protocol, Self, get_args

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from evaluation.evaluation_settings import Decoding
from evaluation.generation.backends.backend import Endpoint
from project.canonical import moment_of, stamp
from project.disclosure import DisclosureParams
from project.files import home, secret_of
from project.listening import Buckets
from project.records.record import Record
from project.untrusted_input import shortened
from serving.deploying.route_table import RouteTable
from serving.exchange import (
    AnswerRef,
    Arm,
    Assignment,
    Deployment,
    Exchange,
    FeedbackGiven,
    Observer,
    digest_of_user,
)
from serving.openai_api.evidence_shown import EvidenceSource
from serving.openai_api.request_body import ApiError, WaitingLine, after
from serving.openai_api.who_asks import KeyFile
from serving.serving_settings import ServingParams
from serving.traffic_log.metrics import Metrics, Traces

# --- answer ids -----------------------------------------------------------------------------------

# Ids of answers: what feedback needs to know of its answer, sealed with the project's secret.
#
# So every gateway of the project takes feedback on the answers of all of them, and after a restart,
# and nothing is kept for it. An id is `chatcmpl-KEY.SEALED`: a name of the key, and AES-SIV (RFC
# 5297) over the fields. Who sees it learns nothing of the user or of the experiment's arm, nobody
# else can make one, and it opens only for the caller who got it.

KINDS = {Endpoint.CHAT: "chatcmpl", Endpoint.COMPLETIONS: "cmpl"}
FORM = re.compile(r"(chatcmpl|cmpl)-([A-Za-z0-9_-]{4})\.([A-Za-z0-9_-]+)")
# Whoever changes the fields changes this word too: ids of before are then of another key.
PURPOSE = b"answer ids 1"
# 8 random bytes, so that no two are alike; milliseconds; version and experiment, 0 where there is
# none; the arm's place in ARMS. Behind it the user's digest, where there is one.
FIELDS = struct.Struct(">8sQIIB")
ARMS: tuple[Arm | None, ...] = (None, *get_args(Arm))
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class NotTheirsError(ValueError):
    """An id that the caller did not get: altered, cut short, made up, or another caller's."""


class AnswerIds:
    """Made and read under one secret."""

    def __init__(self, secret: bytes) -> None:
        derived = hmac.digest(secret, PURPOSE, "sha512")
        self._cipher = AESSIV(derived)
        self.key_name = encoded(hmac.digest(derived, b"name", "sha256")[:3])

    @classmethod
    def here(cls) -> Self:
        """Under the secret of the project in the current folder, which is made where there is none.

        Raises InputError for one that others can read.
        """
        return cls(secret_of(home() / "serving" / "secret"))

    def issue(
        self, endpoint: Endpoint, caller: str, at: str, assignment: Assignment, user: str | None
    ) -> str:
        """A new id for an answer, each time another one."""
        kind = KINDS[endpoint]
        sealed = self._cipher.encrypt(packed(at, assignment, user), bound_to(kind, caller))
        return f"{kind}-{self.key_name}.{encoded(sealed)}"

    def read(self, answer_id: str, caller: str) -> AnswerRef:
        """The answer that the caller got under an id.

        Raises NotTheirsError, also for an id that was made under another secret or elsewhere.
        """
        form = FORM.fullmatch(answer_id)
        if form is None or form[2] != self.key_name:
            raise NotTheirsError(answer_id)
        try:
            sealed = decoded(form[3])
            fields = self._cipher.decrypt(sealed, bound_to(form[1], caller))
        except (ValueError, InvalidTag):
            raise NotTheirsError(answer_id) from None
        _, at, version, experiment, arm = FIELDS.unpack_from(fields)
        return AnswerRef(
            id=answer_id,
            at=stamp(EPOCH + timedelta(milliseconds=at)),
            version=version or None,
            experiment=experiment or None,
            arm=ARMS[arm],
            user=fields[FIELDS.size :].hex() or None,
        )


def bound_to(kind: str, caller: str) -> list[bytes]:
    return [kind.encode(), caller.encode()]


def packed(at: str, assignment: Assignment, user: str | None) -> bytes:
    fields = FIELDS.pack(
        secrets.token_bytes(8),
        (moment_of(at) - EPOCH) // timedelta(milliseconds=1),
        assignment.deployment.version or 0,
        assignment.experiment or 0,
        ARMS.index(assignment.arm),
    )
    return fields + (bytes.fromhex(digest_of_user(user)) if user else b"")


def encoded(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")


def decoded(text: str) -> bytes:
    """Raises ValueError, also for bits that base64 leaves over: each answer has one id only."""
    data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if encoded(data) != text:
        raise ValueError("no base64 as we write it")
    return data


# --- gateway ------------------------------------------------------------------------------------

log = logging.getLogger(__name__)
# Of one caller: a tenth of the requests that it may ask, for each may hold a long correction.
FEEDBACK_A_MINUTE = 600
# Requests that wait, for each of serving.running: where so many are answered at a time, the last of
# them waits five times as long as one takes. More are answered 429, with Retry-After.
WAITING = 4
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
    """One process that answers for one family. Everything in it belongs to one event loop."""

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
    evidence: EvidenceSource = field(default_factory=EvidenceSource)
    # What users and machines are told.
    disclosure: DisclosureParams = field(default_factory=DisclosureParams)

    def __post_init__(self) -> None:
        self.line = WaitingLine(
            places(self.params), WAITING * self.params.running, most_of_one=self._of_one
        )
        self.rate = Buckets(self.params.requests_a_minute)
        self.feedback_rate = Buckets(FEEDBACK_A_MINUTE)

    @cached_property
    def metrics(self) -> Metrics:
        metrics = Metrics(self.family, self.table)
        metrics.watch("requests_running", "Requests that are answered now.", self._running)
        metrics.watch("requests_waiting", "Requests that wait for a place.", self._waiting)
        return metrics

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


# --- who answers ----------------------------------------------------------------------------------

# From a model's name to the version that answers: family, @champion, @challenger or @v7.

WHICH = re.compile(r"champion|challenger|v[1-9][0-9]{0,8}")
SOON = 5.0  # seconds until it is worth asking again


def who_answers(gateway: Gateway, model: str, user: str | None, request: str) -> Assignment:
    """Raises ApiError: 404 for a name that leads nowhere, 503 while nothing is deployed."""
    # What stands behind the family's name; "champion" where nothing does.
    named, at, which = model.partition("@")
    if named != gateway.family or (at and not WHICH.fullmatch(which)):
        raise not_found(model)
    asked = which or "champion"
    if gateway.table.champion is None:
        raise nothing_deployed(gateway.family)
    assignment = gateway.assigner.assign(asked, user, request)
    if assignment is None:
        raise not_found(model)
    return assignment


def not_found(model: str) -> ApiError:
    return ApiError(
        404,
        f"There is no model {shortened(model)!r} here: GET /v1/models lists those that answer.",
        param="model",
        code="model_not_found",
    )


def nothing_deployed(family: str) -> ApiError:
    problem = (
        f"No champion of family {family} answers: none is deployed yet, or it was withdrawn. "
        "GET /v1/incumbent/serving says how far it is."
    )
    return ApiError(503, problem, code="no_champion", headers=after(SOON))


def models(gateway: Gateway) -> dict[str, Deployment]:
    """The names that are answered now, and what answers to them outside of an experiment."""
    champion = gateway.table.champion
    if champion is None:
        return {}
    family = gateway.family
    names = {family: champion, f"{family}@champion": champion}
    if champion.version:
        names[f"{family}@v{champion.version}"] = champion
    if challenger := gateway.assigner.challenger():
        names[f"{family}@challenger"] = challenger
        names[f"{family}@v{challenger.version}"] = challenger
    return names
