"""The registry's history: one event a line, and for each kind of event what it tells."""

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import (
    AliasChoices,
    ConfigDict,
    Field,
    SerializeAsAny,
    ValidationInfo,
    field_validator,
)

from project.records.ballots import Choice, Rubric, SheetPart
from project.records.evidence import Verdict
from project.records.record import LATER, Digest, Record
from project.untrusted_input import one_line

EventKind = Literal[
    "submit",
    "sign",
    "open",
    "reopen",
    "adopt",
    "restore",
    "decide",
    "promote",
    "rollback",
    "withdraw",
    "reject",
    "alias",
    "delete",
    "rotate",
    "erase",
    "consent",
    "watch",
    "watch-answers",
    "accept",
    "ask",
    "show",
    "vote",
    "unvote",
    "deploy",
    "deploy-failed",
    "changed",
    "experiment",
    "experiment-end",
]
ReferenceKind = Literal["watch", "watch-answers"]

KEPT = "kept"
# Of an artifact that must be there for as long as the event is: for ever.
Kept = Annotated[Digest, KEPT]
# Stored under a word that Python keeps for itself.
Displaced = Annotated[
    int | None,
    Field(validation_alias=AliasChoices("from", "displaced"), serialization_alias="from"),
]


class Detail(Record):
    """What an event tells beside who, when and why."""

    model_config = ConfigDict(serialize_by_alias=True)
    kind: ClassVar[EventKind]

    def kept(self) -> Iterator[Digest]:
        """The artifacts that are kept for ever because this event names them."""
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            if KEPT in field.metadata and value is not None:
                yield from value if isinstance(value, tuple) else (value,)


class Submission(Detail):
    kind = "submit"
    version: Digest  # of the version's record, as it is stored
    adapter: Digest  # its files, which go when the version is deleted
    dataset: Kept
    records: Annotated[tuple[Digest, ...], KEPT]  # that it came from
    # The WordPrints of its training rows' prompts; None: not known.
    trained_on: Annotated[Digest | None, KEPT, LATER] = None
    # Its project's commit, as a Provenance; None: it was submitted outside of git.
    provenance: Annotated[Digest | None, KEPT, LATER] = None


class Signing(Detail):
    kind = "sign"
    statement: Kept
    signature: Kept
    key: str  # which key, for people to find it by
    attestation: Annotated[Digest | None, KEPT, LATER] = None  # a DSSE envelope; None: none made


class LookTaken(Detail):
    """A look at a sealed eval set, counted before it was taken."""

    kind = "open"
    eval_set: Kept
    # The WordPrints of its prompts, and the version of the rule that compared them with others'.
    prompts: Kept
    near_duplicates: int
    # The MeaningPrints of its prompts; None: words alone compared them then.
    meanings: Annotated[Digest | None, KEPT, LATER] = None
    # The other eval sets whose looks this one was counted after.
    continues: tuple[Digest, ...]
    base: Digest
    champion: Digest | None
    challenger: Digest
    decoding: Digest
    scorers: Digest
    numerics: Annotated[Digest | None, LATER] = None  # None: the scores say nothing of them
    # Of the identities of champion and challenger, whose bases and system prompts may differ.
    contestants: Annotated[Digest | None, LATER] = None
    policy: Digest
    # The least alpha that a policy had at a look at these items; as the floats below.
    asked: str
    opening: int  # the look's number
    # Floats as repr has them, which gives them back to the bit.
    budget: str
    alpha: str


class LookTakenUp(Detail):
    """An interrupted look is taken up again: every attempt but the first is on record."""

    kind = "reopen"
    look: int  # the number of the event that counted it
    attempt: int  # 2 for the second one
    bound: Digest | None = None  # of all that was answered and judged before


class LookAdopted(Detail):
    """A look at the project's sealed items that another registry counted, or an earlier state of
    this one. As a line of datasets/looks.jsonl it tells others of a look here.
    """

    kind = "adopt"
    registry: Digest  # of its first event, which tells one registry from another
    event: int  # the number of the event that counted it there
    digest_of_event: Digest
    eval_set: Digest
    champion: Digest | None
    challenger: Digest
    opening: int  # the look's number
    budget: str  # floats as repr has them
    alpha: str


class Restored(Detail):
    """The registry was filled with a backup; events that came after it are not here."""

    kind = "restore"
    events: int  # of the backup
    at: str  # when it was made


class DecisionMade(Detail):
    kind = "decide"
    decision: Kept
    evidence: Kept
    policy: Kept
    verdict: Verdict
    # The number of the event that counted it; None: none was taken.
    look: Annotated[int | None, LATER] = None
    # Of all that was answered and judged at the look; None: nothing is bound to it.
    bound: Annotated[Digest | None, LATER] = None


