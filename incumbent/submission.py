"""The pipeline's challenger, submitted: refused if stale, decided on, promoted if asked, told."""

import sys
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from curation.curation_settings import CollectParams
from curation.data_sources import described
from curation.eval_sets import EVAL_SETS, freeze
from evaluation.decision.metric_evidence import item_means
from evaluation.decision.policy import Policy
from evaluation.decision.ways_out import ways_out
from evaluation.evaluation_settings import PreferenceParams, Prices
from evaluation.generate import seconds, weights
from evaluation.look_decision import Decided, decide, open_voting, refuse_stale
from evaluation.preference.ballots.ballot_files import write_voting_sheet
from evaluation.report.dev_items import keep_dev_items
from evaluation.report.kept_report import kept_report, kept_report_path
from evaluation.report.report_data import read_report_data, right_lines, unchecked
from evaluation.report.report_page import report
from evaluation.score import contestant_names
from evaluation.sealed_look import SealedItems
from incumbent.current_provenance import Noted, current_provenance, tag_version
from incumbent.mirroring.mirror import figures_page, mirror
from incumbent.output import AT_WORK, EXIT_CODES, console, print_json, say
from incumbent.reproducing.rows_check import push_version
from incumbent.verdict_text import print_arrow_note, print_measured, print_verdict
from monitoring.asked_items import items_asked
from monitoring.scheduling.anchor_delivery import deliver_anchor
from project.canonical import digest_folder, stamp
from project.errors import InputError
from project.files import home, locked, write_bytes
from project.item_prompts import refuse_told_answers
from project.model_pins import chat_template_of, folder_here
from project.near_duplicates import WordPrints
from project.paths import ADAPTER, ADAPTER_FILES, CURATED, DATASET, EVIDENCE, GATE_REPORT, rows_of
from project.records.adapters import Adapter, AdapterVersion, Numerics, Opponent, Provenance
from project.records.ballots import SheetPart
from project.records.data import DatasetVersion, GateReport, Row, Split
from project.records.evidence import Evidence, Verdict
from project.settings import load
from registry.alpha_ledger.look_bytes import LOOKS, refuse_unknown
from registry.champion import confirmed_opponent, refuse_once_sealed
from registry.lineage import apart
from registry.reader import RegistryReader
from registry.store import Registry
from review.review_settings import ReviewParams
from training.rows.experience_replay import (
    learnt_by_challenger,
    teacher_of_challenger,
    texts_learnt,
)


@dataclass(frozen=True)
class SubmissionOutcome:
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


def submit(*, promote: bool, reason: str) -> SubmissionOutcome:
    """Submit, decide, promote if asked and won, and write what people read."""
    policy = load(Policy)
    # Beside another one, a look that is being taken would count as interrupted, and cost another.
    waits = partial(print, AT_WORK.format("submission"), file=sys.stderr, flush=True)
    alone = locked(home() / "submission.lock", waits)
    with alone, Registry.here() as registry:
        outcome = submitted(registry, policy, promote=promote, reason=reason)
        votes = load(ReviewParams).votes
        asked = open_voting(registry, outcome.version, outcome.decided.look, policy, votes)
        outcome = replace(outcome, voted_on=asked)
    write_page(outcome, policy)
    keep_dev_items(outcome.version)
    outcome = replace(outcome, unpushed=push_version(outcome.version.family))
    if outcome.decided.look and load(PreferenceParams).source == "ballots":
        write_voting_sheet(
            outcome.sheet, SealedItems().rows, outcome.decided.look.answers, contestant_names()
        )
    return outcome


def everything_learnt(registry: RegistryReader) -> WordPrints:
    """What the challenger was shown, and what its teacher was, as far as that is known."""
    teacher = teacher_of_challenger()
    taught = registry.trained_on(teacher) if teacher else None
    return WordPrints.joined([WordPrints.of(texts_learnt()), *([taught] if taught else [])])


