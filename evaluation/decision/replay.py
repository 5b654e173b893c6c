"""A stored decision made again, by the rule that made it."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from evaluation.decision import rule
from evaluation.decision.past_rules import rule_1, rule_2, rule_3
from evaluation.decision.policy import Policy
from project.errors import IncumbentError
from project.records.evidence import Decision, Evidence
from project.records.record import Record


class Rule(NamedTuple):
    policy: type[Record]  # the policy as it was then
    rule: Callable[..., Decision]


RULES = {
    1: Rule(rule_1.Policy, rule_1.rule),
    2: Rule(rule_2.Policy, rule_2.rule),
    3: Rule(rule_3.Policy, rule_3.rule),
    rule.VERSION: Rule(Policy, rule.rule),
}
FIRST = 1  # made the decisions that name no rule


def remake(stored: Decision, evidence: Evidence, policy: bytes) -> Decision:
    """The decision that its rule gives on the same evidence, policy and look.

    `policy` are the stored bytes, which the rule reads as it did then. Raises IncumbentError for a
    rule that only a newer version of Incumbent knows.
    """
    version = stored.rule or FIRST
    if version not in RULES:
        raise IncumbentError(
            f"rule {version} made it, which this version of Incumbent does not know (it knows up "
            f"to {max(RULES)}): install a newer one"
        )
    then = RULES[version]
    settings = then.policy.parse(policy, Path(stored.policy))
    again = then.rule(evidence, settings, stored.opening, stored.budget)
    # What was stored is named by the digest of its bytes, whatever it reads as today.
    return again.model_copy(update={"evidence": stored.evidence, "policy": stored.policy})
