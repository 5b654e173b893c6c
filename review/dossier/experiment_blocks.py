"""Experiments on users: how each was set up, what it measured, and how it ended."""

from collections.abc import Iterator

from project.records.data import counted
from registry.experiments.experiment_events import Comparison, ExperimentResult, Health
from review.dossier.data_blocks import VersionRecords
from review.dossier.document import Block, listed, score, signed
from review.frame.event_words import VERDICTS
from review.traffic.version_traffic import DeployedTime, ExperimentEnd, ExperimentView, Finding

SHARES = (
    "Shares of users, of whom the first value counts. The intervals of the difference hold at all "
    "times at once, so that looking early does not spoil them. The verdict rests on the evidence "
    "alone: the most that an e-value ever was, and in brackets what is enough. The table has the "
    "evidence of harm."
)
NOT_AS_ASSIGNED = "Do not trust it: users did not fall to the two as the share says."
NOT_AS_MANY_SPOKE = (
    "Take care: users of one of the two gave feedback more often, so that who speaks may differ."
)
SHOWN: dict[Finding, str] = {"worse": "worse", "better": "better", "not shown": "nothing"}


def experiment_blocks(records: VersionRecords) -> Iterator[Block]:
    """Those with it as the challenger, the newest first; then those beside it as the champion."""
    found = records.traffic.experiments if records.traffic else ()
    if not found:
        yield Block(
            title="Experiments on users", text=("None: it was the challenger in no experiment.",)
        )
    yield from map(experiment_block, found)
    if records.experiments_beside:
        yield beside_block(records)


def experiment_block(one: ExperimentView) -> Block:
    """One in which it was the challenger. What it measured is known only after its end."""
    figures = one.end.figures if one.end else ()
    return Block(
        title=f"Experiment {one.number}: {outcome(one.end)}",
        text=tuple(warnings(one.end)) + ((SHARES,) if figures else ()),
        facts=tuple(facts(one)),
        columns=figure_columns(one.alpha) if figures else (),
        rows=tuple(figure_row(found, finding) for found, finding in figures),
    )


def figure_columns(alpha: float) -> tuple[str, ...]:
    interval = f">{100 * (1 - alpha):.3g} % interval"
    sides = (">Champion", ">This version", ">Difference")
    return ("Measure", *sides, interval, ">Evidence", "Shown")


def outcome(end: ExperimentEnd | None) -> str:
    return VERDICTS[end.verdict] if end else "it still runs"


def warnings(end: ExperimentEnd | None) -> Iterator[str]:
    """Why the figures may not be what they seem."""
    if end and end.problem:
        yield f"Its figures cannot be read: {end.problem}."
    if end and end.result:
        yield from health_warnings(end.result.health)


def health_warnings(health: Health) -> Iterator[str]:
    if health.ratio >= health.ratio_needed:
        yield NOT_AS_ASSIGNED
    elif not health.sound:
        yield NOT_AS_MANY_SPOKE
    if health.both_arms:
        yield f"{counted(health.both_arms, 'user')} got answers of both; what came first counts."


def facts(one: ExperimentView) -> Iterator[tuple[str, str]]:
    yield ("what it was", one.words)
    yield ("chance of a false verdict (alpha)", f"{one.alpha:g}")
    yield ("opened", act(one.since, one.by, one.reason))
    yield ("ended", ended(one.end))
    if one.end and one.end.result:
        yield from result_facts(one.end.result)


def result_facts(result: ExperimentResult) -> Iterator[tuple[str, str]]:
    users, metric = result.users, result.metric
    counted_users = (
        f"{users.champion:,.0f} of the champion, {users.challenger:,.0f} of this version"
    )
    yield ("users counted", counted_users)
    if metric:
        yield (f"users without feedback on {metric.name}", f"{result.health.waiting:,}")
        yield ("evidence of a win", evidence(metric.better, metric.better_needed))


def ended(end: ExperimentEnd | None) -> str:
    if end is None:
        return "it still runs; its figures are kept at its end"
    by = f"itself, on its figures, as {end.by} wrote down" if end.by_itself else end.by
    return act(end.at, by, end.reason)


def act(at: str, by: str, reason: str) -> str:
    return f"{at} by {by}" + (f" ({reason})" if reason else "")


