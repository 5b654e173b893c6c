"""Make a small registry with the code at hand, to be opened by all later code.

    python -m tests.registries.make NAME

Writes tests/registries/NAME: two promotions, a HOLD and a rollback, on score tables of its own, so
that every decision can be made again; and an event of every kind. A registry that is committed is
never made anew.
"""

import sys
import tempfile
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from evaluation.decision.evidence import weigh
from evaluation.decision.policy import Policy
from evaluation.decision.rule import rule
from monitoring.drift.reference import Reference
from monitoring.night_history import keep_check, nightly_of
from monitoring.signals.signal import Batch
from project.near_duplicates import WordPrints
from project.records.adapters import AdapterVersion
from project.records.drift import Action, DriftState, DriftVerdict, Night, SignalReading, Topic
from project.records.events import ReferenceKind
from project.records.evidence import Verdict
from project.records.scores import EvalSet, ItemScore, ScorePins, ScoreTable
from registry.alpha_ledger.looks import SealedSet
from registry.jobs.runs import claim, finish
from registry.signing.signing_keys import make_keys
from registry.storage.database import writing
from registry.store import Registry
from tests.conftest import BASE
from tests.places import DATASET, Place, made, ticking

ROOT = Path(__file__).parent
KINDS: tuple[ReferenceKind, ...] = ("watch", "watch-answers")
POLICY = Policy(gating=("rougeL", "semantic"), unjudged_cap=0.1)  # as it was when it was stored
EXAM = EvalSet(items=tuple(f"item {i}" for i in range(80)))


def main() -> None:
    (name,) = sys.argv[1:]
    (ROOT / name).mkdir()
    with (
        tempfile.TemporaryDirectory() as folder,
        Place(ROOT / name).open(ticking()) as registry,
    ):
        for adapter, gain in (("first", 0.1), ("second", 0.1), ("third", 0.02)):
            judged(registry, adapter, gain, Path(folder))
        registry.rollback("worse in use")
        tell_the_rest(registry, Path(folder))


def tell_the_rest(registry: Registry, folder: Path) -> None:
    """Events of every other kind."""
    registry.reject(3, "not polite")
    registry.point("staging", 2, "to try it", expected=None)
    for kind in KINDS:
        made("judge", folder)
        registry.watch(
            1,
            kind,
            a_reference(),
            first="2026-01-02",
            embedder="e" * 64,
            judge=folder / "adapter-judge" if kind == "watch-answers" else None,
            reason="some rows",
        )
    keep_nights(registry)
    registry.sign(1, make_key(folder), "as it stands")
    adapter, files = made("fourth", folder)
    registry.submit(adapter, files, "made fourth", DATASET)
    registry.delete(4, "made by mistake")


def a_reference() -> bytes:
    """Of some prompts' vectors, as a champion's nights are compared with."""
    rng = np.random.default_rng(0)
    batch = Batch(vectors=rng.normal(size=(60, 4)).astype(np.float32))
    users, times = [f"user {i}" for i in range(60)], np.zeros(60, np.float32)
    return Reference.freeze(batch, users, times, rng=rng).to_bytes()


def keep_nights(registry: Registry) -> None:
    """Two nights, one of them with a drift."""
    for day, verdict in enumerate((DriftVerdict.NO_DRIFT, DriftVerdict.DRIFT), start=3):
        drifted = verdict is DriftVerdict.DRIFT
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
        night = Night(
            family=registry.family,
            date=f"2026-01-0{day}",
            champion=1,
            reference="f" * 64,
            traffic="a" * 64,
            rows=50,
            units=50,
            set_aside={"not JSON": 1},
            verdict=verdict,
            readings=(reading,),
            topics=(topic,) if drifted else (),
            exemplars=topic.exemplars if drifted else (),
            new_words=(),
            state=DriftState.WATCH if drifted else DriftState.OK,
            action=Action.NONE,
            reasons=("drift for the first of 2 nights" if drifted else "nothing has changed",),
        )
        now, date_of = registry.clock(), date.fromisoformat(night.date)
        job, hour = nightly_of(registry.family), timedelta(hours=1)
        own = claim(registry.engine, job, date_of, "a scheduler", now, hour)
        assert own is not None
        keep_check(registry.engine, own, night, now)
        with writing(registry.engine) as connection:
            finish(connection, own, now, night.canonical().decode())


def make_key(folder: Path) -> Path:
    make_keys(folder / "key.pem")
    return folder / "key.pem"


def judged(registry: Registry, name: str, gain: float, folder: Path) -> AdapterVersion:
    """Submit an adapter that is better by `gain`, decide, and promote it if it won."""
    adapter, files = made(name, folder)
    champion = registry.champion()
    pins = ScorePins(
        eval_set=EXAM.digest,
        base=BASE.weights,
        champion=champion.adapter.files if champion else None,
        challenger=adapter.files,
        decoding="f" * 64,
        scorers="a" * 64,
    )
    version = registry.submit(adapter, files, f"made {name}", DATASET)
    tables = {part: ScoreTable(pins=pins, items=items(gain, part)) for part in (40, 80)}
    evidence = weigh(tables[80], POLICY, dev=tables[40])
    sealed = SealedSet(EXAM, WordPrints.of(EXAM.items))
    look = registry.count_look(
        version.number, pins, sealed, policy=POLICY.digest, alpha=POLICY.alpha
    )
    decision = rule(evidence, POLICY, look.number, look.budget)
    registry.record_decision(version.number, decision, evidence, POLICY)
    if decision.verdict is Verdict.PROMOTE:
        registry.promote(version.number, f"{name} won", by="policy")
    return version


def items(gain: float, count: int) -> tuple[ItemScore, ...]:
    """Scores of both sides, and a preference that follows them; in slices of two kinds."""
    rng = np.random.default_rng(count)
    before = rng.uniform(0.2, 0.6, (count, 2)).round(4)
    after = (before + gain + rng.normal(0, 0.1, (count, 2))).round(4)
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


if __name__ == "__main__":
    main()
