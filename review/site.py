"""What all pages are made from: the project in the current folder."""

import os
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Request

from project.files import FileState, state_of
from project.settings import PARAMS, load
from registry.registry_settings import RegistryParams
from registry.roles import Roles
from registry.store import Registry
from review.review_settings import ReviewParams


@dataclass(frozen=True)
class Site:
    """One project's pages. What they show is read anew for each of them."""

    opened: Registry  # its engine is shared by all requests
    params: ReviewParams
    secret: bytes  # that cookies and tokens are signed with
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))

    def registry(self, actor: str) -> Registry:
        """The registry in somebody's name, with the rules of now."""
        own = copy(self.opened)
        own.actor = actor
        own.roles = roles_now()
        own.four_eyes = registry_params(state_of(PARAMS)).four_eyes
        return own

    @property
    def family(self) -> str:
        return self.opened.family


def roles_now() -> Roles:
    """The roles as their file has them now: whoever is taken out of it may no more."""
    params = registry_params(state_of(PARAMS))
    named = os.environ.get("INCUMBENT_ROLES")
    chosen = Path(named) if named else params.roles
    return roles_of(chosen, state_of(chosen) if chosen else ())


# Each is read again only when its file has changed: reading YAML takes longer than a page does.
@lru_cache(1)
def registry_params(state: FileState) -> RegistryParams:
    return load(RegistryParams)


@lru_cache(1)
def roles_of(chosen: Path | None, state: FileState) -> Roles:
    return Roles.here(chosen)


def site_of(request: Request) -> Site:
    found: Site = request.app.state.site
    return found


TheSite = Annotated[Site, Depends(site_of)]
