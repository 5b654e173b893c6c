"""What was measured: scores with intervals, what they could show, slices, and looks."""

from collections import defaultdict
from collections.abc import Iterator

from evaluation.decision.power import chance, detectable, percent
from project.records.calibration import Calibration
from project.records.events import BallotCast, Event, LookTaken, VotesAsked
from project.records.evidence import Decision, Evidence, Measured, MetricEvidence
from registry.lineage import apart, name_of
from registry.model_card.card import limitations, line, ordered, parts
from review.dossier.data_blocks import VersionRecords
from review.dossier.document import Block, ScoreInterval, listed, score, signed

SCORES = ("Metric", ">Opponent", ">This version", ">Difference", ">90 % interval", ">Items")
NOTHING = Block(text=("Nothing was measured: nobody has decided on this version.",))


def verdict_block(records: VersionRecords) -> Block:
    """What was decided, at which look, and why."""
    lineage, decision = records.lineage, records.lineage.decision
    if decision is None:
        return NOTHING
    look = f"look {decision.opening}" if decision.opening else "none was taken"
    told = (f"Both answered the same items; {apart(decision)}.",) if apart(decision) else ()
    return Block(
        title=f"Verdict: {decision.verdict.value}",
        text=(*decision.reasons, *told),
        facts=(
            ("compared with", name_of(lineage.opponent)),
            ("look at the sealed eval set", look),
            ("level (alpha)", f"{decision.alpha:.4g}" if decision.alpha else "none"),
            ("items still needed", str(decision.needed or "none")),
            ("rule", f"version {decision.rule}"),
            ("digest of the decision", str(lineage.decision_digest)),
            ("digest of the evidence", decision.evidence),
            ("digest of the policy", decision.policy),
        ),
    )


def score_blocks(records: VersionRecords, *, dev: bool) -> Iterator[Block]:
    """The scores of dev, or of all else that was measured, each part with its intervals."""
    for title, measured in parts(records.lineage).items():
        if title.startswith("Dev") == dev:
            yield scores(title, measured, records.lineage.gating)
    others = records.lineage.evidence
    if others is None:
        return
    if dev and others.few_shot:
        title = "Dev eval set, against the base with a few-shot prompt"
        yield scores(title, others.few_shot, records.lineage.gating)
    if not dev and others.reference and records.lineage.looked_at_sealed:
        title = "Sealed eval set, against the regression baseline"
        yield scores(title, others.reference, records.lineage.gating)


def scores(title: str, measured: Measured, gating: tuple[str, ...]) -> Block:
    lines = [(line(name, found), found) for name, found in ordered(measured, gating)]
    return Block(
        title=title,
        columns=SCORES,
        rows=tuple(
            (one.label, one.champion, one.challenger, one.difference, one.interval, f"{one.n:,}")
            for one, _ in lines
        ),
        intervals=tuple(ScoreInterval.of(one.label, found) for one, found in lines),
    )


def bound_block(records: VersionRecords) -> Block | None:
    """The bounds that decided."""
    decision = records.lineage.decision
    if decision is None or not decision.bounds:
        return None
    return Block(
        title="Bounds that decided",
        text=("One-sided bounds of the mean difference at the level of this look.",),
        columns=("Metric", ">Lower bound", ">Upper bound", "Won"),
        rows=tuple(
            (metric, signed(bound.lower), signed(bound.upper), "yes" if bound.won else "no")
            for metric, bound in decision.bounds.items()
        ),
    )


def slice_block(records: VersionRecords) -> Block | None:
    """The gating metrics in each slice of the sealed eval set."""
    gating = records.lineage.gating
    cells = [
        (name, metric, found)
        for name, measured in records.lineage.slices.items()
        for metric, found in ordered(measured, gating)
        if metric in gating
    ]
    if not cells:
        return None
    return Block(
        title="Slices of the sealed eval set",
        columns=("Slice", "Metric", ">Difference", ">90 % interval", ">Items"),
        rows=tuple(
            (name, metric, signed(m.diff), interval(m), f"{m.n:,}") for name, metric, m in cells
        ),
    )


def interval(found: MetricEvidence) -> str:
    lower, upper = found.bootstrap
    return f"{signed(lower)} … {signed(upper)}"


def power_block(records: VersionRecords) -> Block | None:
    """What so many items could show: where that is little, finding nothing says little."""
    lineage, decision = records.lineage, records.lineage.decision
    measured = lineage.sealed or (lineage.evidence.dev if lineage.evidence else {})
    effect, alpha = records.policy.get("effect"), level(decision, records)
    gating = [metric for metric in lineage.gating if metric in measured]
    if not (gating and isinstance(effect, int | float) and alpha):
        return None
    return Block(
        title="Power",
        text=(
            f"The policy finds a gain of {effect:g} worth waiting for. At the level "
            f"{alpha:.4g}, on the {'sealed' if lineage.sealed else 'dev'} items, with the spread "
            "and the clusters that were measured:",
        ),
        columns=(
            "Metric",
            ">Items",
            ">Clusters",
            ">Found gain of the policy",
            ">Gain found in 80 %",
        ),
        rows=tuple(power_row(metric, measured[metric], float(effect), alpha) for metric in gating),
    )


