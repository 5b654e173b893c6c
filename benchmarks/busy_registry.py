"""A project that is in use: many versions, decided on, promoted and voted on, and its nights."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import insert

from evaluation.decision.policy import Policy
from monitoring.night_history import check_job, nightly_of
from monitoring.scheduling.runs import RunState
from project.canonical import canonical_json, digest_json, stamp
from project.records.adapters import Adapter, AdapterVersion, ModelPin
from project.records.ballots import VotingPair
from project.records.data import DatasetVersion, Split
from project.records.drift import Action, DriftState, DriftVerdict, Night, SignalReading
from project.records.events import (
    BallotCast,
    DecisionMade,
    Detail,
    Event,
    ItemShown,
    LookTaken,
    Promotion,
    Submission,
    VotesAsked,
)
from project.records.evidence import Bound, Decision, Evidence, MetricEvidence, Verdict
from project.records.record import short
from project.records.scores import ScorePins
from registry.storage.database import writing
from registry.storage.tables import GENESIS, aliases, beside, events, runs, versions
from registry.store import Registry
from registry.tenure import CHAMPION

FAMILY = "benchmark"
START = datetime(2026, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 6, 1, tzinfo=UTC)
VOTED_ON, VOTES_AN_ITEM, NIGHTS = 20, 2, 60
METRICS = ("rougeL", "semantic", "preference")
BASE = ModelPin(
    model="m", name="a-base", revision="r", weights="b" * 64, config="c" * 64, chat_template=None
)
DATASET = DatasetVersion(
    rows="d" * 64, splits={Split.TRAIN: 5000}, sources=("a.csv",), contract="c" * 64
)
STORED = 100  # of the newest versions, whose records lie in the artifact store


def fill(registry: Registry, size: int, ballots: int) -> None:
    """All in one transaction, but for the artifacts."""
    made = Story(registry, size, ballots)
    told = list(made.told())
    with writing(registry.engine) as connection:
        connection.execute(insert(versions), made.versions)
        connection.execute(insert(events), told)
        alias = {"family": FAMILY, "name": CHAMPION, "number": made.champion}
        connection.execute(insert(aliases).values(alias))
        connection.execute(insert(runs), list(nights()))


class Story:
    """What happened: submitted, looked at, decided, promoted, voted on. The records of the newest
    versions are stored; nobody reads those of the others.
    """

    def __init__(self, registry: Registry, size: int, ballots: int) -> None:
        self.artifacts, self.size = registry.artifacts, size
        self.items = ballots // VOTED_ON // VOTES_AN_ITEM
        self.policy = self.artifacts.put_record(Policy())
        self.artifacts.put_record(DATASET)
        self.versions: list[dict[str, object]] = []
        self.champion: int | None = None
        self.adapters: dict[int, str] = {}
        self.seq, self.previous = 0, GENESIS

    def told(self) -> Iterator[dict[str, object]]:
        """The rows of the events, in their order."""
        for number in range(1, self.size + 1):
            for detail in self.details(number):
                yield self.row(number, detail, "benchmark")
            if number > self.size - VOTED_ON:
                yield from self.votes(number)

    def row(self, number: int, detail: Detail, actor: str) -> dict[str, object]:
        self.seq += 1
        event = Event(
            seq=self.seq,
            kind=detail.kind,
            family=FAMILY,
            version=number,
            detail=detail,
            actor=actor,
            reason="a reason of ordinary length, as people write them",
            at=stamp(START + timedelta(seconds=60 * self.seq)),
            previous=self.previous,
        )
        record = event.canonical()
        self.previous = event.digest
        return beside(event) | {"record": record.decode(), "digest": self.previous}

    def details(self, number: int) -> Iterator[Detail]:
        folder = {"adapter_model.safetensors": digest_json(number)}
        files = self.adapters[number] = digest_json(folder)
        if number > self.size - STORED:
            self.artifacts.put(canonical_json(folder))  # its weights are read by nobody
        adapter = Adapter(
            files=files,
            base=BASE,
            recipe="c" * 64,
            dataset=DATASET.digest,
            parent=self.adapters.get(self.champion or 0),
        )
        version = AdapterVersion(
            family=FAMILY, number=number, adapter=adapter, actor="benchmark", at=stamp(START)
        )
        record = version.canonical().decode()
        columns = {"family": FAMILY, "number": number, "adapter": files, "deleted": False}
        self.versions.append(columns | {"record": record})
        yield Submission(version=version.digest, adapter=files, dataset=DATASET.digest, records=())
        pins = pins_of(files, self.adapters.get(self.champion or 0))
        yield LookTaken(
            **pins.model_dump(include=LOOKED_AT),
            prompts=pins.eval_set,
            near_duplicates=1,
            continues=(),
            policy=self.policy,
            asked="0.05",
            opening=1,
            budget="0.05",
            alpha="0.03",
        )
        yield (made := self.decision(number, pins))
        if number % 10 == 1:
            yield Promotion(
                displaced=self.champion,
                by="policy",
                forced=0,
                counts_from=1,
                adapter=files,
                base=BASE.weights,
                dataset=DATASET.digest,
                evidence=made.evidence,
                decision=made.decision,
            )
            self.champion = number

    def decision(self, number: int, pins: ScorePins) -> DecisionMade:
        """Every third one is won."""
        verdict = Verdict.PROMOTE if number % 3 == 0 or number % 10 == 1 else Verdict.HOLD
        evidence = evidence_of(pins, self.policy, number)
        decision = decision_on(evidence, verdict)
        if number > self.size - STORED or (number % 10 == 1 and number > self.size - 250):
            self.artifacts.put_record(evidence)
            self.artifacts.put_record(decision)
        return DecisionMade(
            decision=decision.digest,
            evidence=evidence.digest,
            policy=self.policy,
            verdict=verdict,
            look=self.seq,
        )

    def votes(self, number: int) -> Iterator[dict[str, object]]:
        champion = short(self.adapters[self.champion]) if self.champion else "base"
        challenger = short(self.adapters[number])
        pairs = [pair(str(item), champion, challenger) for item in range(self.items)]
        asked = VotesAsked(
            sheet=self.artifacts.put(b"".join(one.canonical() + b"\n" for one in pairs)),
            part="dev",
            votes=VOTES_AN_ITEM,
            items=self.items,
            judged=0,
            look=None,
            champion=champion,
            challenger=challenger,
        )
        yield self.row(number, asked, "benchmark")
        for item in range(self.items):
            for reviewer in ("ann", "bob"):
                shown = ItemShown(sheet=asked.sheet, item=str(item), repeat=0, chance=None)
                yield self.row(number, shown, reviewer)
                yield self.row(number, ballot(asked, str(item), self.seq), reviewer)


LOOKED_AT = {"eval_set", "base", "champion", "challenger", "decoding", "scorers"}


def pair(item: str, champion: str, challenger: str) -> VotingPair:
    return VotingPair(
        item=item,
        prompt=f"what does item {item} ask",
        left=champion,
        right=challenger,
        left_text="one answer, of ordinary length",
        right_text="another answer, of ordinary length",
        left_answer="1" * 64,
        right_answer="2" * 64,
    )


def ballot(asked: VotesAsked, item: str, shown: int) -> BallotCast:
    return BallotCast(
        shown=shown,
        sheet=asked.sheet,
        item=item,
        left=asked.champion,
        right=asked.challenger,
        left_answer="1" * 64,
        right_answer="2" * 64,
        choice="left" if int(item) % 3 else "right",
        seconds=20,
        repeat=0,
        adjudication=0,
    )


def pins_of(challenger: str, champion: str | None) -> ScorePins:
    return ScorePins(
        eval_set="e" * 64,
        base=BASE.weights,
        champion=champion,
        challenger=challenger,
        decoding="f" * 64,
        scorers="a" * 64,
    )


def evidence_of(pins: ScorePins, policy: str, number: int) -> Evidence:
    """Three metrics, on the whole and on a dozen slices."""
    measured = {name: metric(0.01 * ((number + place) % 5)) for place, name in enumerate(METRICS)}
    slices = {f"topic=t{place}": measured for place in range(12)}
    return Evidence(pins=pins, policy=policy, dev=measured, sealed=measured, slices=slices)


def metric(diff: float) -> MetricEvidence:
    return MetricEvidence(
        n=400,
        clusters=400,
        unjudged=0,
        champion_mean=0.5,
        challenger_mean=0.5 + diff,
        diff=diff,
        sd=0.2,
        se=0.01,
        df=399,
        wins=210,
        losses=190,
        p=0.04,
        bootstrap=(diff - 0.0164, diff + 0.0164),
    )


def decision_on(evidence: Evidence, verdict: Verdict) -> Decision:
    bounds = {
        name: Bound(lower=found.diff - 0.02, upper=found.diff + 0.02, won=found.diff > 0.02)
        for name, found in evidence.sealed.items()
    }
    return Decision(
        verdict=verdict,
        reasons=("a reason of ordinary length, as the rule writes them",),
        opening=1,
        budget=0.05,
        alpha=0.03,
        bounds=bounds,
        needed=None if verdict is Verdict.PROMOTE else 120,
        pins=evidence.pins,
        evidence=evidence.digest,
        policy=evidence.policy,
        rule=1,
    )


def nights() -> Iterator[dict[str, object]]:
    """The runs of the last nights: each one's check, and its end."""
    for back in range(NIGHTS):
        day = NOW.date() - timedelta(days=back)
        for job in (check_job(FAMILY), nightly_of(FAMILY)):
            yield {
                "job": job,
                "date": str(day),
                "state": RunState.FINISHED,
                "holder": "benchmark",
                "fence": 1,
                "attempts": 1,
                "since": stamp(NOW),
                "until": stamp(NOW),
                "started": stamp(NOW),
                "ended": stamp(NOW),
                "record": night(day).canonical().decode(),
                "problem": None,
            }


def night(day: date) -> Night:
    """Ten signals over four windows, as a night reads them."""
    readings = [
        SignalReading(
            signal=f"signal{place}",
            nights=span,
            n=500,
            reference_n=5000,
            p=0.2,
            level=0.001,
            effect=0.01,
            verdict=DriftVerdict.NO_DRIFT,
        )
        for place in range(10)
        for span in (1, 2, 7, 28)
    ]
    return Night(
        family=FAMILY,
        date=str(day),
        champion=1,
        reference="a" * 64,
        traffic="b" * 64,
        rows=800,
        units=500,
        set_aside={},
        verdict=DriftVerdict.NO_DRIFT,
        readings=tuple(readings),
        topics=(),
        exemplars=(),
        new_words=(),
        state=DriftState.OK,
        action=Action.NONE,
        reasons=("no signal moved",),
    )
