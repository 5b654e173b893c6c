"""`incumbent submit`: the pipeline's challenger becomes a version with a decision."""

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from curation.splitting.eval_sets import EVAL_SETS
from evaluation.decision.policy import Policy
from evaluation.decision.policy_checks import unqualified
from evaluation.decision.rule import rule
from evaluation.decision.sampled_answers import item_means
from evaluation.decision.ways_out import ways_out
from evaluation.evaluation_settings import PreferenceParams, Prices
from evaluation.generate import seconds
from evaluation.preference.ballots.registry_ballots import with_cast_votes
from evaluation.preference.ballots.votes_decision import with_votes
from evaluation.preference.ballots.voting_sheet import write_voting_sheet
from evaluation.report.dev_items import keep_dev_items
from evaluation.report.kept_report import kept_report, kept_report_path
from evaluation.report.report_data import read_report_data
from evaluation.report.report_page import report
from evaluation.report.right_answers import right_lines, unchecked
from evaluation.score import contestant_names, eval_set_of
from evaluation.score import pins as pins_of
from evaluation.sealed_look import SealedItems, SealedLook, refuse_trained
from incumbent.comparison_table import (
    print_arrow_note,
    print_measured,
    print_samples_note,
    print_verdict,
)
from incumbent.mirroring.mirror import mirror
from incumbent.mirroring.mirror_files import figures_page
from incumbent.output import EXIT_CODES, console, print_json
from incumbent.provenance.current_provenance import Noted, current_provenance, tag_version
from incumbent.sharing.push_version import push_version
from incumbent.verbs.anchor import deliver_anchor
from incumbent.verbs.open_voting import open_voting
from incumbent.verbs.rotate_eval import freeze
from monitoring.asked_items import items_asked
from project.canonical import digest_folder
from project.errors import InputError
from project.files import home, write_bytes
from project.item_prompts import refuse_told_answers
from project.near_duplicates import WordPrints
from project.paths import (
    ADAPTER,
    ADAPTER_FILES,
    CURATED,
    DATASET,
    EVIDENCE,
    GATE_REPORT,
    rows_of,
)
from project.records.adapters import (
    Adapter,
    AdapterVersion,
    Contestant,
    Numerics,
    Opponent,
)
from project.records.ballots import SheetPart
from project.records.data import DatasetVersion, GateReport, Row, Split
from project.records.evidence import Decision, Evidence, Verdict
from project.records.provenance import Provenance
from project.records.scores import ScorePins
from project.settings import load
from registry.alpha_ledger.look_bytes import OtherBytesError
from registry.alpha_ledger.look_lines import LOOKS, note_looks, refuse_unknown
from registry.alpha_ledger.looks import CountedLook
from registry.anchoring.anchor import newest_anchor
from registry.champion import confirmed_opponent
from registry.lineage import apart
from registry.once_sealed import refuse_once_sealed
from registry.registry_settings import RegistryParams
from registry.store import Registry
from review.review_settings import ReviewParams
from training.rows.learnt_rows import learnt_by_challenger, texts_learnt


@dataclass(frozen=True)
class Decided:
    """A decision, and what it rests on."""

    evidence: Evidence
    decision: Decision
    look: SealedLook | None = None  # what was measured just now; None: nothing was
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What a submission came to."""

    version: AdapterVersion
    decided: Decided
    opponent: Opponent
    answered_in: Numerics | None  # by the last `dvc repro`
    is_champion: bool
    fallen: bool  # rolled back, and nothing has brought it back
    promoted: bool
    awaited: bool  # that somebody else promotes it: four eyes are asked for
    frozen: tuple[Split, ...]  # eval sets whose items stay from now on
    is_new: bool = False  # else it was submitted before
    provenance: Provenance | None = None
    unrecorded: str | None = None  # what is missing of it, and why
    unpushed: tuple[str, ...] = ()  # what others cannot fetch yet, and the command that mends it
    voted_on: SheetPart | None = None  # which items people are asked to vote on

    @property
    def page(self) -> Path:
        return home() / "reports" / f"{self.version.family}-v{self.version.number}.html"

    @property
    def figures(self) -> Path:
        """The same without rows, for a tracker."""
        return figures_page(self.version.family, self.version.number)

    @property
    def moved(self) -> str | None:
        """Why another machine's answers change nothing, where there are such."""
        pins = self.decided.decision.pins
        if pins is None or pins.numerics == self.answered_in:
            return None
        return (
            f"the decision rests on answers in {pins.numerics or 'unrecorded numerics'}; the last "
            f"`dvc repro` answered in {self.answered_in}: the decision stays"
        )

    @property
    def sheet(self) -> Path:
        return home() / "votes" / f"{self.version.family}-v{self.version.number}.jsonl"


