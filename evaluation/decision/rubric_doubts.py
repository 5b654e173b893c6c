"""Why a rubric cannot carry a promotion, and what would help."""

from collections.abc import Iterator

from evaluation.decision.policy import Policy
from project.records.calibration import Calibration
from project.records.evidence import Evidence


def doubts_on_rubrics(evidence: Evidence, policy: Policy) -> Iterator[str]:
    """Of every rubric that is checked or has a floor: it does no better than chance."""
    found = (evidence.calibration.rubrics if evidence.calibration else None) or {}
    for name in sorted({*policy.checked, *policy.floors} & found.keys()):
        if why := found[name].advisory:
            yield f"rubric {name} is advisory only: {why}. {help_for(name, found[name])}"


def help_for(name: str, calibration: Calibration) -> str:
    leave = f"or take {name} out of the policy"
    if calibration.accuracy is None and not calibration.unjudged:
        return (
            "Name in its `worse` how answers get worse in this respect, or in its `pairs` a file "
            f"of better and worse answers, {leave}"
        )
    return f"A more capable model as the judge would help, or more held-out pairs, {leave}"
