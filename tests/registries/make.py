"""Make a small registry with the code at hand, to be opened and verified by all later code.

    python -m tests.registries.make NAME

Writes tests/registries/NAME: an event, a decision and a night of every kind, and a row in every
table. A registry that was released is never made anew: code that cannot verify it is wrong.
"""

import sys
import tempfile
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from evaluation.decision.policy import Policy
from evaluation.decision.rule import rule
from evaluation.decision.score_evidence import weigh
from monitoring.drift.reference import Reference
from monitoring.night_context import settle
from monitoring.night_history import keep_check, nightly_of
from monitoring.scheduling.heartbeats import beat
from monitoring.scheduling.runs import claim, fail, finish
from monitoring.signals.signal import Batch
from project.canonical import digest_folder
from project.near_duplicates import WordPrints
from project.records.adapters import AdapterVersion, Contestant, Provenance
from project.records.drift import (
    Action,
    DriftState,
    DriftVerdict,
    Night,
    RetrainOutcome,
    SignalReading,
    Topic,
)
from project.records.events import BallotCast, LookAdopted, ReferenceKind, Restored
from project.records.evidence import Decision, Evidence, Verdict
from project.records.scores import EvalSet, ItemScore, ScorePins, ScoreTable
from registry.alpha_ledger.looks import CountedLook, SealedSet
from registry.ballots.casting import Vote, cast, show, withdraw
from registry.ballots.sheets import open_sheet
from registry.signatures import make_keys
from registry.storage.database import writing
from registry.store import Registry
from tests.conftest import BASE, NUMERICS
from tests.places import DATASET, Place, made, ticking
from tests.review.on_traffic import deploy, end_one, fail_to_deploy, open_one
from tests.used_registry import add_a_row_of_each, folder_at, heartbeat
from tests.voting_sheets import named, sheet_of, vote_for

ROOT = Path(__file__).parent
PUBLIC_KEY = "key.pub"  # that the signature in it was made with
KINDS: tuple[ReferenceKind, ...] = ("watch", "watch-answers")
STRICT = Policy(unjudged_cap=0.1, ranges={"rougeL": (0, 1), "semantic": (0, 1)})
VOTED = Policy(gating=("preference",), preference_test="e-value", guards={"rougeL": 0.5})
POLICIES = {"strict": STRICT, "voted": VOTED}
EXAM = EvalSet(items=tuple(f"item {i}" for i in range(80)))
SEALED = SealedSet(EXAM, WordPrints.of(EXAM.items))


def main() -> None:
    (name,) = sys.argv[1:]
    place = ROOT / name
    place.mkdir()
    with tempfile.TemporaryDirectory() as folder, Place(place).open(ticking()) as registry:
        tell(registry, Path(folder), place / PUBLIC_KEY)
    print(f"{place}: {digest_folder(place)}")


def tell(registry: Registry, folder: Path, public: Path) -> None:
    decide_in_every_way(registry, folder)
    vote(registry, folder)
    registry.rollback("worse in use")
    registry.reject(3, "not polite")
    registry.point("staging", 2, "to try it", expected=None)
    registry.sign(1, make_key(folder, public), "as it stands")
    registry.delete(submitted(registry, "seventh", folder).number, "made by mistake")
    answer_users(registry, folder)
    keep_nights(registry)
    beat(registry.engine, heartbeat("a scheduler"))
    settle(registry.engine, folder_at("/old"), instead_of=None)
    add_a_row_of_each(registry)
    look_back(registry)


# --- decisions ----------------------------------------------------------------------------------


def decide_in_every_way(registry: Registry, folder: Path) -> None:
    """Two that win, one in doubt, one that is worse, and one that does not qualify on dev."""
    gains = {"first": 0.1, "second": 0.1, "third": 0.02, "fourth": -0.1}
    for name, gain in gains.items():
        version = submitted(registry, name, folder)
        evidence = weighed(registry, version, gain, STRICT)
        assert evidence.pins is not None
        look = registry.count_look(
            version.number, evidence.pins, SEALED, policy=STRICT.digest, alpha=STRICT.alpha
        )
        registry.bytes_of(look).write(Path("answers", f"{name}.json"), name.encode())
        if keep(registry, version, evidence, STRICT, look).verdict is Verdict.PROMOTE:
            registry.promote(version.number, f"{name} won", by="policy")
    fifth = submitted(registry, "fifth", folder)
    keep(registry, fifth, weighed(registry, fifth, -0.1, STRICT, sealed=False), STRICT, None)