def submit_challenger(*, promote: bool, reason: str, as_json: bool) -> int:
    """Submit, decide, and promote if asked and won; returns the verdict's exit code."""
    outcome = submit(promote=promote, reason=reason)
    if as_json:
        print_json(fields_of(outcome))
    else:
        print_submission(outcome)
    mirror_outcome(outcome)
    return EXIT_CODES[outcome.decided.decision.verdict]


def submit(*, promote: bool, reason: str) -> Outcome:
    """Submit, decide, promote if asked and won, and write what people read; prints nothing."""
    policy = load(Policy)
    with Registry.here() as registry:
        outcome = submitted(registry, policy, promote=promote, reason=reason)
        asked = open_voting(registry, outcome.version, outcome.decided.look, policy)
        outcome = replace(outcome, voted_on=asked)
    write_page(outcome, policy)
    keep_dev_items(outcome.version)
    outcome = replace(outcome, unpushed=push_version(outcome.version.family))
    if outcome.decided.look and load(PreferenceParams).source == "ballots":
        write_voting_sheet(
            outcome.sheet, SealedItems().rows, outcome.decided.look.answers, contestant_names()
        )
    return outcome


def submitted(registry: Registry, policy: Policy, *, promote: bool, reason: str) -> Outcome:
    adapter, dev = Adapter.read(ADAPTER), Evidence.read(EVIDENCE)
    opponent = confirmed_opponent(registry, adapter.files)
    refuse_stale(dev, policy, adapter, opponent)
    dataset, gate = DatasetVersion.read(DATASET), GateReport.read(GATE_REPORT)
    refuse_changed_rows(dataset)
    refuse_unknown(registry.looks_elsewhere())
    refuse_once_sealed(registry)
    sealed = SealedItems()
    refuse_told_answers(adapter.system_prompt, sealed.rows)
    new = registry.version_of(adapter.files) is None
    if new and adapter.dataset != dataset.digest:
        raise InputError(
            "was trained on other rows than are curated now: run `dvc repro` first", file=ADAPTER
        )
    # Of a known version they are kept already.
    learnt = WordPrints.of(texts_learnt()) if new else None
    noted = current_provenance() if new else Noted(None)
    version = registry.submit(
        adapter,
        ADAPTER_FILES,
        reason,
        *(dataset, gate, *learnt_by_challenger()),
        trained_on=learnt,
        provenance=noted.provenance,
    )
    provenance = registry.provenance(version.number)
    untagged = tag_version(version, provenance.commit) if provenance else None
    decided = decide(registry, version, dev, policy, sealed, opponent.baseline)
    frozen = freeze(registry) if rests_on(decided.decision, sealed) else ()
    is_champion = registry.is_champion(adapter.files)
    fallen = registry.rolled_back(version.number)
    barred = fallen or registry.newest_event(version.number, "reject")
    won = decided.decision.verdict is Verdict.PROMOTE and not barred
    promoted = promote and won and promote_winner(registry, version, reason)
    return Outcome(
        version=version,
        decided=decided,
        opponent=opponent,
        answered_in=dev.pins.numerics if dev.pins else None,
        is_champion=is_champion,
        fallen=fallen,
        promoted=promoted,
        awaited=won and registry.four_eyes and not is_champion,
        frozen=frozen,
        is_new=new,
        provenance=provenance,
        unrecorded=noted.problem or untagged,
    )