class Promotion(Detail):
    kind = "promote"
    displaced: Displaced  # the champion until then; None: the bare base
    by: str  # "person" who looked, or "policy"
    forced: int  # 1: without a decision
    # The version that the regression budget counts from.
    counts_from: int
    adapter: Digest
    base: Digest
    dataset: Kept
    evidence: Annotated[Digest | None, KEPT]
    decision: Annotated[Digest | None, KEPT]
    look: Annotated[int | None, LATER] = None  # as in the decision


class Rollback(Detail):
    kind = "rollback"
    displaced: Displaced


class Withdrawal(Detail):
    """A person took the champion out: the bare base is in its place."""

    kind = "withdraw"


class Rejection(Detail):
    kind = "reject"


class AliasMove(Detail):
    kind = "alias"
    name: str
    displaced: Displaced
    removed: int  # 1: the alias names nothing now


class Deletion(Detail):
    kind = "delete"
    adapter: Digest


class EvalSetRotation(Detail):
    """A person let the items of an eval set leave. It is about no version: theirs is 0."""

    kind = "rotate"
    part: str
    items: int  # that leave


class RowErasure(Detail):
    """A person had rows erased. It is about no version: theirs is 0.

    Artifacts that told of them are gone, and nothing that names them misses them.
    """

    kind = "erase"
    rows: tuple[str, ...]  # ids
    artifacts: tuple[Digest, ...]  # that were deleted
    versions: tuple[int, ...]  # that were trained on what they ask
    # DVC's md5 of the files that left its cache on that machine: datasets of versions among them.
    files: Annotated[tuple[str, ...] | None, LATER] = None


class SealedConsent(Detail):
    """A person let the sealed items' prompts be sent to whoever serves a model. It is about no
    version: theirs is 0.
    """

    kind = "consent"
    items: int
    eval_set: Digest
    url: str
    model: str


class PromptReference(Detail):
    """The traffic whose prompts a champion's nights are compared with."""

    kind: ClassVar[EventKind] = "watch"
    reference: Kept
    first: str  # day that is compared with it
    embedder: Annotated[Digest | None, LATER] = None
    # The folder of the model that judged the answers, and its files.
    judge: Annotated[tuple[Digest, ...] | None, KEPT] = None
    # Of traffic: the first day that it may be of, and on how many its rows were asked.
    since: Annotated[str | None, LATER] = None
    days: Annotated[int | None, LATER] = None
    watched: Literal["last turn"] = "last turn"  # of a prompt: what its user asked last
    # Frozen anew because a person accepted a drift: the number of that event, and the reference
    # that it took the place of. What was not accepted is as in that one.
    accepted: Annotated[int | None, LATER] = None
    instead_of: Annotated[Digest | None, LATER] = None

    def outlasts(self, other: "PromptReference", today: str) -> bool:
        """Whether it stays beside another one: it was seen by the same embedder, and has as many
        days.

        One of rows whose days are not known stays; one for days that are still to come, of a clock
        that was ahead, does not, nor one that lacks what a person accepted.
        """
        lacks = (other.accepted or 0) > (self.accepted or 0)
        if self.first > max(today, other.first) or lacks:
            return False
        days = self.days is None or self.days >= (other.days or 0)
        return self.embedder == other.embedder and days


class AnswerReference(PromptReference):
    """The same for the champion's answers."""

    kind = "watch-answers"


class DriftAccepted(Detail):
    """A person said that what a drift brought is normal now: the nights to come are compared with
    references that are frozen anew. No word of a user is in it.
    """

    kind = "accept"
    night: str  # the newest one then: later ones have the new references
    # The days that these are made of; both are in.
    first: str
    last: str
    # Each as a night and its place there: 2026-03-09/1. With no topic and no signal all that these
    # days hold is accepted.
    topics: tuple[str, ...] = ()
    signals: tuple[str, ...] = ()


class VotesAsked(Detail):
    """People are to vote on a version's answers beside another's. Asked again about the same sheet,
    with more votes, the newest one says how many; an item closes as the first one had it.
    """

    kind = "ask"
    sheet: Kept  # JSON Lines of VotingPairs
    part: SheetPart
    look: int | None  # the number of the event that counted it; None: no sealed items are on it
    votes: int  # reviewers an item
    items: int  # on the sheet
    judged: int  # 1: a judge compared the answers too, and items are drawn by its doubt
    champion: str  # what ballots call the two
    challenger: str
    # Who is asked, by name, and on how many items at most; None: whoever may vote, on any number.
    reviewers: Annotated[dict[str, Annotated[int, Field(ge=1)]] | None, LATER] = None


class ItemShown(Detail):
    """An item was shown to the actor for the first time, and is on record before it was."""

    kind = "show"
    sheet: Digest
    item: str
    repeat: int  # 1: a second time, to see whether the reviewer says the same
    chance: str | None  # of being drawn, as repr has it; None: drawn with like chances


