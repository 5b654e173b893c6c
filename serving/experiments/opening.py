"""What a person asks for who opens an experiment, checked and made into an event's detail."""

import secrets
from math import isfinite
from typing import Literal

from project.errors import InputError
from project.records.adapters import AdapterVersion
from project.records.events import ExperimentOpened
from project.records.record import short
from registry.reader import RegistryReader
from serving.experiments.measures import GUARDRAILS, Metric
from serving.serving_settings import ServingParams

Mode = Literal["shadow", "canary", "ab"]
MOST_ALPHA = 0.5


def asked_for(
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
    refuse_share(mode, share)
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


def refuse_share(mode: Mode, share: float) -> None:
    """Both have to answer some users, or there is nothing to compare."""
    most = share <= 1 if mode == "shadow" else share < 1
    if not (isfinite(share) and share > 0 and most):
        upto = "at most 1" if mode == "shadow" else "below 1: the champion answers the others"
        raise InputError(f"is above 0 and {upto}", field="--share")


def refuse_without_pool(version: AdapterVersion, params: ServingParams) -> None:
    # Imported here because the clients of all engines come with it.
    from serving.deploying.pools import fits

    base = version.adapter.base
    if params.backend == "embedded" or any(fits(pool.base, base) for pool in params.pools):
        return
    raise InputError(
        f"no pool holds the base of {version.label}, {base}: add one with base: {base.model} or "
        f"{short(base.weights)}",
        file="params.yaml",
        field="serving.pools",
    )
