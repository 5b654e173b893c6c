"""Stage `compare`: from dev scores and policy to evidence, metrics, a plot and a report.

It says whether the challenger qualifies. Nothing of the sealed eval set is known here.
"""

import json
from collections.abc import Sequence
from typing import Any

from evaluation.decision.gains import kept_gains, kept_lines, reward_doubt, reward_gains
from evaluation.decision.metric_evidence import differences
from evaluation.decision.policy import Policy
from evaluation.decision.policy_checks import unqualified
from evaluation.decision.rule import rule
from evaluation.decision.score_evidence import weigh
from evaluation.generation.answers import SIDES, Answer, Role, answers_of
from evaluation.generation.contestants import dev_items, left_out
from evaluation.preference.judge_calibration import with_tuned
from evaluation.report.report_data import parted, read_report_data
from evaluation.report.report_page import report
from evaluation.scoring.score_table import read_scores, scored
from evaluation.suites.every_suite import read_suite_evidence
from project.files import write_bytes
from project.paths import ADAPTER, CALIBRATION, DIFFERENCES, EVIDENCE, METRICS, REPORT
from project.records.adapters import Adapter
from project.records.data import Split
from project.records.evidence import (
    Evidence,
    Measured,
    MetricEvidence,
    Usage,
    rated_by_people,
)
from project.records.preferences import Calibration
from project.records.scores import ItemScore
from project.settings import load
from project.untrusted_input import shortened


def main() -> None:
    policy = load(Policy)
    evidence = weigh(
        None,
        policy,
        dev=read_scores(Split.DEV),
        general=read_scores("general"),
        few_shot=read_scores(Role.FEW_SHOT) if scored(Role.FEW_SHOT) else None,
        suites=read_suite_evidence(policy),
        calibration=calibration(),
        usage={role: usage(role) for role in Role if answers_of(role, Split.DEV).exists()},
    )
    more: dict[str, Any] = {}
    if fewer := left_out(Split.DEV, dev_items()):
        more["left_out"] = fewer
    if scored(Role.BASE):  # the champion is the challenger's teacher
        more["kept"] = kept_gains(read_scores(Split.DEV), read_scores(Role.BASE), policy)
    if rewarded := Adapter.read(ADAPTER).rewarded:
        more["rewarded"] = rewarded
    evidence = evidence.model_copy(update=more)
    evidence.write(EVIDENCE)
    write_bytes(METRICS, json.dumps(metrics(evidence), indent=2).encode() + b"\n")
    shown = read_report_data()
    on_dev = [metric for metric in policy.gating if not rated_by_people(metric)]
    write_bytes(DIFFERENCES, quantiles(shown.dev, on_dev, evidence.dev).encode())
    write_bytes(REPORT, report(evidence, rule(evidence, policy, None), policy, shown).encode())
    for line in kept_lines(evidence.kept or {}):
        print(line)
    if gains := reward_gains(evidence, policy):
        print(gains)
    if doubt := reward_doubt(evidence, policy):
        print(f"warning: {doubt}")
    for example in parted(evidence, policy, shown.examples):
        print(f"warning: {example.row.id}: {shortened(example.challenger)}")
    if reasons := unqualified(evidence, policy):
        print("\n".join(reasons))
    else:
        print("the challenger qualifies on dev; `incumbent submit` looks at the sealed eval set")


def calibration() -> Calibration:
    """How far the judge of preference can be trusted, on these two systems too."""
    rows = dev_items()
    sides = (Answer.read_lines(answers_of(side, Split.DEV)) for side in SIDES)
    return with_tuned(Calibration.read(CALIBRATION), read_scores(Split.DEV), rows, *sides)


def usage(system: Role) -> Usage:
    answers = Answer.read_lines(answers_of(system, Split.DEV))
    return Usage(
        prompt=sum(answer.prompt_tokens for answer in answers) / len(answers),
        answer=sum(answer.tokens for answer in answers) / len(answers),
    )


def metrics(evidence: Evidence) -> dict[str, Any]:
    """What `dvc metrics diff` prints."""
    parts = {"dev": evidence.dev}
    parts |= {f"general, {name}": measured for name, measured in evidence.general.items()}
    for suite, weighed in (evidence.suites or {}).items():
        parts |= {f"{suite}, {name}": measured for name, measured in weighed.champion.items()}
        for name, measured in (weighed.base or {}).items():
            parts[f"{suite} against the bare base, {name}"] = measured
    return {
        part: {name: cells(metric) for name, metric in measured.items()}
        for part, measured in parts.items()
    }


def cells(evidence: MetricEvidence) -> dict[str, float]:
    sides = {Role.CHAMPION: evidence.champion_mean, Role.CHALLENGER: evidence.challenger_mean}
    return {side: mean for side, mean in sides.items() if mean is not None} | {
        "diff": evidence.diff
    }


def quantiles(items: Sequence[ItemScore], gating: Sequence[str], dev: Measured) -> str:
    """What `dvc plots` draws: every gating metric's dev differences, each from worst to best."""
    better = {metric: evidence.better for metric, evidence in dev.items()}
    columns = [sorted(differences(items, m, better.get(m)).tolist()) for m in gating]
    lines = ["\t".join(("share", *gating))]
    for i in range(min(map(len, columns), default=0)):
        share = (i + 0.5) / len(columns[0])
        lines.append("\t".join(f"{value:.6f}" for value in (share, *(c[i] for c in columns))))
    return "\n".join(lines) + "\n"
