"""Whether votes that come in after a look are read: policy and source of preference must fit."""

from evaluation.decision.policy import Policy
from evaluation.evaluation_settings import PreferenceParams
from project.errors import InputError
from project.records.evidence import PREFERENCE
from project.settings import PARAMS, line_of, parse

READ_BY = "votes that come in after a look are read by an e-value alone"


def votes_come_in(policy: Policy, params: PreferenceParams) -> bool:
    """Whether a look at the sealed items stays open for people's votes."""
    by_e_value = policy.preference_test == "e-value"
    return params.asks_people and by_e_value and policy.gates_on_votes


def refuse_unread_votes(policy: Policy, params: PreferenceParams) -> None:
    """Raise InputError naming file, line and field where a policy waits for votes that nobody is
    asked for.
    """
    if votes_come_in(policy, params):
        return
    for metric in policy.ratings:
        raise misfit(
            f"nobody is asked to rate {metric!r}: set evaluation.preference.source to ballots or "
            "people+judge, and evaluation.policy.preference_test to e-value",
            "gating",
        )
    if PREFERENCE in policy.gating and params.votes_on_page:
        raise misfit(
            f"people vote on the page (evaluation.preference.source: {params.source}), and "
            f"{READ_BY}: set it to e-value",
            "preference_test",
        )


def misfit(problem: str, field: str) -> InputError:
    steps = ["evaluation", "policy", field]
    line, _ = line_of(parse(PARAMS), steps) if PARAMS.exists() else (None, steps)
    return InputError(problem, file=PARAMS, line=line, field=".".join(steps))
