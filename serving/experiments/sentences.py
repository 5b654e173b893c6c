"""An experiment in plain words: what came of it, what is known, and whether it can be trusted."""

from collections.abc import Iterator

from project.canonical import readable
from project.records.events import ExperimentEnded
from project.untrusted_input import one_line
from registry.experiment_events import (
    ArmComparison,
    Experiment,
    ExperimentResult,
    Verdict,
    read_observations,
    result_of,
)
from registry.reader import RegistryReader
from serving.experiments.arrivals import BURN_IN, Arrivals
from serving.experiments.experiment_judging import figures, harmful, judge
from serving.experiments.opening import MEASURED

WORDS = {
    "rating": "the users' rating",
    "escalated": "the share of escalated cases",
    "resolved": "the share of resolved cases",
    "satisfaction": "the users' satisfaction",
    "errors": "the share of errors",
    "refusals": "the share of refusals",
    "slow": "the share of slow answers",
    "long": "the share of long answers",
}


def verdict_sentence(
    experiment: Experiment, result: ExperimentResult, verdict: Verdict | None
) -> str:
    """What the experiment has shown; None: nothing yet."""
    label = f"v{experiment.version}"
    if verdict == "harm" and (worse := harmful(result)):
        return f"{label} is worse: {'; '.join(map(changed, worse))}"
    if verdict == "better" and result.metric:
        return f"{label} is better: {changed(result.metric)}"
    if verdict in ("stopped", "no-difference"):
        return f"it was ended without a verdict on {label}"
    return f"nothing is shown about {label} yet"


def changed(arms: ArmComparison) -> str:
    means = arms.means
    unit = f" (over {limit_text(arms)})" if arms.limit is not None else ""
    return (
        f"{WORDS[arms.name]}{unit} is {means.challenger:.1%}, the champion's {means.champion:.1%}"
    )


def limit_text(arms: ArmComparison) -> str:
    assert arms.limit is not None, "it has a limit"
    return f"{arms.limit:,.0f} ms" if arms.name == "slow" else f"{arms.limit:,.0f} characters"


def sentences(experiment: Experiment, result: ExperimentResult) -> Iterator[str]:
    """All that is to be said beside the table."""
    yield verdict_sentence(experiment, result, verdict_of(experiment, result))
    if experiment.ended is not None:
        # The reason is left out where it says the verdict once more.
        by_itself = experiment.ended.told(ExperimentEnded).verdict in ("harm", "better")
        why = (
            "by itself" if by_itself else f"by {experiment.ended.actor}: {experiment.ended.reason}"
        )
        yield one_line(f"ended {why}, {readable(experiment.ended.at)}")
    if experiment.end and experiment.end.verdict == "better":
        yield (
            "nobody is promoted by an experiment: `incumbent registry why "
            f"{experiment.version}` has the decision, `incumbent promote {experiment.version}` "
            "makes it the champion"
        )
    if result.metric:
        yield on_difference(result.metric, experiment.alpha)
        if result.metric.better is not None and result.metric.better_needed is not None:
            yield (
                f"evidence that the challenger is better: E = {result.metric.better:.3g}, and "
                f"{result.metric.better_needed:,.0f} is enough"
            )
    if experiment.ended is None and result.health.waiting > 0:
        yield (
            f"{result.health.waiting:,} users were answered who have not said anything yet; what "
            "they say counts when it comes, until the experiment ends"
        )
    yield from on_limits(result)
    yield from on_health(result)


def verdict_of(experiment: Experiment, result: ExperimentResult) -> Verdict | None:
    return experiment.end.verdict if experiment.end else judge(result)


def on_difference(metric: ArmComparison, alpha: float) -> str:
    if not (metric.users.champion and metric.users.challenger):
        return f"{WORDS[metric.name]}: nothing is known of one of the two yet"
    low, high = metric.interval
    return (
        f"{WORDS[metric.name]}: challenger − champion is {points(metric.difference)} points, and "
        f"between {points(low)} and {points(high)} with {1 - alpha:.0%} certainty, whenever you "
        "look"
    )


def points(share: float) -> str:
    return f"{100 * share:+.1f}"


def on_limits(result: ExperimentResult) -> Iterator[str]:
    """What slow and long mean here."""
    measured = [guardrail for guardrail in result.guardrails if guardrail.name in MEASURED]
    if known := [
        f"{guardrail.name}: over {limit_text(guardrail)}"
        for guardrail in measured
        if guardrail.limit
    ]:
        yield (
            f"{', '.join(known)}: above the champion's 95th percentile, over its first "
            f"{BURN_IN} users"
        )
    if unknown := [guardrail.name for guardrail in measured if guardrail.limit is None]:
        yield (
            f"what is {' and '.join(unknown)} is not known yet: it takes {BURN_IN} users of the "
            "champion"
        )


def on_health(result: ExperimentResult) -> Iterator[str]:
    health = result.health
    if health.ratio >= health.ratio_needed:
        yield (
            "do not trust this: users did not fall to the arms as the share says (sample ratio "
            f"mismatch, E = {health.ratio:.3g}); find out why before you open another experiment"
        )
    elif (health.feedback_ratio or 0) >= health.ratio_needed:
        yield (
            "take care: users of one arm give feedback more often than those of the other (E = "
            f"{health.feedback_ratio:.3g}), so that who speaks may differ; no win is declared"
        )
    if health.both_arms:
        yield (f"{health.both_arms:,} users were answered by both; what came first of each counts")


# --- standing -------------------------------------------------------------------------------------

# How an experiment stands, for people who ask: read anew, or as it was at its end.


def current_result(reader: RegistryReader, experiment: Experiment) -> ExperimentResult:
    """The figures. What came after the end is stored, and counts for nothing."""
    return result_of(reader, experiment) or figures_now(reader, experiment)


def figures_now(reader: RegistryReader, experiment: Experiment) -> ExperimentResult:
    arrivals = Arrivals(shadow=experiment.told.mode == "shadow")
    arrivals.add(read_observations(reader.engine, experiment.number))
    return figures(experiment, arrivals, intervals=True)
