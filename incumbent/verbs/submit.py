"""`incumbent submit`: the pipeline's challenger becomes a version with a decision."""

from pathlib import Path

from evaluation.decision.policy import Policy
from evaluation.decision.policy_checks import unqualified
from evaluation.decision.rule import rule
from evaluation.evaluation_settings import Prices
from evaluation.generate import seconds
from evaluation.report.report_data import read_report_data
from evaluation.report.report_page import report
from incumbent.comparison_table import print_arrow_note, print_measured, print_verdict
from incumbent.output import EXIT_CODES, console, print_json
from project.errors import InputError
from project.files import home, write_bytes
from project.paths import ADAPTER, ADAPTER_FILES, DATASET, EVAL_SET, EVIDENCE, GATE_REPORT
from project.records.adapters import Adapter, AdapterVersion, Opponent
from project.records.data import DatasetVersion, GateReport
from project.records.scores import Decision, EvalSet, Evidence, Verdict
from project.settings import load
from registry.store import Registry


def submit_challenger(*, promote: bool, reason: str, as_json: bool) -> int:
    """Submit, decide, and promote if asked and won; returns the verdict's exit code."""
    adapter = Adapter.read(ADAPTER)
    evidence = Evidence.read(EVIDENCE)
    policy = load(Policy)
    with Registry.here() as registry:
        opponent = registry.opponent(adapter.files)
        refuse_stale(evidence, policy, adapter, opponent)
        is_champion = registry.is_champion(adapter.files)
        version = registry.submit(adapter, ADAPTER_FILES, reason, *lineage())
        decided = registry.decision(version.number)
        if decided and answered_on_another_machine(decided, evidence):
            print_kept(version, decided, evidence, is_champion=is_champion, as_json=as_json)
            return EXIT_CODES[decided.verdict]
        decision = decide(registry, version, evidence, policy)
        page = home() / "reports" / f"{version.family}-v{version.number}.html"
        write_bytes(page, comparison(evidence, decision, policy).encode())
        fallen = registry.rolled_back(version.number)
        promoted = promote and decision.verdict is Verdict.PROMOTE and not fallen
        if promoted:
            registry.promote(version.number, reason, by="policy")
    if as_json:
        print_as_json(version, decision)
    else:
        print_comparison(evidence, decision, policy, opponent)
        print_outcome(
            version, decision, page, promoted=promoted, is_champion=is_champion, fallen=fallen
        )
    return EXIT_CODES[decision.verdict]


def comparison(evidence: Evidence, decision: Decision, policy: Policy) -> str:
    """The report, with the time that the answers took: a stage's outputs may not hold that."""
    prices = load(Prices)
    return report(evidence, decision, policy, read_report_data(), seconds=seconds(), prices=prices)


def refuse_stale(evidence: Evidence, policy: Policy, adapter: Adapter, opponent: Opponent) -> None:
    """Raise InputError when the evidence is not about this challenger, champion and policy."""
    pins = evidence.pins
    if evidence.policy != policy.digest:
        raise InputError("was weighed under another policy: run `dvc repro` first", file=EVIDENCE)
    if pins is None or (pins.challenger, pins.champion) != (adapter.files, opponent.adapter):
        raise InputError(
            f"is not about {adapter} against {opponent}: run `dvc repro` first", file=EVIDENCE
        )


def answered_on_another_machine(decision: Decision, evidence: Evidence) -> bool:
    """Whether the pair was decided on at this very eval set, by answers under other numerics.

    The decision stays, won or lost: else moving to another machine would be a second try, and free.
    """
    then, now = decision.pins, evidence.pins
    if then is None or now is None or then.numerics == now.numerics:
        return False
    return (then.eval_set, then.champion, then.challenger) == (
        now.eval_set,
        now.champion,
        now.challenger,
    )


def lineage() -> tuple[DatasetVersion, GateReport]:
    return DatasetVersion.read(DATASET), GateReport.read(GATE_REPORT)


def decide(
    registry: Registry, version: AdapterVersion, evidence: Evidence, policy: Policy
) -> Decision:
    """Count a look if the challenger qualified for one, decide, and keep the decision.

    What made a champion, or came before its rollback, stays: a newer rule would decide anew on the
    same scores, and what was rolled back could be promoted by that.
    """
    decided = registry.decision(version.number)
    settled = registry.is_champion(version.adapter.files) or registry.rolled_back(version.number)
    if decided and settled and (decided.pins, decided.policy) == (evidence.pins, policy.digest):
        return decided
    decision = rule(evidence, policy, look=None)
    if evidence.pins and not unqualified(evidence, policy):
        eval_set = EvalSet.read(EVAL_SET)
        look = registry.count_look(evidence.pins, eval_set, version.number, policy.alpha)
        decision = rule(evidence, policy, look.number, look.budget)
    registry.record_decision(version.number, decision, evidence, policy)
    return decision


def print_as_json(version: AdapterVersion, decision: Decision) -> None:
    print_json(
        {"version": version.model_dump(mode="json"), "decision": decision.model_dump(mode="json")}
    )


def print_kept(
    version: AdapterVersion,
    decision: Decision,
    evidence: Evidence,
    *,
    is_champion: bool,
    as_json: bool,
) -> None:
    """Say that a decision stays, though the pipeline has answered anew on another machine."""
    if as_json:
        print_as_json(version, decision)
        return
    assert decision.pins and evidence.pins, "they differ in their numerics"
    console.print()
    print_verdict(decision, f"{version.label}: ")
    if is_champion:
        console.print(f"{version.label} is the champion already; nothing changed")
    console.print(
        f"the decision rests on answers in {decision.pins.numerics or 'unrecorded numerics'}; the "
        f"last `dvc repro` answered in {evidence.pins.numerics}: the decision stays",
        soft_wrap=True,
    )


def print_comparison(
    evidence: Evidence, decision: Decision, policy: Policy, opponent: Opponent
) -> None:
    """The gating metrics on the sealed eval set, or on dev when it was not looked at."""
    looked = decision.opening is not None
    measured = evidence.sealed if looked else evidence.dev
    console.print(
        f"\nchallenger against {opponent.label}, {'sealed' if looked else 'dev'} eval set"
    )
    gating = {m: measured[m] for m in policy.gating if m in measured}
    print_measured(gating, decision.bounds)
    print_arrow_note(gating)


def print_outcome(
    version: AdapterVersion,
    decision: Decision,
    page: Path,
    *,
    promoted: bool,
    is_champion: bool,
    fallen: bool,
) -> None:
    console.print()
    print_verdict(decision, f"{version.label}: ")
    if is_champion:
        console.print(f"{version.label} is the champion already; nothing changed")
    elif fallen:
        console.print(
            f"it was rolled back: incumbent rollback --to {version.number} brings it back"
        )
    elif promoted:
        console.print(f"{version.label} is the champion now")
    elif decision.verdict is Verdict.PROMOTE:
        console.print(f"to make it the champion: incumbent promote {version.number}")
    console.print(f"report: {page}", soft_wrap=True)
