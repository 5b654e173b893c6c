"""Whole nights: real traffic files, a real embedder, a real registry, and what follows."""

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from curation.curate import curate
from curation.curation_settings import CurateParams
from curation.eval_sets import read_changes
from monitoring.monitoring_settings import DriftParams, TriggerParams
from monitoring.night import check, nightly_job
from monitoring.night_action import accept_and_queue
from monitoring.night_context import NightContext
from monitoring.night_history import nights_before
from monitoring.night_page import page_path
from monitoring.scheduling.job import ScheduleParams
from monitoring.scheduling.job_scheduler import Scheduler
from monitoring.scheduling.runs import runs_of
from monitoring.signals.signal_inputs import AnswerJudge
from monitoring.traffic.traffic_store import TrafficStore
from monitoring.trigger.acceptance import accept
from monitoring.trigger.labels import LABEL_QUEUE, LABELLED, pseudonym, read_labels
from project.files import home
from project.model_pins import ModelChoice, locate, pin
from project.paths import CALIBRATION, REWARD
from project.records.adapters import Adapter
from project.records.data import Row, Split
from project.records.drift import Action, DriftState, DriftVerdict, Night
from project.records.preferences import Calibration
from project.records.traffic import Feedback, Traffic
from registry.garbage import collect
from registry.store import Registry
from retrieval.embedder import Embeddings
from tests.conftest import ROOT
from tests.evaluation.test_calibration import GOOD

pytestmark = pytest.mark.slow

START = date(2026, 3, 2)
NOW = datetime(2026, 6, 1, tzinfo=UTC)
OLD = (
    ("how do I {} my {}", ("block", "renew", "find", "order"), ("card", "cheque book", "PIN")),
    ("what is the {} for a {}", ("fee", "rate", "limit"), ("loan", "transfer", "mortgage")),
    ("why was my {} {}", ("payment", "transfer", "salary"), ("late", "refused", "returned")),
)
NEW = (("which {} should I {}", ("crypto coin", "token", "NFT"), ("buy", "mine", "stake")),)
EMBEDDER = pin(ModelChoice(), "embedder")

DRIFT = DriftVerdict.DRIFT
Make = Callable[[str], tuple[Adapter, Path]]


def asked(random: Random, new: bool) -> str:
    form, first, second = random.choice(NEW if new else OLD)
    return form.format(random.choice(first), random.choice(second)) + random.choice(
        ("", " now", "?")
    )


def day_of(number: int, *, new_share: float = 0.0, rows: int = 150) -> list[Traffic]:
    """A day of requests; of those about what is new, half of the users write the answer."""
    random, day = Random(number), START + timedelta(days=number)
    found = []
    for i in range(rows):
        new = random.random() < new_share
        feedback = Feedback(rating=-1, correction=f"answer {day} {i}") if new and i % 2 else None
        found.append(
            Traffic(
                id=f"{day}-{i}",
                at=f"{day}T{i % 24:02}:00:00Z",
                user=f"{day} {i}",
                prompt=asked(random, new),
                response="as you like",
                adapter="bank v1",
                feedback=feedback,
            )
        )
    return found


def site_of(registry: Registry, labels: int = 10_000) -> NightContext:
    state = home() / "monitoring"
    return NightContext(
        registry=registry,
        traffic=TrafficStore(Path("traffic"), redact=False, quarantine=state / "quarantine"),
        # Shared by the tests of this file: what they ask is much the same.
        embeddings=Embeddings(EMBEDDER, ROOT / ".incumbent" / "tests" / "embeddings.db"),
        keep_days=90,
        # What is asked here is the same on every day: a Saturday is no other kind of day.
        drift=DriftParams(perplexity_rows=0, minimum_reference=200, weekend=()),
        trigger=TriggerParams(minimum_labels=labels),
    )


