"""A look at the sealed items, counted before it is taken, and the decision that rests on it."""

from dataclasses import dataclass
from functools import partial

from evaluation.decision.policy import Policy
from evaluation.decision.policy_checks import unqualified
from evaluation.decision.rule import rule
from evaluation.evaluation_settings import PreferenceParams
from evaluation.preference.ballots.registry_ballots import with_cast_votes
from evaluation.preference.ballots.votes_decision import with_votes
from evaluation.sealed_look import SealedItems, SealedLook, refuse_trained
from monitoring.asked_items import items_asked
from monitoring.scheduling.anchor_delivery import deliver_anchor
from project.records.adapters import AdapterVersion, Contestant
from project.records.evidence import Decision, Evidence
from project.records.scores import ScorePins
from project.settings import load
from registry.alpha_ledger.look_bytes import OtherBytesError
from registry.alpha_ledger.look_lines import note_looks
from registry.alpha_ledger.looks import CountedLook
from registry.anchoring.anchor import newest_anchor
from registry.registry_settings import RegistryParams
from registry.store import Registry
from review.review_settings import ReviewParams


@dataclass(frozen=True)
class Decided:
    """A decision, and what it rests on."""

    evidence: Evidence
    decision: Decision
    look: SealedLook | None = None  # what was measured just now; None: nothing was
    notes: tuple[str, ...] = ()


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
