"""Stage `compare`: from score tables and policy to evidence, metrics and a report."""

import json
from typing import Any

from evaluation.answers import SIDES, Answer, answers_of
from evaluation.decision import rule, unqualified
from evaluation.evidence import weigh
from evaluation.policy import Policy
from evaluation.report import Example, report
from registry.errors import run_stage
from registry.files import write_bytes
from registry.layout import CALIBRATION, CHAMPION, EVIDENCE, METRICS, REPORT, SCORES, rows_of
from registry.params import load
from registry.records import (
    Calibration,
    Evidence,
    ItemScore,
    MetricEvidence,
    Opponent,
    Row,
    ScorePins,
    ScoreTable,
    Split,
)


def main() -> None:
    policy = load(Policy, "evaluation.policy")
    evidence = weigh(
        read_scores(Split.SEALED),
        policy,
        dev=read_scores(Split.DEV),
        calibration=Calibration.read(CALIBRATION),
        tokens={side: mean_tokens(side) for side in SIDES},
    )
    opening = None if unqualified(evidence, policy) else 1
    decision = rule(evidence, policy, opening)
    evidence.write(EVIDENCE)
    write_bytes(METRICS, json.dumps(metrics(evidence, opening), indent=2).encode() + b"\n")
    page = report(evidence, decision, policy, Opponent.read(CHAMPION), examples())
    write_bytes(REPORT, page.encode())
    print(f"{decision}")
    print(
        "this is the verdict of a first opening; `incumbent submit` asks the registry which it is"
    )


def read_scores(part: Split) -> ScoreTable:
    return ScoreTable(
        pins=ScorePins.read(SCORES / f"{part}.pins.json"),
        items=ItemScore.read_lines(SCORES / f"{part}.jsonl"),
    )


def mean_tokens(side: str) -> float:
    answers = Answer.read_lines(answers_of(side, Split.SEALED))
    return sum(answer.tokens for answer in answers) / len(answers)


def metrics(evidence: Evidence, opening: int | None) -> dict[str, Any]:
    """What `dvc metrics diff` prints; nothing of an exam that stays closed."""
    parts = {"dev": evidence.dev} | ({"sealed": evidence.sealed} if opening else {})
    return {
        part: {name: cells(found) for name, found in measured.items()}
        for part, measured in parts.items()
    }


def cells(found: MetricEvidence) -> dict[str, float]:
    sides = {"champion": found.champion_mean, "challenger": found.challenger_mean}
    return {side: mean for side, mean in sides.items() if mean is not None} | {"diff": found.diff}


def examples() -> list[Example]:
    """The dev items, which everybody may look at, side by side."""
    answers = {
        side: {a.item: a.text for a in Answer.read_lines(answers_of(side, Split.DEV))}
        for side in SIDES
    }
    scores = {item.item: item for item in read_scores(Split.DEV).items}
    return [
        Example(
            row=row,
            champion=answers["champion"][row.id],
            challenger=answers["challenger"][row.id],
            scores=scores[row.id],
        )
        for row in Row.read_lines(rows_of(Split.DEV))
    ]


if __name__ == "__main__":
    run_stage(main)