@pytest.fixture
def context(tmp_path: Path, make_adapter: Make) -> Iterator[NightContext]:
    """A champion, and three days of traffic before its first night."""
    with Registry(home() / "registry", "bank", clock=lambda: NOW) as registry:
        version = registry.submit(*make_adapter("a"), "test")
        registry.promote(version.number, "test", force=True)
        made = site_of(registry)
        for number in range(3):
            made.traffic.append(day_of(number))
        yield made


def run(context: NightContext, number: int, traffic: list[Traffic] | None = None) -> Night:
    """A day's traffic, and its night."""
    day = START + timedelta(days=number)
    context.traffic.append(day_of(number) if traffic is None else traffic)
    job = nightly_job(context, ScheduleParams())
    scheduler = Scheduler(ScheduleParams(), [job], context.registry.engine, clock=lambda: NOW)
    assert scheduler.run(job, day, insist=True), runs_of(context.registry.engine, job.name)
    return nights_before(context.registry.engine, "bank", day + timedelta(days=1))[-1]


def test_quiet_nights_are_quiet_and_a_drift_ends_in_a_queue_where_labels_are_missing(
    context: NightContext,
) -> None:
    quiet = [run(context, number) for number in (3, 4)]
    assert {(n.verdict, n.state) for n in quiet} == {(DriftVerdict.NO_DRIFT, DriftState.OK)}
    assert check(context, START + timedelta(days=4)) == quiet[1], "it depends on nothing else"
    first, second = (run(context, number, day_of(number, new_share=0.3)) for number in (5, 6))
    assert (first.verdict, first.state) == (DriftVerdict.DRIFT, DriftState.WATCH)
    assert (second.state, second.action) == (DriftState.CONFIRMED, Action.LABEL)
    corrected = [r for number in (5, 6) for r in day_of(number, new_share=0.3) if r.feedback]
    assert "0 accepted labels on the drifted topics, 10000 needed" in second.reasons
    waiting = f"{len(corrected)} corrections of users wait in it until a person accepts them"
    assert waiting in second.reasons  # those of both nights
    assert any("coin" in text or "token" in text or "nft" in text for text in told(second))
    queue = json.loads(LABEL_QUEUE.read_bytes())
    assert all("which" in task["data"]["prompt"] for task in queue[:10])
    assert "drift" in page_path("bank", START + timedelta(days=6)).read_text().lower()


def test_500_corrections_of_one_user_wait_until_a_person_accepts_them(
    context: NightContext,
) -> None:
    """Through the real night, and the real split of the rows; then an annotator confirms them."""
    context = dataclasses.replace(context, trigger=TriggerParams(minimum_labels=20))
    attack = [correction_of(i) for i in range(500)]
    base = [
        Row.of(f"what is number {i}?", f"it is {i}", group=f"g{i}", source="s") for i in range(400)
    ]
    params = CurateParams(dev=20, sealed=40)
    for number in (5, 6):
        rows = [*day_of(number, new_share=0.3), *(attack if number == 6 else ())]
        night = run(context, number, rows)
    assert (night.verdict, night.action) == (DRIFT, Action.LABEL)
    assert (LABELLED.exists(), read_changes()) == (False, {})
    before = curate(base, read_changes(), params).parts
    queue = json.loads(LABEL_QUEUE.read_bytes())
    theirs = [task for task in queue if task["data"]["user"] == pseudonym(attack[0])]
    assert len(theirs) == 50
    assert any("450 left out: over 50 labels of one user" in r for r in night.reasons)

    for task in theirs:
        task["annotations"] = [{"result": task["predictions"][0]["result"]}]
    Path("export.json").write_text(json.dumps(queue))
    accept(read_labels(Path("export.json")), context.registry, "true")
    after = curate([*base, *Row.read_lines(LABELLED)], read_changes(), params).parts
    for part in Split:
        new = [row for row in after[part] if row.source == LABELLED.name]
        assert new
        assert {row.slices.get("drift") for row in new} == {"2026-03-07"}
        assert [row for row in after[part] if row.source == "s"] == before[part]
    following = run(context, 7, day_of(7, new_share=0.3))
    assert "1 accepted labels on the drifted topics, 20 needed" in following.reasons