def submitted(registry: Registry, name: str, folder: Path) -> AdapterVersion:
    adapter, files = made(name, folder)
    return registry.submit(
        adapter.model_copy(update={"numerics": NUMERICS}),
        files,
        f"made {name}",
        DATASET,
        trained_on=WordPrints.of([f"what is {name}", "where is the key of the safe"]),
        provenance=Provenance(
            commit="1" * 40,
            head="2" * 40,
            changed=("params.yaml",),
            folder=".",
            remote="https://example.org/project.child_processes",
            rows="3" * 32,
            data_remote="s3://bucket/rows",
            packages={"torch": "2.13.0"},
            threads=1,
        ),
    )


def weighed(
    registry: Registry, version: AdapterVersion, gain: float, policy: Policy, *, sealed: bool = True
) -> Evidence:
    """On scores that are better by `gain` than the champion's, or the bare base's."""
    champion = registry.champion()
    beaten = champion.adapter.contestant if champion else Contestant(base=BASE)
    pins = ScorePins(
        eval_set=EXAM.digest,
        base=BASE.weights,
        champion=champion.adapter.files if champion else None,
        challenger=version.adapter.files,
        decoding="f" * 64,
        scorers="a" * 64,
        numerics=NUMERICS,
        contestants=(beaten, version.adapter.contestant),
    )
    table, dev = (ScoreTable(pins=pins, items=items(gain, count)) for count in (80, 40))
    if not sealed:
        return weigh(None, policy, dev=dev)
    return weigh(table, policy, dev=dev, reference=table, general=table)


def keep(
    registry: Registry,
    version: AdapterVersion,
    evidence: Evidence,
    policy: Policy,
    look: CountedLook | None,
) -> Decision:
    number, budget = (look.number, look.budget) if look else (None, None)
    decision = rule(evidence, policy, number, budget)
    registry.record_decision(version.number, decision, evidence, policy)
    return decision


def items(gain: float, count: int) -> tuple[ItemScore, ...]:
    """Scores of both sides, and a preference that follows them; in slices of two kinds."""
    rng = np.random.default_rng(count)
    before = rng.uniform(0.2, 0.6, (count, 2)).round(4)
    after = (before + gain + rng.normal(0, 0.1, (count, 2))).clip(0, 1).round(4)
    return tuple(
        ItemScore(
            item=f"item {i}",
            slices=(f"kind={'even' if i % 2 == 0 else 'odd'}",),
            champion=dict(zip(("rougeL", "semantic"), map(float, before[i]), strict=True)),
            challenger=dict(zip(("rougeL", "semantic"), map(float, after[i]), strict=True)),
            preference=0.5 + 0.5 * float(np.sign(after[i, 0] - before[i, 0])),
        )
        for i in range(count)
    )


# --- votes --------------------------------------------------------------------------------------


def vote(registry: Registry, folder: Path) -> None:
    """A look that was interrupted, and is open for people's votes until it is decided."""
    sixth = submitted(registry, "sixth", folder)
    evidence = weighed(registry, sixth, 0.1, VOTED)
    assert evidence.pins is not None
    look = registry.count_look(
        sixth.number, evidence.pins, SEALED, policy=VOTED.digest, alpha=VOTED.alpha
    )
    registry.bytes_of(look).write(Path("answers/sixth.json"), b"sixth")
    registry.take_up(sixth.number, look)
    pairs = sheet_of(sixth, 2)
    reason = "who is preferred?"
    sheet = open_sheet(
        registry, sixth.number, pairs, part="sealed", votes=1, reason=reason, look=look.event
    )
    ann, digest = named(registry, "ann"), sheet.detail.model_dump()["sheet"]
    first = vote_for(ann, sixth.number, digest, "i0", None)
    withdraw(ann, sixth.number, first.seq)
    shown = show(ann, sixth.number, digest, "i0")
    rubric = {"polite": {"left": 4, "right": 2}}
    told = {"shown": shown.seq, "choice": "left", "rubric": rubric, "comment": "it is shorter"}
    cast(ann, sixth.number, Vote.model_validate(told))
    vote_for(named(registry, "ben"), sixth.number, digest, "i1", "base")
    keep(registry, sixth, evidence, VOTED, look)


# --- in use -------------------------------------------------------------------------------------


def make_key(folder: Path, public: Path) -> Path:
    make_keys(folder / "key.pem").rename(public)
    return folder / "key.pem"