def power_row(metric: str, found: MetricEvidence, effect: float, alpha: float) -> tuple[str, ...]:
    if not (found.sd and found.se and found.n):
        return (metric, f"{found.n:,}", f"{found.clusters:,}", "–", "–")
    design = found.se**2 * found.n / found.sd**2  # how much the clusters widen the error
    chance_of = percent(chance(found.n, effect, found.sd, alpha, design))
    least = detectable(found.n, found.sd, alpha, design=design)
    return (metric, f"{found.n:,}", f"{found.clusters:,}", chance_of, f"{least:+.2g}")


def level(decision: Decision | None, records: VersionRecords) -> float | None:
    stated = decision.alpha if decision else None
    policy = records.policy.get("alpha")
    return stated or (policy if isinstance(policy, float) else None)


def look_block(records: VersionRecords) -> Block:
    """Every look at a sealed eval set that this version took, and the alpha that it spent."""
    looks = [e for e in records.lineage.history if isinstance(e.detail, LookTaken)]
    return Block(
        title="Looks at the sealed eval set",
        text=(
            "Looks are counted before they are taken, over all eval sets that share most of their "
            "items, and each is judged more strictly than the one before: at 6B/(π²k²) for the "
            "k-th look, B being the budget.",
        ),
        columns=("At", ">Look", ">Budget", ">Alpha", "Eval set", "By"),
        rows=tuple(look_row(event) for event in looks),
    )


def look_row(event: Event) -> tuple[str, ...]:
    look = event.told(LookTaken)
    return (
        event.at,
        str(look.opening),
        shorter(look.budget),
        shorter(look.alpha),
        look.eval_set,
        event.actor,
    )


def shorter(number: str) -> str:
    try:
        return f"{float(number):.4g}"
    except ValueError:
        return number


def limit_block(records: VersionRecords) -> Block:
    return Block(title="Known limits", text=tuple(limitations(records.lineage)))


def usage_block(evidence: Evidence | None) -> Block | None:
    if evidence is None or not evidence.usage:
        return None
    return Block(
        title="What an answer takes",
        columns=("System", ">Tokens of a prompt", ">Tokens of an answer"),
        rows=tuple(
            (system, f"{used.prompt:.1f}", f"{used.answer:.1f}")
            for system, used in evidence.usage.items()
        ),
    )


def outcome_blocks(records: VersionRecords) -> Iterator[Block]:
    """All that the sealed eval set, guardrails and people say."""
    yield verdict_block(records)
    found = (
        bound_block(records),
        *score_blocks(records, dev=False),
        slice_block(records),
        power_block(records),
        look_block(records),
        vote_block(records),
        calibration_block(records),
        usage_block(records.lineage.evidence),
        limit_block(records),
    )
    yield from (block for block in found if block is not None)


def metrics_text(records: VersionRecords) -> str:
    return listed(records.lineage.gating, "none is recorded")


# --- preference blocks ----------------------------------------------------------------------------

# Whom the preference is of, and how far it can be trusted: people's votes, and a judge.

BLIND = "How they stand is shown to whoever decides: who votes must not know it."


def calibration_block(records: VersionRecords) -> Block | None:
    """How far the preference may be trusted."""
    evidence = records.lineage.evidence
    found = evidence.calibration if evidence else None
    if found is None:
        return None
    return Block(
        title=f"Preference: {found.source}",
        text=(f"It is advisory only: {found.advisory}.",)
        if found.advisory
        else (str(found) + ".",),
        facts=calibration_facts(found),
    )


def calibration_facts(found: Calibration) -> tuple[tuple[str, str], ...]:
    facts = [
        ("pairs judged", f"{found.n:,}, and {found.unjudged:,} without a judgement"),
        ("right on held-out pairs", score(found.accuracy)),
        ("agreement (kappa)", score(found.kappa)),
        ("prefers the answer shown first", score(found.first_rate)),
        ("right on pairs of like length", f"{score(found.matched_accuracy)} of {found.matched_n}"),
        ("picking the longer is right on", score(found.longer_accuracy)),
    ]
    return (*facts, *(("judge", str(pin)) for pin in found.judges))


def vote_block(records: VersionRecords) -> Block:
    """People's votes that are on record: who gave how many, and what they chose."""
    if records.ballots is None:
        return Block(title="People's votes", text=(BLIND,))
    own: dict[str, list[BallotCast]] = defaultdict(list)
    for event in records.ballots:
        own[event.actor].append(event.told(BallotCast))
    if not own:
        text = "No vote on its answers is on record."
        return Block(title="People's votes", text=(text,))
    items = {event.told(BallotCast).item for event in records.ballots}
    return Block(
        title="People's votes",
        text=(
            f"{len(records.ballots):,} blind votes of {len(own)} reviewers on {len(items):,} "
            "items. Each is an event of the history, bound to the digests of both answers.",
        ),
        columns=("Reviewer", ">Votes", ">For this version", ">For the other", ">Tie or both bad"),
        rows=tuple(vote_row(who, votes, names_of(records)) for who, votes in sorted(own.items())),
    )


def vote_row(who: str, votes: list[BallotCast], own_names: set[str]) -> tuple[str, ...]:
    sides = [getattr(vote, vote.choice, None) for vote in votes]  # left, right, or neither
    mine, neither = sum(side in own_names for side in sides), sides.count(None)
    return (who, str(len(votes)), str(mine), str(len(votes) - mine - neither), str(neither))


def names_of(records: VersionRecords) -> set[str]:
    """What the sheets that people voted on call this version."""
    history = records.lineage.history
    return {e.detail.challenger for e in history if isinstance(e.detail, VotesAsked)}