def test_a_retrain_starts_once_a_person_accepted_what_many_users_wrote(
    context: NightContext,
) -> None:
    trigger = TriggerParams(minimum_labels=20, confirm_nights=1)
    context = dataclasses.replace(context, trigger=trigger)
    assert run(context, 5, of_users(day_of(5, new_share=0.4))).action is Action.LABEL
    queue = json.loads(LABEL_QUEUE.read_bytes())
    for task in queue:
        task["annotations"] = [{"result": [{"value": {"text": ["what is right"]}}]}]
    Path("export.json").write_text(json.dumps(queue))
    accept(read_labels(Path("export.json")), context.registry, "true")
    context.traffic.append(of_users(day_of(6, new_share=0.4)))
    night = check(context, START + timedelta(days=6))
    assert (night.verdict, night.action) == (DRIFT, Action.RETRAIN), night.reasons


def correction_of(number: int) -> Traffic:
    return Traffic(
        id=f"attack {number}",
        at="2026-03-08T12:00:00Z",
        user="mallory",
        prompt=f"which crypto coin should I buy, of {1_000 + number}?",
        response="as you like",
        adapter="bank v1",
        feedback=Feedback(rating=-1, correction=f"coin {number} of mine"),
    )


def of_users(rows: list[Traffic]) -> list[Traffic]:
    """Each row of a user of its own."""
    return [row.model_copy(update={"user": f"user {i}"}) for i, row in enumerate(rows)]


def test_what_trusted_users_write_is_accepted_by_the_night_and_recorded_as_such(
    context: NightContext,
) -> None:
    trusted = tuple(f"user {i}" for i in range(0, 150, 3))
    trigger = TriggerParams(minimum_labels=5, confirm_nights=1, trusted=trusted)
    context = dataclasses.replace(context, trigger=trigger)
    day = of_users(day_of(5, new_share=0.4))
    context.traffic.append(day)
    night = check(context, START + timedelta(days=5))
    assert (night.state, night.action) == (DriftState.ACT, Action.RETRAIN)
    assert not LABELLED.exists() and night.to_label
    night = accept_and_queue(context, night, night.to_label)
    theirs = {row.prompt_text for row in day if row.user in trusted and row.feedback}
    assert {row.prompt_text for row in Row.read_lines(LABELLED)} == theirs
    (change,) = read_changes().values()
    assert (
        change.reason == "the night of 2026-03-07: written by users in monitoring.trigger.trusted"
    )
    assert any("rows are new in" in reason for reason in night.reasons)
    again = check(context, START + timedelta(days=5))  # after a crash
    assert again.to_label
    accept_and_queue(context, again, again.to_label)
    assert (again.action, len(read_changes())) == (Action.RETRAIN, 1)
    queue = json.loads(LABEL_QUEUE.read_bytes())
    waiting = {task["data"]["prompt"] for task in queue if "predictions" in task}
    assert waiting and not waiting & theirs


def told(night: Night) -> list[str]:
    return [text.lower() for topic in night.topics for text in (topic.name, *topic.exemplars)]


def changed(rows: list[Traffic], update: dict[str, object]) -> list[Traffic]:
    return [row.model_copy(update=update) for row in rows]


def test_answers_that_the_kept_judge_likes_less_are_drift(context: NightContext) -> None:
    """The pipeline's reward model may be another one by then, or gone."""
    make_reward_model()
    liked, disliked = most_and_least_liked()
    days = [changed(day_of(number), liked) for number in range(3, 12)]
    nights = [run(context, number, day) for number, day in enumerate(days, start=3)]
    assert verdict_of("judge", nights[-1]) is DriftVerdict.NO_DRIFT
    shutil.rmtree(REWARD)
    shutil.rmtree(home() / "judges")
    collect(context.registry, dry_run=False)
    worse = run(context, 12, changed(day_of(12), disliked))
    assert verdict_of("judge", worse) is DRIFT