def answer_users(registry: Registry, folder: Path) -> None:
    """The champion, deployed at the second try, and an experiment beside it."""
    fail_to_deploy(registry, 1, "it answers otherwise than it was judged by")
    deploy(registry, 1)
    end_one(registry, open_one(registry, 2), "better", "users prefer it")
    made("judge", folder)
    for kind in KINDS:
        registry.watch(
            1,
            kind,
            a_reference(),
            first="2026-01-02",
            embedder="e" * 64,
            judge=folder / "adapter-judge" if kind == "watch-answers" else None,
            reason="some rows",
            since="2025-12-01",
            days=28,
        )


def a_reference() -> bytes:
    """Of some prompts' vectors, as a champion's nights are compared with."""
    rng = np.random.default_rng(0)
    batch = Batch(
        vectors=rng.normal(size=(60, 4)).astype(np.float32),
        prompts=[f"may I have a loan of {i} crowns" for i in range(60)],
    )
    users, times = [f"user {i}" for i in range(60)], np.zeros(60, np.float32)
    return Reference.freeze(batch, users, times, rng=rng).to_bytes()


NO, YES, FEW = DriftVerdict.NO_DRIFT, DriftVerdict.DRIFT, DriftVerdict.INSUFFICIENT
NIGHTS: Sequence[tuple[DriftVerdict, DriftState, Action, RetrainOutcome | None]] = (
    (FEW, DriftState.OK, Action.NONE, None),
    (NO, DriftState.OK, Action.NONE, None),
    (YES, DriftState.WATCH, Action.NONE, None),
    (YES, DriftState.CONFIRMED, Action.LABEL, None),
    (YES, DriftState.CONFIRMED, Action.REFUSED, None),
    *((YES, DriftState.ACT, Action.RETRAIN, outcome) for outcome in RetrainOutcome),
)


def keep_nights(registry: Registry) -> None:
    """A night of every kind, and one that failed."""
    job, hour = nightly_of(registry.family), timedelta(hours=1)
    for day, kind in enumerate(NIGHTS, start=1):
        now, logical = registry.clock(), date(2026, 1, day)
        own = claim(registry.engine, job, logical, "a scheduler", now, hour)
        assert own is not None
        night = night_of(registry, logical, *kind)
        keep_check(registry.engine, own, night, now)
        with writing(registry.engine) as connection:
            finish(connection, own, now, night.canonical().decode())
    failed = claim(registry.engine, job, date(2026, 1, 31), "a scheduler", registry.clock(), hour)
    assert failed is not None
    with writing(registry.engine) as connection:
        fail(connection, failed, registry.clock(), "no traffic came", retry=None)


def night_of(
    registry: Registry,
    day: date,
    verdict: DriftVerdict,
    state: DriftState,
    action: Action,
    outcome: RetrainOutcome | None,
) -> Night:
    drifted = verdict is YES
    reading = SignalReading(
        signal="topics",
        nights=1,
        n=50,
        reference_n=60,
        p=0.001 if drifted else 0.5,
        level=0.01,
        effect=0.1,
        verdict=verdict,
    )
    topic = Topic(name="loans", new=True, before=0.0, now=0.1, z=4.0, exemplars=("a loan?",))
    return Night(
        family=registry.family,
        date=day.isoformat(),
        champion=1,
        reference="f" * 64,
        traffic="a" * 64,
        rows=50,
        units=50,
        set_aside={"not JSON": 1},
        verdict=verdict,
        readings=(reading,) if verdict is not FEW else (),
        topics=(topic,) if drifted else (),
        exemplars=topic.exemplars if drifted else (),
        new_words=("mortgage",) if drifted else (),
        state=state,
        action=action,
        reasons=(f"{verdict.value}, so {action.value}",),
        outcome=outcome,
        challenger=6 if outcome else None,
    )


# --- what is about the whole --------------------------------------------------------------------


def look_back(registry: Registry) -> None:
    """Items leave, rows are erased, another registry's look is adopted, a backup is restored."""
    registry.record_rotation("sealed", 80, "they are known by heart")
    ballots = [event.detail for event in registry.history(kind="vote")]
    comments = [one.comment for one in ballots if isinstance(one, BallotCast) and one.comment]
    registry.record_erasure(["item 3"], [2], comments, "ann asked for it", files=["4" * 32])
    adopted = LookAdopted(
        registry="5" * 64,
        event=2,
        digest_of_event="6" * 64,
        eval_set=EXAM.digest,
        champion=None,
        challenger="7" * 64,
        opening=1,
        budget="0.05",
        alpha="0.03",
    )
    registry.adopt_looks([adopted], "a colleague's")
    at = "2026-01-01T00:00:00.000Z"
    registry.record_restore(Restored(events=len(registry.history()), at=at), "a new machine")


if __name__ == "__main__":
    main()
