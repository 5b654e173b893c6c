"""The votes counted into a decision, from the page, without a model."""

from evaluation.decision.policy import Policy
from evaluation.evaluation_settings import PreferenceParams
from evaluation.preference.ballots.registry_ballots import decided_with_votes
from monitoring.asked_items import items_asked
from project.errors import IncumbentError
from project.records.events import DecisionMade
from project.records.evidence import Decision, Evidence
from project.settings import load
from registry.alpha_ledger.looks import CountedLook
from registry.ballots.standing import read_votes, refuse_settled
from registry.reader import RegistryReader
from registry.store import Registry
from review.review_settings import ReviewParams


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
        raise IncumbentError(f"version {number} was rolled back: votes do not bring it back")
    if made is None or asked is None or made.look is None or asked.detail.look != made.look:
        raise IncumbentError(f"no look at sealed items is open for votes on version {number}")
    return made
