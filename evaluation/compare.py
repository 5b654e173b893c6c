"""Stage `compare`: from score tables and policy to evidence, metrics, a plot and a report."""

import json
from collections.abc import Sequence
from typing import Any

from evaluation.decision.evidence import differences, weigh
from evaluation.decision.policy import Policy
from evaluation.decision.policy_checks import unqualified
from evaluation.decision.rule import rule
from evaluation.generation.answers import Answer, answers_of
from evaluation.report.report_data import read_report_data
from evaluation.report.report_page import report
from evaluation.scoring.score_table import read_scores, scored
from project.files import write_bytes
from project.paths import CALIBRATION, DIFFERENCES, EVIDENCE, METRICS, REPORT
from project.records.data import Split
from project.records.scores import Calibration, Evidence, ItemScore, MetricEvidence, Usage
from project.settings import load
from project.stage import run_stage

SYSTEMS = ("champion", "challenger", "reference", "few-shot")


def main() -> None:
    policy = load(Policy)
    evidence = weigh(
        read_scores(Split.SEALED),
        policy,
        dev=read_scores(Split.DEV),
        general=read_scores("general"),
        reference=read_scores("reference") if scored("reference") else None,
        few_shot=read_scores("few-shot") if scored("few-shot") else None,
        calibration=Calibration.read(CALIBRATION),
        usage={s: usage(s) for s in SYSTEMS if answers_of(s, Split.SEALED).exists()},
    )
    opening = None if unqualified(evidence, policy) else 1
    decision = rule(evidence, policy, opening)
    evidence.write(EVIDENCE)
    write_bytes(METRICS, json.dumps(metrics(evidence, opening), indent=2).encode() + b"\n")
    shown = read_report_data()
    write_bytes(DIFFERENCES, quantiles(shown.items[Split.DEV], policy.gating).encode())
    write_bytes(REPORT, report(evidence, decision, policy, shown).encode())
    print(f"{decision}")
    print(
        "this is the verdict of a first opening; `incumbent submit` asks the registry which it is"
    )


def usage(system: str) -> Usage:
    answers = Answer.read_lines(answers_of(system, Split.SEALED))
    return Usage(
        prompt=sum(answer.prompt_tokens for answer in answers) / len(answers),
        answer=sum(answer.tokens for answer in answers) / len(answers),
    )


def metrics(evidence: Evidence, opening: int | None) -> dict[str, Any]:
    """What `dvc metrics diff` prints; nothing of an exam that stays closed."""
    parts = {"dev": evidence.dev} | ({"sealed": evidence.sealed} if opening else {})
    parts |= {f"general, {name}": measured for name, measured in evidence.general.items()}
    return {
        part: {name: cells(found) for name, found in measured.items()}
        for part, measured in parts.items()
    }


def cells(found: MetricEvidence) -> dict[str, float]:
    sides = {"champion": found.champion_mean, "challenger": found.challenger_mean}
    return {side: mean for side, mean in sides.items() if mean is not None} | {"diff": found.diff}


def quantiles(items: Sequence[ItemScore], gating: Sequence[str]) -> str:
    """What `dvc plots` draws: every gating metric's dev differences, each from worst to best."""
    columns = [sorted(differences(items, metric).tolist()) for metric in gating]
    lines = ["\t".join(("share", *gating))]
    for i in range(min(map(len, columns))):
        share = (i + 0.5) / len(columns[0])
        lines.append("\t".join(f"{value:.6f}" for value in (share, *(c[i] for c in columns))))
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    run_stage(main)