def figure_row(found: Comparison, finding: Finding) -> tuple[str, ...]:
    means, users = found.means, found.users
    both = bool(users.champion and users.challenger)
    lower, upper = found.interval
    return (
        measure(found),
        side(means.champion, users.champion),
        side(means.challenger, users.challenger),
        signed(found.difference) if both else "–",
        f"{signed(lower)} … {signed(upper)}" if both else "–",
        evidence(found.harm, found.harm_needed),
        SHOWN[finding],
    )


def evidence(most: float | None, needed: float | None) -> str:
    if most is None or needed is None:
        return "not asked about"
    return f"{most:.3g} ({needed:,.0f})"


def measure(found: Comparison) -> str:
    """Its name, what of it counts, and which way is better where that is not more."""
    unit = "ms" if found.name == "slow" else "characters"
    limit = f" over {found.limit:,.0f} {unit}" if found.limit is not None else ""
    return f"{found.name}{limit}" + ("" if found.more_is_better else " (less is better)")


def side(mean: float, users: float) -> str:
    return f"{score(mean)} of {users:,.0f}" if users else "–"


def beside_block(records: VersionRecords) -> Block:
    """Others that answered users, or in a shadow nobody, while it was the champion."""
    return Block(
        title="Experiments with another version beside it",
        columns=("Experiment", "What it was", "From", "Until", "What came of it"),
        rows=tuple(map(beside_row, records.experiments_beside)),
    )


def beside_row(one: ExperimentView) -> tuple[str, ...]:
    until = one.end.at if one.end else "now"
    came = f"{outcome(one.end)}: {one.end.reason}" if one.end else outcome(one.end)
    return (f"{one.number}, with v{one.version}", one.words, one.since, until, came)


# --- deployment blocks ----------------------------------------------------------------------------

# When the version answered users, on which replicas, and what could not be deployed.

CHECKED = (
    "Traffic moves to a version only after replicas loaded it and passed its golden prompts: their "
    "answers must differ from the bare base's and be like those that the version was judged by. "
    "The agreement is the mean share of an answer that was the same, on the replica where it was "
    "least; where there is none, no judged answers were kept on the gateway's machine."
)


def deployment_blocks(records: VersionRecords) -> Iterator[Block]:
    yield answered_block(records)
    yield failure_block(records)


def answered_block(records: VersionRecords) -> Block:
    """The times in which it answered the champion's requests, the newest first."""
    times = records.traffic.deployments if records.traffic else ()
    return Block(
        title="When it answered users as the champion",
        text=(traffic_text(records), *([CHECKED] if times else [])),
        columns=("From", "Until", "Engine", "Replicas", ">Golden prompts", ">Agreement"),
        rows=tuple(map(time_row, times)),
    )


def traffic_text(records: VersionRecords) -> str:
    """In a sentence, whether users get its answers now."""
    found = records.traffic
    if found is None:
        return "No gateway has told of this family: no version is known to have answered users."
    if found.answers and found.champion:
        return "It answers the champion's requests."
    if found.answers:
        return "It still answers the champion's requests, and is not the champion any more."
    if found.champion:
        return "It is the champion, and the traffic has not moved to it."
    if found.deployments:
        return "It does not answer the champion's requests any more."
    return "It never answered the champion's requests."


def time_row(one: DeployedTime) -> tuple[str, ...]:
    until, replicas = one.until or "now", listed(one.replicas)
    return (one.since, until, one.engine, replicas, f"{one.golden:,}", score(one.agreement))


def failure_block(records: VersionRecords) -> Block:
    """What failed, the newest first."""
    found = records.traffic
    failures, older = (found.failures, found.failures_before) if found else ((), 0)
    more = f"{counted(older, 'older failure')}: `incumbent history` has them all."
    return Block(
        title="Deployments that failed",
        text=(more,) if older else (),
        columns=("At", "What failed", "Why"),
        rows=tuple((one.at, one.words, one.reason) for one in failures),
    )


def engines(records: VersionRecords) -> tuple[str, ...]:
    """The engines that answered users with it, each once, the newest first."""
    times = records.traffic.deployments if records.traffic else ()
    return tuple(dict.fromkeys(one.engine for one in times))
