"""From a model's name to the version that answers: family, @champion, @challenger or @v7."""

import re

from project.untrusted_input import shortened
from serving.callers.api_error import ApiError, after
from serving.deployment import Deployment
from serving.exchange import Assignment
from serving.openai_api.gateway import Gateway

WHICH = re.compile(r"champion|challenger|v[1-9][0-9]{0,8}")
SOON = 5.0  # seconds until it is worth asking again


def who_answers(gateway: Gateway, model: str, user: str | None, request: str) -> Assignment:
    """Raises ApiError: 404 for a name that leads nowhere, 503 while nothing is deployed."""
    asked = asked_for(gateway.family, model)
    if gateway.table.champion is None:
        raise nothing_deployed(gateway.family)
    assignment = gateway.assigner.assign(asked, user, request)
    if assignment is None:
        raise not_found(model)
    return assignment


def asked_for(family: str, model: str) -> str:
    """What stands behind the family's name; "champion" where nothing does."""
    named, at, which = model.partition("@")
    if named != family or (at and not WHICH.fullmatch(which)):
        raise not_found(model)
    return which or "champion"


def not_found(model: str) -> ApiError:
    return ApiError(
        404,
        f"There is no model {shortened(model)!r} here: GET /v1/models lists those that answer.",
        param="model",
        code="model_not_found",
    )


def nothing_deployed(family: str) -> ApiError:
    problem = (
        f"No champion of family {family} is deployed yet: GET /v1/incumbent/serving says how far "
        "it is."
    )
    return ApiError(503, problem, code="no_champion", headers=after(SOON))


def models(gateway: Gateway) -> dict[str, Deployment]:
    """The names that are answered now, and what answers to them outside of an experiment."""
    champion = gateway.table.champion
    if champion is None:
        return {}
    family = gateway.family
    found = {family: champion, f"{family}@champion": champion}
    if champion.version:
        found[f"{family}@v{champion.version}"] = champion
    if challenger := gateway.assigner.challenger():
        found[f"{family}@challenger"] = challenger
        found[f"{family}@v{challenger.version}"] = challenger
    return found