class BallotCast(Detail):
    """The actor's blind choice between two answers."""

    kind = "vote"
    shown: int  # the number of the event that showed them
    sheet: Digest
    item: str
    left: str  # the version whose answer stood there, by its name on the sheet
    right: str
    left_answer: Digest
    right_answer: Digest
    choice: Choice
    rubric: Annotated[Rubric | None, LATER] = None
    comment: Annotated[Digest | None, KEPT, LATER] = None  # a text that can be erased
    seconds: int  # from the showing to the vote, at most half an hour
    repeat: int  # 1: as in the showing; it counts for the reviewer's own agreement alone
    adjudication: int  # 1: those before did not agree


class BallotWithdrawn(Detail):
    """The actor took the last ballot back."""

    kind = "unvote"
    ballot: int  # the number of its event


class Deployed(Detail):
    """A version was loaded on every replica and checked there, and the champion's traffic moved to
    it.
    """

    kind = "deploy"
    adapter: Digest
    name: str  # under which the replicas know it
    engine: str  # as "vllm 0.32.0"
    replicas: tuple[str, ...]
    golden: int  # prompts that each replica answered as the evidence says
    # The least share of an answer that was the evidence's, over the replicas, as repr has it. None:
    # the version's dev answers are not kept, so that there is nothing to compare with.
    agreement: str | None
    displaced: Displaced  # the version that the traffic came from; None: the bare base


class DeploymentFailed(Detail):
    """A version was not deployed, and the traffic stayed where it was; the reason says why."""

    kind = "deploy-failed"
    adapter: Digest
    name: str
    step: Literal["verify", "load", "golden"]
    replica: str | None  # where it failed; None: before any


class HostedChanged(Detail):
    """A hosted model answers otherwise than when its answers were kept, under the same name."""

    kind = "changed"
    night: str
    items: int
    p: str  # a float, as repr has it
    served_as: tuple[str, ...]
    fingerprints: tuple[str, ...]


class ExperimentOpened(Detail):
    """A person let a version that is not the champion answer a share of the traffic, or beside it.

    The event's number names the experiment.
    """

    kind = "experiment"
    mode: Literal["shadow", "canary", "ab"]
    adapter: Digest
    champion: int | None  # the version that it is compared with; None: the bare base
    share: str  # of users who get the challenger, as repr has it; in a shadow, of requests
    metric: str  # rating, escalated, resolved or satisfaction
    # The chance that equals ever end with a verdict, a false alarm or a false win; as repr has it.
    alpha: str
    guardrails: tuple[str, ...]  # errors, refusals, slow, long
    salt: str  # of the hash that assigns users


class ExperimentEnded(Detail):
    """What came of an experiment. A verdict once given stays: later feedback does not undo it."""

    kind = "experiment-end"
    experiment: int  # the number of its event
    verdict: Literal["harm", "better", "no-difference", "stopped"]
    result: Kept  # figures at the end, as an ExperimentResult


DETAILS: dict[EventKind, type[Detail]] = {
    detail.kind: detail
    for detail in (
        Submission,
        Signing,
        LookTaken,
        LookTakenUp,
        LookAdopted,
        Restored,
        DecisionMade,
        Promotion,
        Rollback,
        Withdrawal,
        Rejection,
        AliasMove,
        Deletion,
        EvalSetRotation,
        RowErasure,
        SealedConsent,
        PromptReference,
        AnswerReference,
        DriftAccepted,
        VotesAsked,
        ItemShown,
        BallotCast,
        BallotWithdrawn,
        Deployed,
        DeploymentFailed,
        HostedChanged,
        ExperimentOpened,
        ExperimentEnded,
    )
}
D = TypeVar("D", bound=Detail)


class Event(Record):
    """One line of the registry's history, chained to the line before it."""

    seq: int
    kind: EventKind
    family: str
    version: int
    detail: SerializeAsAny[Detail]
    actor: str
    reason: str
    at: str
    previous: Digest

    @field_validator("detail", mode="before")
    @classmethod
    def is_of_its_kind(cls, detail: Any, info: ValidationInfo) -> Any:
        kind = DETAILS.get(info.data.get("kind", ""))
        return kind.model_validate(detail) if kind else detail

    def told(self, kind: type[D]) -> D:
        """The detail of an event of that kind."""
        assert isinstance(self.detail, kind), f"event {self.seq} is a {self.kind}"
        return self.detail

    def __str__(self) -> str:
        about = f" v{self.version}" if self.version else ""
        match self.detail:
            case AliasMove(name=name, removed=removed):
                about = f" {name}{' taken from' if removed else ' →'}{about}"
            case Promotion(forced=1):
                about += " by force"
        return one_line(f"{self.at} {self.kind}{about} {self.actor}: {self.reason}")