def promote_winner(registry: Registry, version: AdapterVersion, reason: str) -> bool:
    """Promote as the policy says. Where four eyes are asked for that is for a person, and False."""
    if registry.four_eyes:
        return False
    registry.promote(version.number, reason, by="policy")
    return True


def rests_on(decision: Decision, sealed: SealedItems) -> bool:
    """Whether the sealed items of now were looked at for a decision."""
    pins = decision.pins if decision.opening is not None else None
    return pins is not None and pins.eval_set == sealed.set.items.digest


def refuse_stale(evidence: Evidence, policy: Policy, adapter: Adapter, opponent: Opponent) -> None:
    """Raise InputError when the evidence is not about this challenger, champion and policy, or was
    not measured as the settings have it now.
    """
    pins = evidence.pins
    if evidence.policy != policy.digest:
        raise InputError("was weighed under another policy: run `dvc repro` first", file=EVIDENCE)
    if pins is None or pins.contestants != (opponent.contestant, adapter.contestant):
        raise InputError(
            f"is not about {adapter} against {opponent}: run `dvc repro` first", file=EVIDENCE
        )
    if pins != pins_of(eval_set_of(Row.read_lines(rows_of(Split.DEV)))):
        raise InputError(
            "was measured with other settings or items than there are now: run `dvc repro` first",
            file=EVIDENCE,
        )


def refuse_changed_rows(dataset: DatasetVersion) -> None:
    """Raise InputError when the curated rows are not those that passed the gate."""
    if digest_folder(CURATED) != dataset.rows:
        raise InputError("holds other rows than passed the gate: run `dvc repro`", file=CURATED)


def decide(
    registry: Registry,
    version: AdapterVersion,
    dev: Evidence,
    policy: Policy,
    sealed: SealedItems,
    baseline: Contestant | None = None,
) -> Decided:
    """Count a look if the challenger qualified for one, take it, decide, and keep the decision.

    The same measurement under the same policy is the same look, and nothing is measured twice for
    it; only votes may still come in.
    """
    if stays := what_stays(registry, version, dev, policy, sealed):
        return stays
    assert dev.pins is not None, "the pipeline pins what it measures"
    pins = sealed.pins(dev.pins, policy)
    earlier = registry.decision_at(pins, policy.digest)
    before = evidence_of(registry, earlier) if earlier else None
    if earlier and earlier.pins:
        pins = earlier.pins  # of the machine that it was measured on
    look, notes = registry.look(pins, policy.digest), tuple[str, ...]()
    if look is None and unqualified(dev, policy):
        return Decided(dev, keep(registry, version, dev, policy, None))
    interrupted = look is not None
    if look is None:
        sealed.refuse_unmeasurable(dev, policy)
        notes = refuse_trained(registry, pins, sealed.set.prompts, sealed.trained_today)
        look = count_look(registry, version, pins, policy, sealed)
        notes += told_of_families(registry, look)
    if before and not sealed.open_for_votes(policy):
        return Decided(before, keep(registry, version, before, policy, look))
    measure = partial(sealed.look, dev, pins, policy, baseline=baseline)
    if before:
        found = measure(registry.bytes_of(look))
        evidence = with_votes(before, found.evidence)
    else:
        publish_look(registry)
        try:
            taken_up = registry.take_up(version.number, look) if interrupted else None
            found = measure(taken_up or registry.bytes_of(look))
        except OtherBytesError as error:
            notes += (f"{error}: it is taken anew, as another look",)
            look = count_look(registry, version, pins, policy, sealed, anew=True)
            publish_look(registry)
            found = measure(registry.bytes_of(look))
        evidence = found.evidence
    if sealed.open_for_votes(policy):
        cast = registry, version.number, look.event, evidence, policy
        left_out = items_asked(registry, version.number) if load(ReviewParams).leaves_out else ()
        evidence = with_cast_votes(*cast, load(PreferenceParams), left_out)
    return Decided(evidence, keep(registry, version, evidence, policy, look), found, notes)


