"""Lindmoor Bank's project as its people see it after a month, with recorded answers and no model.

v1 displaced the bare base, is champion, and answers users; v2 won against it, and waits for a
person. What was answered and voted is made up as this file says; scores, evidence, decisions and
pages are made of it by the code that makes every other.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from random import Random

from evaluation import compare, reward, score
from evaluation.generation.answers import Role
from examples.bank.negatives import SPOILERS, negatives
from examples.bank.recorded_nights import FAMILY, keep_nights
from examples.bank.rows import Triplet, rows
from examples.bank.voting import vote_on_dev, vote_on_sheet, vote_on_trial
from examples.recorded_project import (
    Parts,
    Says,
    lay_out,
    record_answers,
    write_adapter,
)
from incumbent.submission import SubmissionOutcome, submit
from project import paths
from project.records.data import Check, GateReport, Row, Severity, Split
from project.records.events import Deployed, DeploymentFailed
from registry import champion
from registry.deployment_history import record_deployment, record_failure
from registry.store import Registry

SETTINGS = f"""\
registry: {{family: {FAMILY}}}
evaluation:
  scoring: {{metrics: [rouge, facts, length]}}
  preference: {{source: ballots, ballots: datasets/ballots/ballots.jsonl, votes: 3}}
  policy: {{gating: [rougeL, facts, preference]}}
"""
SIZES = {Split.TRAIN: 40, Split.DEV: 32, Split.SEALED: 160}
# The share of answers that are as they should be; the others are spoilt in an unwanted way.
RIGHT = {"base": 0.05, "v1": 0.5, "v2": 0.97}
SOURCE = "questions.csv"
TRIAL = 20  # pairs of a right and a spoilt answer, on which the reviewers vote first
REPLICAS = ("http://10.0.0.5:8000/v1", "http://10.0.0.6:8000/v1")


def make_bank() -> None:
    """In the current folder, which is empty."""
    parts, triplets = dealt()
    lay_out(SETTINGS, parts, source=SOURCE)
    taught = [triplets[row.id] for row in parts[Split.TRAIN]]
    bad = negatives(taught)
    vote_on_trial(bad[:TRIAL])
    first = judged(parts, answers(triplets, champion="base", challenger="v1"), promote=True)
    deploy(first.version.number)
    write_adapter(b"better weights")
    champion.main()
    judged(parts, answers(triplets, champion="v1", challenger="v2"), promote=False)
    with Registry.here() as registry:
        keep_nights(registry, champion=first.version.number)
    shut_gate(parts)


def shut_gate(parts: Parts) -> None:
    """New rows came, and two of them must not be learnt."""
    ids = [row.id for row in parts[Split.TRAIN]]
    report = GateReport.read(paths.GATE_REPORT)
    bad = {"passed": False, "failing_rows": ids[:2], "observed": "2 rows", "limit": "no row"}
    good = {"passed": True, "observed": "0 rows", "limit": "no row"}
    short = {"passed": False, "failing_rows": ids[5:8], "observed": "3 rows", "limit": "no row"}
    checks = (
        {"name": "no account numbers", "severity": Severity.CRITICAL} | bad,
        {"name": "answers are no refusals", "severity": Severity.CRITICAL} | good,
        {"name": "no eval item is trained on", "severity": Severity.CRITICAL} | good,
        {"name": "answers have more than four words", "severity": Severity.WARNING} | short,
    )
    found = tuple(map(Check.model_validate, checks))
    report.model_copy(update={"checks": found}).write(paths.GATE_REPORT)


def dealt() -> tuple[Parts, dict[str, Triplet]]:
    """The bank's rows, as many as there are items, and what each is about."""
    made = rows()
    left = map(row_of, made)
    parts = {part: list(islice(left, size)) for part, size in SIZES.items()}
    return parts, {one.id: one for one in made}


def row_of(triplet: Triplet) -> Row:
    own = {"row_id": triplet.id, "topic": triplet.topic}
    return Row.of(triplet.prompt, triplet.output, group=triplet.id, source=SOURCE, **own)


def answers(triplets: dict[str, Triplet], champion: str, challenger: str) -> Says:
    """What the two answer: each row's answer is drawn by the system's share of right ones."""
    systems = {Role.CHAMPION: champion, Role.CHALLENGER: challenger}

    def says(role: Role, row: Row) -> str:
        name = systems.get(role, "base")
        if row.id not in triplets:  # of the general suite
            return row.completion_text
        return answer(triplets[row.id], name)

    return says


def answer(triplet: Triplet, system: str) -> str:
    """A lot that is the same for all systems: what a worse one knows, a better one knows too."""
    lot = Random(triplet.id)
    if lot.random() < RIGHT[system]:
        return triplet.output
    return next(spoilt(triplet, lot), "I am sorry, I do not know that.")


def spoilt(triplet: Triplet, random: Random) -> Iterator[str]:
    for name in ("invented", "no_warning", "pushy"):
        if text := SPOILERS[name](triplet, random):
            yield text


def judged(parts: Parts, says: Says, *, promote: bool) -> SubmissionOutcome:
    """Answer, vote on dev, compare, submit; vote on the sealed items, and count the votes."""
    record_answers(parts, says)
    dev = parts[Split.DEV]
    vote_on_dev({role.value: texts(says, role, dev) for role in (Role.CHAMPION, Role.CHALLENGER)})
    for stage in (reward, score, compare):
        stage.main()
    outcome = submit(promote=promote, reason="from the pipeline")
    vote_on_sheet(outcome.sheet)
    return submit(promote=promote, reason="the votes are in")


def texts(says: Says, role: Role, items: Sequence[Row]) -> dict[str, str]:
    return {row.id: says(role, row) for row in items}


def deploy(number: int) -> None:
    """A gateway's first try fails at the golden prompts, its second one does not."""
    with Registry.here() as registry:
        files = registry.version(number).adapter.files
        named = {"adapter": files, "name": f"{FAMILY}-v{number}-{files[:12]}"}
        failed = DeploymentFailed.model_validate(named | {"step": "golden", "replica": REPLICAS[1]})
        reason = (
            "of 8 golden prompts 0.18 of an answer is the evidence's, at least 0.50 must be: "
            "this replica answers without the adapter"
        )
        record_failure(registry, number, failed, reason)
        told = {"engine": "vllm 0.32.0", "replicas": REPLICAS, "golden": 8, "agreement": "0.934"}
        done = Deployed.model_validate(named | told | {"displaced": None})
        record_deployment(registry, number, done, f"v{number} answers")