def make_reward_model() -> None:
    """The embedder with a head that nobody trained: what it likes is no better than chance."""
    # Imported here so that the process that is killed does not wait for it.
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    torch.manual_seed(3)
    folder = locate(ModelChoice(), "embedder")
    model = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=1)
    for part in (model, AutoTokenizer.from_pretrained(folder)):
        part.save_pretrained(REWARD)
    Calibration(**GOOD).write(CALIBRATION)


def rewards_of(judge: AnswerJudge, rows: list[Traffic]) -> float:
    found = judge.rewards([row.prompt_text for row in rows], [row.response for row in rows])
    return float(found.mean())


def most_and_least_liked() -> tuple[dict[str, object], dict[str, object]]:
    """What the days before were answered, and what this head likes less."""
    answers = ("as you like", "the cat sat on the mat, purring; it rained all day long")
    rows, judge = day_of(0), AnswerJudge(REWARD)
    updates: list[dict[str, object]] = [{"response": answer} for answer in answers]
    liked = sorted(updates, key=lambda update: rewards_of(judge, changed(rows, update)))
    assert liked[-1] == updates[0]
    return liked[-1], liked[0]


def verdict_of(signal: str, night: Night) -> DriftVerdict:
    return next(r.verdict for r in night.readings if (r.signal, r.nights) == (signal, 1))


def test_a_retrain_goes_on_from_the_verdict_that_it_follows_from(context: NightContext) -> None:
    """The first attempt keeps its check and fails in the pipeline; the second one goes on."""
    trusted = tuple(f"user {i}" for i in range(150))
    trigger = TriggerParams(minimum_labels=10, confirm_nights=1, trusted=trusted)
    context = dataclasses.replace(context, trigger=trigger)
    day = START + timedelta(days=5)
    context.traffic.append(of_users(day_of(5, new_share=0.4)))
    job = nightly_job(context, ScheduleParams())
    scheduler = Scheduler(ScheduleParams(), [job], context.registry.engine, clock=lambda: NOW)
    for attempt in (1, 2):
        assert not scheduler.run(job, day, insist=True)
        (failed,) = runs_of(context.registry.engine, job.name)
        assert (failed.attempts, failed.state) == (attempt, "waiting")
        assert "`dvc --wait-for-lock repro` failed" in (failed.problem or "")
    (night,) = nights_before(context.registry.engine, "bank", date(2026, 4, 1))
    assert (night.state, night.action) == (DriftState.ACT, Action.RETRAIN)
    lines = LABELLED.read_text().splitlines()
    assert len(lines) == len(set(lines)) > 10
    assert len(read_changes()) == 1


def test_a_night_that_is_killed_anywhere_is_done_once_when_it_is_run_again(
    context: NightContext,
) -> None:
    """SIGKILL at growing delays; each run goes on from what the one before it left."""
    context.traffic.append(day_of(3))
    context.registry.engine.dispose()
    code = "from tests.monitoring.test_night import in_another_process; in_another_process()"
    kills = 0
    for delay in (0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0):
        process = subprocess.Popen(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(ROOT)}
        )
        try:
            process.wait(delay)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            kills += 1
            process.wait()
    assert kills
    subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True
    )
    (night,) = nights_before(context.registry.engine, "bank", date(2026, 4, 1))
    assert night.verdict is DriftVerdict.NO_DRIFT
    assert len(context.registry.history(kind="watch")) == 1


def in_another_process() -> None:
    """Runs the fourth day's night, whoever was at it before: its lease has run out."""
    later = NOW
    with Registry(home() / "registry", "bank", clock=lambda: later) as registry:
        job = nightly_job(site_of(registry), ScheduleParams())
        for known in runs_of(registry.engine, job.name):
            later = datetime.fromisoformat(known.until)
        scheduler = Scheduler(ScheduleParams(), [job], registry.engine, clock=lambda: later)
        scheduler.run(job, START + timedelta(days=3), insist=True)
