"""A version's records for who only votes on it: without what people said of it so far."""

from collections.abc import Collection

from evaluation.decision.decision_replay import remake
from evaluation.decision.policy import Policy
from evaluation.evaluation_settings import PreferenceParams
from evaluation.preference.ballots.registry_ballots import decided_with_votes
from monitoring.asked_items import items_asked
from project.errors import IncumbentError
from project.records.events import DecisionMade, Event
from project.records.evidence import Decision, Evidence, Measured, by_people
from project.settings import load
from registry.alpha_ledger.looks import CountedLook
from registry.ballots.standing import read_votes, refuse_settled
from registry.decision_checks import same_person
from registry.lineage import Lineage, trace
from registry.reader import RegistryReader
from registry.store import Registry
from review.review_settings import ReviewParams

HIDDEN = "what people's votes say is shown to whoever decides: who votes must not know it"


def traced(reader: RegistryReader, number: int, *, blind: bool) -> Lineage:
    """A version's lineage, as registry.lineage gathers it. `blind`: for somebody who only votes."""
    lineage = trace(reader, number)
    return without_people(reader, lineage) if blind and is_voted(reader, number) else lineage


def is_voted(reader: RegistryReader, number: int) -> bool:
    """Whether the look of the newest decision is open for votes, which a count may change yet."""
    try:
        awaited(reader, number)
    except IncumbentError:
        return False
    return True


def submitted_by_actor(reader: RegistryReader, number: int) -> bool:
    """Whether four eyes are asked for, and single votes on a version are none of its submitter's
    business, who reads now.
    """
    submitted = reader.newest_event(number, "submit") if reader.four_eyes else None
    return submitted is not None and same_person(submitted.actor, reader.actor)


def without_people(reader: RegistryReader, lineage: Lineage) -> Lineage:
    """A lineage without preference, people's ratings, and the reasons that rest on them."""
    decision, evidence = lineage.decision, lineage.evidence
    if decision is None or evidence is None:
        return lineage
    left = unvoted(evidence)
    told = unvoted_reasons(reader, decision, left)
    shown = decision.model_copy(
        update={
            "reasons": (*told, HIDDEN),
            "bounds": {m: bound for m, bound in decision.bounds.items() if not by_people(m)},
            "needed": None,
        }
    )
    history = unvoted_history(lineage.history, told)
    return lineage.model_copy(update={"decision": shown, "evidence": left, "history": history})


def unvoted(evidence: Evidence) -> Evidence:
    """Whatever is said to be the source of the preference."""
    left = evidence.without_votes
    slices = {name: others(measured) for name, measured in left.slices.items()}
    return left.model_copy(
        update={"sealed": others(left.sealed), "slices": slices, "all_voted": None}
    )


def others(measured: Measured) -> Measured:
    return {metric: evidence for metric, evidence in measured.items() if not by_people(metric)}


def unvoted_reasons(
    reader: RegistryReader, decision: Decision, evidence: Evidence
) -> tuple[str, ...]:
    """The reasons that its rule gives without votes too."""
    try:
        again = remake(decision, evidence, reader.artifacts.get(decision.policy))
    except IncumbentError:  # an unknown rule, or a policy that cannot be read
        return ()
    return tuple(reason for reason in decision.reasons if reason in again.reasons)


def unvoted_history(history: tuple[Event, ...], told: Collection[str] = ()) -> tuple[Event, ...]:
    """Events with the reason of each decision hidden, unless it may be told."""
    return tuple(
        event.model_copy(update={"reason": HIDDEN})
        if isinstance(event.detail, DecisionMade) and event.reason not in told
        else event
        for event in history
    )


# --- counting -------------------------------------------------------------------------------------

# The votes counted into a decision, from the page, without a model.


def count_votes(registry: Registry, number: int) -> Decision:
    """Decide on a version with the votes of today, as `incumbent submit` would, and keep the
    decision in the actor's name, who must be one that may submit.

    Raises IncumbentError where no look is open for votes, and where a person has settled it.
    """
    made, look = open_look(registry, number)
    artifacts = registry.artifacts
    evidence, decision = decided_with_votes(
        registry,
        number,
        look,
        artifacts.get_record(Evidence, made.evidence),
        policy := artifacts.get_record(Policy, made.policy),
        load(PreferenceParams),
        items_asked(registry, number) if load(ReviewParams).leaves_out else (),
    )
    registry.record_decision(number, decision, evidence, policy)
    return decision


def open_look(registry: RegistryReader, number: int) -> tuple[DecisionMade, CountedLook]:
    """The newest decision on a version and its look, which is open for votes."""
    made = awaited(registry, number)
    decision = registry.artifacts.get_record(Decision, made.decision)
    look = registry.look(decision.pins, made.policy) if decision.pins else None
    if look is None:
        raise IncumbentError(f"the ledger has no look for the decision on version {number}")
    return made, look


def awaited(registry: RegistryReader, number: int) -> DecisionMade:
    """The newest decision on a version, which waits for votes. Raises IncumbentError without."""
    with registry.engine.connect() as connection:
        refuse_settled(registry, connection, number)
    made, asked = registry.decision_made(number), read_votes(registry, number).newest("sealed")
    if registry.rolled_back(number):
        raise IncumbentError(
            f"version {number} was rolled back or withdrawn: votes do not bring it back"
        )
    if made is None or asked is None or made.look is None or asked.detail.look != made.look:
        raise IncumbentError(f"no look at sealed items is open for votes on version {number}")
    return made