def submitted(
    registry: Registry, policy: Policy, *, promote: bool, reason: str
) -> SubmissionOutcome:
    if missing := next((file for file in (ADAPTER, EVIDENCE) if not file.exists()), None):
        raise InputError("is not there: `incumbent run` makes a challenger first", file=missing)
    adapter, dev = Adapter.read(ADAPTER), Evidence.read(EVIDENCE)
    opponent = confirmed_opponent(registry, adapter.files)
    refuse_stale(dev, policy, adapter, opponent)
    dataset, gate = DatasetVersion.read(DATASET), GateReport.read(GATE_REPORT)
    if digest_folder(CURATED) != dataset.rows:
        raise InputError("holds other rows than passed the gate: run `dvc repro`", file=CURATED)
    refuse_unknown(registry.looks_elsewhere())
    refuse_once_sealed(registry)
    sealed = SealedItems()
    refuse_told_answers(texts_beside(adapter), sealed.rows)
    new = registry.version_of(adapter.files) is None
    if new and adapter.dataset != dataset.digest:
        raise InputError(
            "was trained on other rows than are curated now: run `dvc repro` first", file=ADAPTER
        )
    # Of a known version they are kept already.
    learnt = everything_learnt(registry) if new else None
    noted = current_provenance() if new else Noted(None)
    version = registry.submit(
        adapter,
        ADAPTER_FILES,
        reason,
        *(dataset, gate, described(load(CollectParams)), *learnt_by_challenger()),
        trained_on=learnt,
        provenance=noted.provenance,
    )
    provenance = registry.provenance(version.number)
    untagged = tag_version(version, provenance.commit) if provenance else None
    leaves_out = load(ReviewParams).leaves_out
    decided = decide(
        registry,
        version,
        dev,
        policy,
        sealed,
        opponent.baseline,
        deliver=deliver_anchor,
        left_out=lambda: items_asked(registry, version.number) if leaves_out else (),
    )
    frozen: tuple[Split, ...] = ()
    if decided.freezes(sealed):
        frozen = freeze(at=stamp(registry.clock()), by=registry.actor)
    is_champion = registry.is_champion(adapter.files)
    fallen = registry.rolled_back(version.number)
    barred = fallen or registry.newest_event(version.number, "reject")
    won = decided.decision.verdict is Verdict.PROMOTE and not barred
    promoted = promote and won and promote_winner(registry, version, reason)
    return SubmissionOutcome(
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


def texts_beside(adapter: Adapter) -> str:
    """All that the challenger reads beside a question; its base's chat template may hold any."""
    folder = folder_here(adapter.base)
    template = chat_template_of(folder) if folder else None
    texts = (
        adapter.texts_in_front,
        adapter.base.own_template,
        (template or b"").decode(errors="replace"),
    )
    return "\n\n".join(filter(None, texts))


def promote_winner(registry: Registry, version: AdapterVersion, reason: str) -> bool:
    """Promote as the policy says. Where four eyes are asked for that is for a person, and False."""
    if registry.four_eyes:
        return False
    registry.promote(version.number, reason, by="policy")
    return True


def write_page(outcome: SubmissionOutcome, policy: Policy) -> None:
    """The report with the time that answers took, which no stage's output may hold."""
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
            weights=weights() if decided.evidence.kept else None,
            prices=load(Prices),
            rows=rows,
        )
        write_bytes(page, text.encode())
    kept = kept_report(decided.evidence, decided.decision, policy, shown, sealed, taken)
    kept.write(kept_report_path(outcome.version.family, outcome.version.number))


# --- as people and programs read it ---------------------------------------------------------------

UNSEEN = (
    "the sealed items were not used: a challenger is compared on them only once it is better on "
    "dev, for each such look makes the next one harder"
)


def submit_and_tell(*, promote: bool, reason: str, as_json: bool) -> int:
    """Submit, decide, and promote if asked and won; returns the verdict's exit code."""
    outcome = submit(promote=promote, reason=reason)
    if as_json:
        print_json(fields_of(outcome))
    else:
        print_submission(outcome)
    mirror_outcome(outcome)
    return EXIT_CODES[outcome.decided.decision.verdict]


