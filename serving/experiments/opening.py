"""What a person asks for who opens an experiment, checked and made into an event's detail."""

import secrets
from collections.abc import Iterator, Sequence
from math import isfinite
from typing import Literal, cast, get_args

from evaluation.scoring.phrases import refuses
from project.canonical import digest_json
from project.errors import InputError
from project.records.adapters import AdapterVersion
from project.records.events import ExperimentOpened
from project.records.record import Digest, short
from project.records.traffic import Outcome
from registry.experiment_events import Experiment, Observation
from registry.reader import RegistryReader
from serving.exchange import AnswerRef, Exchange, FeedbackGiven, UserDigest
from serving.serving_settings import ServingParams

# --- measures -------------------------------------------------------------------------------------

# What an answer, and what a user made of it, is worth in each metric and guardrail.
#
# Only users with a name count: of the others nobody knows which answers were one user's. And of
# each user only what came first counts. A user stays in one arm, so that further answers would say
# the same again: as many observations of one person they would seem to be evidence that they are
# not.

Metric = Literal["rating", "escalated", "resolved", "satisfaction"]
Guardrail = Literal["errors", "refusals", "slow", "long"]
METRICS: tuple[Metric, ...] = get_args(Metric)
GUARDRAILS: tuple[Guardrail, ...] = get_args(Guardrail)
# Of these the value itself is kept, and what is too much is told later, from the champion's own.
MEASURED: tuple[Guardrail, ...] = ("slow", "long")
LESS_IS_BETTER = ("escalated", *GUARDRAILS)
ANSWERED = (200, 499)  # wholly, or until the client went away
FAILED = 500  # from here on an error is not the caller's


CALLER = 16  # digits of a unit that tell whose user it is


def unit_of(salt: str, caller: str, user: UserDigest) -> Digest:
    """A user, as the table knows him: first whose he is, then who.

    A user whom two callers name alike is one, for he is in the same arm for both.
    """
    return (
        digest_json([salt, "caller", caller])[:CALLER] + digest_json([salt, "unit", user])[CALLER:]
    )


def of_answer(experiment: Experiment, exchange: Exchange) -> Iterator[Observation]:
    """What the guardrails see of an answer; nothing where it is not part of the experiment, and
    where the request was refused as the caller's own mistake.
    """
    if exchange.status not in ANSWERED and exchange.status < FAILED:
        return
    answer = exchange.ref
    for name, value in guarded(exchange).items():
        if name in experiment.told.guardrails:
            yield from observed(experiment, answer, exchange.caller, name, value, exchange.at)


def guarded(exchange: Exchange) -> dict[Guardrail, float]:
    """More is worse. An answer that failed is not short and not a refusal: it is an error."""
    return {
        "errors": float(exchange.status >= FAILED),
        "refusals": float(refuses(exchange.text)),
        "slow": exchange.latency_ms,
        "long": float(len(exchange.text)),
    }


def of_feedback(
    experiment: Experiment, feedback: FeedbackGiven, answer: AnswerRef
) -> Iterator[Observation]:
    """What a user said of an answer, in the experiment's metric; nothing where he said nothing."""
    value = feedback_value(cast(Metric, experiment.told.metric), feedback)
    if value is not None:
        metric, caller = experiment.told.metric, feedback.caller
        yield from observed(experiment, answer, caller, metric, value, feedback.at)


def feedback_value(metric: Metric, feedback: FeedbackGiven) -> float | None:
    """The value from 0 to 1; more is better, or worse, as the metric's name says."""
    if metric == "rating":
        return None if feedback.rating is None else (feedback.rating + 1) / 2
    outcome = feedback.outcome or Outcome()
    value: float | bool | None = getattr(outcome, metric)
    return None if value is None else float(value)


def observed(
    experiment: Experiment, answer: AnswerRef, caller: str, metric: str, value: float, at: str
) -> Sequence[Observation]:
    """One, of a named user whom the experiment assigned."""
    arm, user = answer.arm, answer.user
    if answer.experiment != experiment.number or arm is None or user is None:
        return ()
    unit = unit_of(experiment.told.salt, caller, user)
    return (
        Observation(
            experiment=experiment.number, unit=unit, arm=arm, metric=metric, value=value, at=at
        ),
    )


# --- opening --------------------------------------------------------------------------------------

Mode = Literal["shadow", "canary", "ab"]
MOST_ALPHA = 0.5


def experiment_asked_for(
    reader: RegistryReader,
    version: AdapterVersion,
    params: ServingParams,
    *,
    mode: Mode,
    share: float,
    metric: Metric,
    alpha: float,
) -> ExperimentOpened:
    """Against the present champion. Raises InputError for shares and levels that test nothing, and
    for a version whose base no pool holds.
    """
    # Both have to answer some users, or there is nothing to compare.
    most = share <= 1 if mode == "shadow" else share < 1
    if not (isfinite(share) and share > 0 and most):
        upto = "at most 1" if mode == "shadow" else "below 1: the champion answers the others"
        raise InputError(f"is above 0 and {upto}", field="--share")
    if not 0 < alpha <= MOST_ALPHA:
        raise InputError(f"is a chance above 0, and at most {MOST_ALPHA}", field="--alpha")
    refuse_without_pool(version, params)
    champion = reader.champion()
    return ExperimentOpened(
        mode=mode,
        adapter=version.adapter.files,
        champion=champion.number if champion else None,
        share=repr(share),
        metric=metric,
        alpha=repr(alpha),
        guardrails=GUARDRAILS,
        salt=secrets.token_hex(16),
    )


def refuse_without_pool(version: AdapterVersion, params: ServingParams) -> None:
    # Imported here because the clients of all engines come with it.
    from serving.deploying.pools import fits

    base = version.adapter.base
    held = params.starts_engines or any(fits(pool.base, base) for pool in params.pools)
    if base.hosted or held:
        return
    raise InputError(
        f"no pool holds the base of {version.label}, {base}: add one with base: {base.model} or "
        f"{short(base.weights)}",
        file="params.yaml",
        field="serving.pools",
    )
