"""A stored decision made again, by the rule that made it."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from evaluation.decision import rule
from evaluation.decision.policy import Policy
from project.errors import IncumbentError
from project.records.evidence import Decision, Evidence
from project.records.record import Record


class Rule(NamedTuple):
    policy: type[Record]  # the policy as it was then
    rule: Callable[..., Decision]


# By the version that decisions name. A rule that has made one stays here for ever, with its policy.
RULES = {rule.VERSION: Rule(Policy, rule.rule)}


def remake(stored: Decision, evidence: Evidence, policy: bytes) -> Decision:
    """The decision that its rule gives on the same evidence, policy and look.

    `policy` are the stored bytes, which the rule reads as it did then. Raises IncumbentError for a
    rule that only a newer version of Incumbent knows.
    """
    if stored.rule not in RULES:
        raise IncumbentError(
            f"rule {stored.rule} made it, which this version of Incumbent does not know (it knows "
            f"up to {max(RULES)}): install a newer one"
        )
    then = RULES[stored.rule]
    settings = then.policy.parse(policy, Path(stored.policy))
    again = then.rule(evidence, settings, stored.opening, stored.budget)
    # What was stored is named by the digest of its bytes, whatever it reads as today.
    return again.model_copy(update={"evidence": stored.evidence, "policy": stored.policy})
