"""The fixture `incumbent_decide`, for a team's own tests: pytest finds it where Incumbent is."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from incumbent.scores_decision import Scores
    from project.records.evidence import Decision

FAILING = {"reject": ("REJECT",), "hold": ("REJECT", "HOLD")}


@pytest.fixture(scope="session")
def incumbent_decide() -> "Callable[..., Decision]":
    """Fails the test unless the new scores are better than the old ones:

        def test_the_new_prompt_is_better(incumbent_decide):
            incumbent_decide(old_scores, new_scores, metrics=["accuracy"])

    With `fail_on="reject"` it fails only where they are clearly worse. All else is as in
    `incumbent.decide`, whose Decision it returns.
    """
    # Imported here: whoever has Incumbent installed and no such test does not wait for it.
    import incumbent

    def check(
        scores: "Scores", new: "Scores | None" = None, *, fail_on: str = "hold", **options: Any
    ) -> "Decision":
        __tracebackhide__ = True  # what is wrong is the test's to see, not our lines
        if fail_on not in FAILING:
            raise ValueError(f"fail_on is {fail_on!r}, and not 'reject' or 'hold'")
        decision = incumbent.decide(scores, new, **options)
        if decision.verdict in FAILING[fail_on]:
            pytest.fail(reasons_of(decision), pytrace=False)
        return decision

    return check


def reasons_of(decision: "Decision") -> str:
    lines = [f"Incumbent says {decision.verdict}", *decision.reasons]
    if decision.needed:
        lines.append(f"about {decision.needed} more eval items would settle it at the next look")
    return "\n  ".join(lines)
