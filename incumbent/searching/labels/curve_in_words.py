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
    lines = [f"{found.more:,} labels more: {worth(curve.more)}"]
    reach = f"{found.at:,} of {found.rows:,} labels reach"
    if curve.of_score:
        lines.append(f"{reach} {curve.of_score.percent} of the score of all")
    if curve.of_gain:
        lines.append(f"{reach} {curve.of_gain.percent} of what all gain over the base")
    elif curve.measured(found.at):
        lines.append("all labels together are not shown to beat the base")
    if curve.enough:
        lines.append(f"about {curve.enough:,} labels reach 90% of the score of all")
    if curve.better == "less":
        lines.append("less is better, so there is no share of the score to tell")
    return [f"{name}: {line}" for line in lines]


def worth(more: Estimate) -> str:
    """The curve never falls, so an interval that begins at 0 to three digits shows nothing."""
    return f"{more}" if round(more.low, 3) > 0 else f"{more}, no gain is shown"
