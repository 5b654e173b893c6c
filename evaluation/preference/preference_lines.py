"""What people read of a calibration, beside how often the source is right."""

from collections.abc import Iterator

from project.records.calibration import Calibration

NAMES = {
    "base": "the base's answer",
    "other_row": "another row's answer",
    "wrong_fact": "a wrong fact (counted by itself alone, as only the reference tells)",
    "missing_disclaimer": "a missing disclaimer",
    "impolite": "impolite",
    "cut_off": "cut off",
    "generic": "generic",
}


def preference_lines(found: Calibration) -> Iterator[str]:
    if found.matched_accuracy is not None:
        yield f"{found.matched_accuracy:.0%} of {found.matched_n} pairs of like length"
    if found.kinds:
        kinds = (f"{NAMES.get(k, k)} {h.accuracy:.0%} of {h.n}" for k, h in found.kinds.items())
        yield f"by what is worse: {', '.join(kinds)}"
    if rival := said_of_cosine(found):
        yield rival
    if found.advisory:
        yield f"it is advisory only: {found.advisory}"


def said_of_cosine(found: Calibration) -> str | None:
    """How the frozen cosine of prompt and answer does beside the source; None where it is not
    known.
    """
    if found.cosine_accuracy is None:
        return None
    share = f"{found.cosine_accuracy:.0%} of them"
    if found.matched_cosine is not None:
        share += f", and on {found.matched_cosine:.0%} of those of like length"
    if found.source == "frozen cosine":
        return "the frozen cosine of prompt and answer judges: what was learnt did no better"
    return f"the frozen cosine of prompt and answer is right on {share}"
