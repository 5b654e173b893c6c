"""Stage `compare`: from score tables and policy to evidence, metrics, a plot and a report."""

import json
from collections.abc import Sequence
from typing import Any

from evaluation.decision.evidence import differences, weigh
from evaluation.decision.policy import Policy
from evaluation.decision.policy_checks import unqualified
from evaluation.decision.rule import rule
from evaluation.generation.answers import Answer, Role, answers_of
from evaluation.report.report_data import read_report_data
from evaluation.report.report_page import report
from evaluation.scoring.score_table import read_scores, scored
from project.files import write_bytes
from project.paths import CALIBRATION, DIFFERENCES, EVIDENCE, METRICS, REPORT
from project.records.data import Split
from project.records.scores import Calibration, Evidence, ItemScore, Measured, MetricEvidence, Usage
from project.settings import load


def main() -> None:
    policy = load(Policy)
    evidence = weigh(
        read_scores(Split.SEALED),
        policy,
        dev=read_scores(Split.DEV),
        general=read_scores("general"),
        reference=read_scores(Role.REFERENCE) if scored(Role.REFERENCE) else None,
        few_shot=read_scores(Role.FEW_SHOT) if scored(Role.FEW_SHOT) else None,
        calibration=Calibration.read(CALIBRATION),
        usage={role: usage(role) for role in Role if answers_of(role, Split.SEALED).exists()},
    )
    look = None if unqualified(evidence, policy) else 1
    decision = rule(evidence, policy, look)
    evidence.write(EVIDENCE)
    write_bytes(METRICS, json.dumps(metrics(evidence, look), indent=2).encode() + b"\n")
    shown = read_report_data()
    dev = quantiles(shown.items[Split.DEV], policy.gating, evidence.dev)
    write_bytes(DIFFERENCES, dev.encode())
    write_bytes(REPORT, report(evidence, decision, policy, shown).encode())
    print(f"{decision}")
    print("this is the verdict of a first look; `incumbent submit` counts which look it is")


def usage(system: Role) -> Usage:
    answers = Answer.read_lines(answers_of(system, Split.SEALED))
    return Usage(
        prompt=sum(answer.prompt_tokens for answer in answers) / len(answers),
        answer=sum(answer.tokens for answer in answers) / len(answers),
    )


def metrics(evidence: Evidence, look: int | None) -> dict[str, Any]:
    """What `dvc metrics diff` prints; nothing of a sealed eval set that was not looked at."""
    parts = {"dev": evidence.dev} | ({"sealed": evidence.sealed} if look else {})
    parts |= {f"general, {name}": measured for name, measured in evidence.general.items()}
    return {
        part: {name: cells(found) for name, found in measured.items()}
        for part, measured in parts.items()
    }


def cells(found: MetricEvidence) -> dict[str, float]:
    sides = {Role.CHAMPION: found.champion_mean, Role.CHALLENGER: found.challenger_mean}
    return {side: mean for side, mean in sides.items() if mean is not None} | {"diff": found.diff}


def quantiles(items: Sequence[ItemScore], gating: Sequence[str], dev: Measured) -> str:
    """What `dvc plots` draws: every gating metric's dev differences, each from worst to best."""
    better = {metric: found.better for metric, found in dev.items()}
    columns = [sorted(differences(items, m, better.get(m)).tolist()) for m in gating]
    lines = ["\t".join(("share", *gating))]
    for i in range(min(map(len, columns))):
        share = (i + 0.5) / len(columns[0])
        lines.append("\t".join(f"{value:.6f}" for value in (share, *(c[i] for c in columns))))
    return "\n".join(lines) + "\n"