def mirror_outcome(outcome: SubmissionOutcome) -> None:
    """Show it in the trackers, and that its opponent is no longer champion."""
    mirror(outcome.version.number, outcome.opponent.version if outcome.promoted else None)


def fields_of(outcome: SubmissionOutcome) -> dict[str, Any]:
    return {
        "version": outcome.version,
        "decision": outcome.decided.decision,
        "ways_out": list(
            ways_out(outcome.decided.evidence, outcome.decided.decision, load(Policy))
        ),
        "provenance": outcome.provenance,
        "unpushed": outcome.unpushed,
    }


def print_submission(outcome: SubmissionOutcome) -> None:
    policy = load(Policy)
    print_comparison(outcome, policy)
    print_outcome(outcome, policy)


def print_comparison(outcome: SubmissionOutcome, policy: Policy) -> None:
    """The gating metrics on the sealed eval set, or on dev when it was not looked at."""
    evidence, decision = outcome.decided.evidence, outcome.decided.decision
    looked = decision.opening is not None
    measured = evidence.sealed if looked else evidence.dev
    part = "sealed" if looked else "dev"
    console.print(f"\nchallenger against {outcome.opponent.label}, {part} eval set")
    if told := apart(decision):
        say(told)
    references = [row.completion_text for row in Row.read_lines(rows_of(Split.DEV))]
    say(*right_lines(measured), *unchecked(measured, references))
    checked = {m: measured[m] for m in policy.checked if m in measured}
    print_measured(checked, decision.bounds, policy.guards)
    print_arrow_note(checked)
    several = {
        name: measurement
        for name, measurement in checked.items()
        if measurement.drawn_share is not None
    }
    if several:
        times = max(measurement.samples or 0 for measurement in several.values())
        spreads = ", ".join(
            f"{measurement.within_sd:.3f} in {m}" for m, measurement in several.items()
        )
        say(
            f"\n{times} answers an item; within an item the difference spreads by {spreads}",
            style="dim",
        )


def print_outcome(outcome: SubmissionOutcome, policy: Policy) -> None:
    version, decision = outcome.version, outcome.decided.decision
    console.print()
    ways = ways_out(outcome.decided.evidence, decision, policy)
    print_verdict(decision, policy, f"{version.label}: ", ways)
    if decision.opening is None:
        say(UNSEEN)
    say(*outcome.decided.notes)
    if outcome.is_champion:
        console.print(f"{version.label} is the champion already; nothing changed")
    elif outcome.fallen:
        say(
            f"it was rolled back or withdrawn: incumbent rollback --to {version.number} brings it "
            "back"
        )
    elif outcome.promoted:
        console.print(f"{version.label} is the champion now")
    elif outcome.awaited:
        say(
            f"registry.four_eyes asks for a second person: not {version.actor}, but somebody else "
            f"approves it, by incumbent promote {version.number} or in incumbent review"
        )
    elif decision.verdict is Verdict.PROMOTE:
        console.print(f"to make it the champion: incumbent promote {version.number}")
    if outcome.frozen:
        say(
            f"the items of {' and '.join(outcome.frozen)} stay from now on, whatever the sources "
            f"gain: commit {EVAL_SETS} and {LOOKS}"
        )
    if outcome.provenance and outcome.is_new:
        say(f"made from {outcome.provenance}")
    if outcome.unrecorded:
        say(outcome.unrecorded)
    say(*outcome.unpushed)
    if outcome.moved:
        say(outcome.moved)
    if outcome.voted_on:
        say(how_to_vote(version.number, outcome.voted_on))
    if outcome.sheet.exists():
        say(f"what to vote on: {outcome.sheet}")
    say(f"report: {outcome.page}")


def how_to_vote(number: int, part: SheetPart) -> str:
    """How to vote, in one line, with the address where the page has one that all reach it by."""
    what = "people's votes decide" if part == "sealed" else "to vote on dev, for discussion"
    return f"{what}: {load(ReviewParams).place_of(f'/vote/{number}')}"