def count_look(
    registry: Registry,
    version: AdapterVersion,
    pins: ScorePins,
    policy: Policy,
    sealed: SealedItems,
    *,
    anew: bool = False,
) -> CountedLook:
    own = version.number, pins, sealed.counted_set
    return registry.count_look(*own, policy=policy.digest, alpha=policy.alpha, anew=anew)


def publish_look(registry: Registry) -> None:
    """Write down where others find it that a look is taken, before it is."""
    note_looks(registry.look_lines())
    place = load(RegistryParams).anchor_place
    if place and (anchor := newest_anchor(registry)):
        deliver_anchor(anchor, place)


def told_of_families(registry: Registry, look: CountedLook) -> tuple[str, ...]:
    """That other families' looks count, where they do, and what to type for a fresh count."""
    others = registry.families_before(look)
    if not others:
        return ()
    return (
        f"this is look {look.number}: looks of {', '.join(others)} were at rows of this project, "
        "and count too. incumbent data rotate-eval --reason WHY draws items for a count of its own",
    )


def what_stays(
    registry: Registry,
    version: AdapterVersion,
    dev: Evidence,
    policy: Policy,
    sealed: SealedItems,
) -> Decided | None:
    """The decision on a champion, on a version that a person rejected, and on one that was rolled
    back: no newer rule, other policy or second measurement decides anew on the same items.
    """
    notes: tuple[str, ...] = ()
    if rejected := registry.newest_event(version.number, "reject"):
        notes = (f"it was rejected by {rejected.actor}: {rejected.reason}",)
    elif not registry.is_champion(version.adapter.files) and registry.comes_back_at(
        version.number, lambda: sealed.counted_set
    ):
        return None
    stored = registry.decision(version.number)
    if stored is None:  # a person promoted or rejected it before there was one
        return Decided(dev, rule(dev, policy, None), notes=notes)
    return Decided(evidence_of(registry, stored), stored, notes=notes)


def evidence_of(registry: Registry, decision: Decision) -> Evidence:
    return registry.artifacts.get_record(Evidence, decision.evidence)


def keep(
    registry: Registry,
    version: AdapterVersion,
    evidence: Evidence,
    policy: Policy,
    look: CountedLook | None,
) -> Decision:
    """Decide on evidence at a look, and keep the decision."""
    taken = (look.number, look.budget) if look else (None, None)
    decision = rule(evidence, policy, *taken)
    registry.record_decision(version.number, decision, evidence, policy)
    return decision


def write_page(outcome: Outcome, policy: Policy) -> None:
    """The report, with the time that the answers took: a stage's outputs may not hold that.

    One of this decision stays where nothing was measured anew.
    """
    decided, look = outcome.decided, outcome.decided.look
    there = outcome.page.read_text() if outcome.page.exists() else ""
    if look is None and decided.decision.digest in there:
        return
    shown, taken = read_report_data(), seconds()
    sealed = (item_means(look.items), look.flags) if look else None
    for page, rows in ((outcome.page, True), (outcome.figures, False)):
        text = report(
            decided.evidence,
            decided.decision,
            policy,
            shown,
            sealed=sealed,
            seconds=taken,
            prices=load(Prices),
            rows=rows,
        )
        write_bytes(page, text.encode())
    kept = kept_report(decided.evidence, decided.decision, policy, shown, sealed, taken)
    kept.write(kept_report_path(outcome.version.family, outcome.version.number))


def mirror_outcome(outcome: Outcome) -> None:
    """Show it in the trackers, and that its opponent is no longer champion."""
    mirror(outcome.version.number, outcome.opponent.version if outcome.promoted else None)


