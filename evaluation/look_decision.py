"""The life of a look at the sealed items: when it is counted, what is decided at it, what stays,
and which votes may still come in. What a look measures is in evaluation/sealed_look.py.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial

from evaluation.decision.metric_evidence import item_means
from evaluation.decision.policy import Policy
from evaluation.decision.policy_checks import unqualified
from evaluation.decision.rule import rule
from evaluation.evaluation_settings import PreferenceParams
from evaluation.generation.answers import SIDES, Answer, Role, by_sample
from evaluation.generation.contestants import dev_items
from evaluation.generation.hosted import items_of
from evaluation.preference.ballots.ballot_files import draw_chances, judged_pairs, pairs
from evaluation.preference.ballots.registry_ballots import with_cast_votes, with_votes
from evaluation.score import contestant_names, eval_set_of, read_answers
from evaluation.score import pins as pins_of
from evaluation.sealed_look import SealedItems, SealedLook, beside_a_judge, refuse_trained
from project.errors import InputError
from project.paths import EVIDENCE
from project.records.adapters import Adapter, AdapterVersion, Contestant, Opponent
from project.records.ballots import SheetPart, VotingPair
from project.records.data import Row, Split
from project.records.evidence import Decision, Evidence
from project.settings import load
from registry.alpha_ledger.look_bytes import OtherBytesError, note_looks
from registry.alpha_ledger.looks import CountedLook
from registry.ballots.sheets import asked_about, open_sheet
from registry.chain_anchor import Anchor, keep_anchor, newest_anchor
from registry.registry_settings import RegistryParams
from registry.store import Registry

Deliver = Callable[[Anchor, str], object]  # brings an anchor to its place


@dataclass(frozen=True)
class Decided:
    """A decision, and what it rests on."""

    evidence: Evidence
    decision: Decision
    look: SealedLook | None = None  # what was measured just now; None: nothing was
    notes: tuple[str, ...] = ()

    def freezes(self, sealed: SealedItems) -> bool:
        """Whether the sealed items of now were looked at for it: they stay from now on."""
        pins = self.decision.pins if self.decision.opening is not None else None
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
    if pins != pins_of(eval_set_of(items_of(Split.DEV))):
        raise InputError(
            "was measured with other settings or items than there are now: run `dvc repro` first",
            file=EVIDENCE,
        )


def decide(
    registry: Registry,
    version: AdapterVersion,
    dev: Evidence,
    policy: Policy,
    sealed: SealedItems,
    baseline: Contestant | None = None,
    *,
    deliver: Deliver = keep_anchor,
    left_out: Callable[[], Collection[str]] = tuple,
) -> Decided:
    """Count a look if the challenger qualified for one, take it, decide, and keep the decision.

    The same measurement under the same policy is the same look, and nothing is measured twice for
    it; only votes may still come in, but on items that are `left_out`. `deliver` brings an anchor
    out of the registry before a look is taken.
    """
    if stays := what_stays(registry, version, dev, policy, sealed):
        return stays
    assert dev.pins is not None, "the pipeline pins what it measures"
    pins = sealed.pins(dev.pins, policy)
    earlier = registry.decision_at(pins, policy.digest)
    before = registry.artifacts.get_record(Evidence, earlier.evidence) if earlier else None
    if earlier and earlier.pins:
        pins = earlier.pins  # of the machine that it was measured on
    look, notes = registry.look(pins, policy.digest), tuple[str, ...]()
    if look is None and unqualified(dev, policy):
        return Decided(dev, keep(registry, version, dev, policy, None))
    interrupted, votes_come = look is not None, sealed.open_for_votes(policy)
    subject = version.number, pins, sealed.counted_set
    count = partial(registry.count_look, *subject, policy=policy.digest, alpha=policy.alpha)
    if look is None:
        sealed.refuse_unmeasurable(dev, policy)
        notes = refuse_trained(registry, pins, sealed.set.prompts, sealed.trained_today)
        look = count()
        notes += told_of_families(registry, look)
    if before and not votes_come:
        return Decided(before, keep(registry, version, before, policy, look))
    measure = partial(sealed.look, dev, pins, policy, baseline=baseline)
    if before:
        taken = measure(registry.bytes_of(look))
        evidence = with_votes(before, taken.evidence)
    else:
        publish_look(registry, deliver)
        try:
            taken_up = registry.take_up(version.number, look) if interrupted else None
            taken = measure(taken_up or registry.bytes_of(look))
        except OtherBytesError as error:
            notes += (f"{error}: it is taken anew, as another look",)
            look = count(anew=True)
            publish_look(registry, deliver)
            taken = measure(registry.bytes_of(look))
        evidence = taken.evidence
    if votes_come:
        cast = registry, version.number, look.event, evidence, policy
        evidence = with_cast_votes(*cast, load(PreferenceParams), left_out())
    return Decided(evidence, keep(registry, version, evidence, policy, look), taken, notes)


def publish_look(registry: Registry, deliver: Deliver) -> None:
    """Write down where others find it that a look is taken, before it is."""
    lines = registry.look_lines()
    note_looks(lines)
    place = load(RegistryParams).anchor_place
    if place and (anchor := newest_anchor(registry, lines[-1])):
        deliver(anchor, place)


def told_of_families(registry: Registry, look: CountedLook) -> tuple[str, ...]:
    """A note that other families' looks count, where they do, and what to type for a fresh
    count.
    """
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
    return Decided(registry.artifacts.get_record(Evidence, stored.evidence), stored, notes=notes)


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


# --- open votes -----------------------------------------------------------------------------------

# What people are asked to vote on, on the page, once a challenger was decided on.


def open_voting(
    registry: Registry,
    version: AdapterVersion,
    look: SealedLook | None,
    policy: Policy,
    votes: int,
) -> SheetPart | None:
    """Open a sheet of dev items, for discussion; and one of the sealed items where people's votes
    are the gate and their look stays open. Returns the part that people are asked about; None:
    there is no item, or a person has settled the version already.

    `votes` is how many an item is asked for, unless the settings of the evaluation say.
    """
    number = version.number
    if registry.is_champion(version.adapter.files) or registry.newest_event(number, "reject"):
        return None
    open_dev(registry, number, votes)
    made, sealed = registry.decision_made(number), SealedItems()
    if look and made and made.look and sealed.open_for_votes(policy):
        open_sheet(
            registry,
            number,
            sealed_pairs(sealed.rows, look),
            part="sealed",
            votes=load(PreferenceParams).votes or votes,
            reason="people's votes decide",
            look=made.look,
        )
    asked = asked_about(registry, number)
    return asked.detail.part if asked else None


def sealed_pairs(rows: Sequence[Row], look: SealedLook) -> Sequence[VotingPair]:
    """What people see of a look; drawn by a judge's doubt where their votes stand beside one."""
    sheet = list(pairs(rows, look.answers, contestant_names()))
    if not beside_a_judge():
        return sheet
    judge = {item.item: item.preference for item in item_means(look.items)}
    preferred = [judge[pair.item] for pair in sheet]
    unsure = [0.5 if preference is None else preference for preference in preferred]
    return judged_pairs(sheet, preferred, draw_chances(unsure))


def open_dev(registry: Registry, number: int, votes: int) -> None:
    rows = dev_items()
    answers: dict[Role, Sequence[Answer]] = {
        role: by_sample(read_answers(role, Split.DEV))[0] for role in SIDES
    }
    if rows:
        open_sheet(
            registry,
            number,
            list(pairs(rows, answers, contestant_names())),
            part="dev",
            votes=votes,
            reason="for discussion: votes on dev decide nothing",
        )
