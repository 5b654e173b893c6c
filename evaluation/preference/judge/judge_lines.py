"""What a calibration says of language models as judges, in lines that people read."""

from collections.abc import Iterator

from project.records.calibration import Calibration


def judge_lines(calibration: Calibration) -> Iterator[str]:
    """Who judges and how steadily, then each rubric; nothing where no model was asked."""
    yield from account(calibration)
    for name, rubric in sorted((calibration.rubrics or {}).items()):
        yield f"rubric {name}: {rated(rubric)}"
        yield from account(rubric)
        if rubric.advisory:
            yield f"it is advisory only: {rubric.advisory}"


def account(calibration: Calibration) -> Iterator[str]:
    if calibration.judge:
        yield f"judged by {calibration.judge}"
    if calibration.wobble is not None:
        share, n = f"{calibration.wobble:.0%}", calibration.wobble_n
        yield f"asked twice, it changed its verdict on {share} of {n} questions"
    if calibration.unsteady:
        yield calibration.unsteady


def rated(rubric: Calibration) -> str:
    if rubric.accuracy is None:
        return "not calibrated"
    return f"the better answer rated higher in {rubric.accuracy:.0%} of {rubric.n} pairs"