def fields_of(outcome: Outcome) -> dict[str, Any]:
    return {
        "version": outcome.version.model_dump(mode="json"),
        "decision": outcome.decided.decision.model_dump(mode="json"),
        "ways_out": list(
            ways_out(outcome.decided.evidence, outcome.decided.decision, load(Policy))
        ),
        "provenance": outcome.provenance and outcome.provenance.model_dump(mode="json"),
        "unpushed": outcome.unpushed,
    }


def print_submission(outcome: Outcome) -> None:
    print_comparison(outcome, load(Policy))
    print_outcome(outcome, load(Policy))


def print_comparison(outcome: Outcome, policy: Policy) -> None:
    """The gating metrics on the sealed eval set, or on dev when it was not looked at."""
    evidence, decision = outcome.decided.evidence, outcome.decided.decision
    looked = decision.opening is not None
    measured = evidence.sealed if looked else evidence.dev
    part = "sealed" if looked else "dev"
    console.print(f"\nchallenger against {outcome.opponent.label}, {part} eval set")
    if told := apart(decision):
        console.print(told, soft_wrap=True)
    for line in (*right_lines(measured), *unchecked(measured, references())):
        console.print(line, soft_wrap=True)
    checked = {m: measured[m] for m in policy.checked if m in measured}
    print_measured(checked, decision.bounds, policy.guards)
    print_arrow_note(checked)
    print_samples_note(checked)


def references() -> list[str]:
    return [row.completion_text for row in Row.read_lines(rows_of(Split.DEV))]


def print_outcome(outcome: Outcome, policy: Policy) -> None:
    version, decision = outcome.version, outcome.decided.decision
    console.print()
    ways = ways_out(outcome.decided.evidence, decision, policy)
    print_verdict(decision, f"{version.label}: ", ways)
    for note in outcome.decided.notes:
        console.print(note, soft_wrap=True)
    if outcome.is_champion:
        console.print(f"{version.label} is the champion already; nothing changed")
    elif outcome.fallen:
        console.print(
            f"it was rolled back: incumbent rollback --to {version.number} brings it back"
        )
    elif outcome.promoted:
        console.print(f"{version.label} is the champion now")
    elif outcome.awaited:
        console.print(
            f"registry.four_eyes asks for a second person: not {version.actor}, but somebody else "
            f"approves it, by incumbent promote {version.number} or in incumbent review",
            soft_wrap=True,
        )
    elif decision.verdict is Verdict.PROMOTE:
        console.print(f"to make it the champion: incumbent promote {version.number}")
    if outcome.frozen:
        console.print(
            f"the items of {' and '.join(outcome.frozen)} stay from now on, whatever the sources "
            f"gain: commit {EVAL_SETS} and {LOOKS}",
            soft_wrap=True,
        )
    if outcome.provenance and outcome.is_new:
        console.print(f"made from {outcome.provenance}", soft_wrap=True)
    if outcome.unrecorded:
        console.print(outcome.unrecorded, soft_wrap=True)
    for problem in outcome.unpushed:
        console.print(problem, soft_wrap=True)
    if outcome.moved:
        console.print(outcome.moved, soft_wrap=True)
    if outcome.voted_on:
        console.print(how_to_vote(version.number, outcome.voted_on), soft_wrap=True)
    if outcome.sheet.exists():
        console.print(f"what to vote on: {outcome.sheet}", soft_wrap=True)
    console.print(f"report: {outcome.page}", soft_wrap=True)


def how_to_vote(number: int, part: SheetPart) -> str:
    """In one line; the address where the page has one that all reach it by."""
    what = "people's votes decide" if part == "sealed" else "to vote on dev, for discussion"
    url = load(ReviewParams).url
    where = f"{url}/vote/{number}" if url else f"incumbent review, then /vote/{number}"
    return f"{what}: {where}"
