"""What a curve over numbers of labels says, in plain words."""

from incumbent.searching.labels.label_curve import Estimate, LabelCurve, MetricCurve


def sentences(found: LabelCurve) -> list[str]:
    lines = [
        f"{found.items} dev items in {found.clusters} groups; intervals of {found.level:.0%}"
        + (
            f"; {found.seeds} draws of each share"
            if found.seeds > 1
            else "; one draw of each share"
        )
    ]
    if found.kept:
        lines.append(f"each adapter also learns {found.kept} rehearsed or accepted rows")
    for name in found.judged_by:
        lines += of_metric(name, found.metrics[name], found)
    if found.seeds == 1:
        lines.append("another draw may differ: --seeds 3 makes three")
    return lines


def of_metric(name: str, curve: MetricCurve, found: LabelCurve) -> list[str]:
    lines = [f"{name}: {worth(curve.more)} for {found.more:,} labels more, by the curve"]
    if curve.of_score:
        reached = f"{found.at:,} of {found.rows:,} labels reach {curve.of_score.percent}"
        gained = "; all of them are not shown to beat the base"
        if curve.of_gain:
            gained = f", and {curve.of_gain.percent} of what all gain over the base"
        lines.append(f"{name}: {reached} of the score of all{gained}")
    elif curve.of_gain:
        gain = curve.of_gain.percent
        lines.append(
            f"{name}: {found.at:,} of {found.rows:,} labels reach {gain} of what all gain over "
            "the base"
        )
    if curve.enough:
        lines.append(f"{name}: about {curve.enough:,} labels reach 90% of the score of all")
    return lines


def worth(more: Estimate) -> str:
    """The curve never falls, so an interval that begins at 0 to three digits shows nothing."""
    known = "" if round(more.low, 3) > 0 else ", which is not shown to be anything,"
    return f"{more}{known}"
