"""What all pages are made from: the project in the current folder."""

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Request

from registry.roles import RulesInUse
from registry.store import Registry
from review.review_settings import ReviewParams


@dataclass(frozen=True)
class Site:
    """One project's pages. What they show is read anew for each of them."""

    opened: Registry  # its engine is shared by all requests
    params: ReviewParams
    secret: bytes  # that cookies and tokens are signed with
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    rules: RulesInUse = field(default_factory=RulesInUse)

    def registry(self, actor: str) -> Registry:
        """The registry in somebody's name, with the rules of now."""
        own = copy(self.opened)
        own.actor = actor
        rules = self.rules.now()
        own.roles, own.four_eyes = rules.roles, rules.four_eyes
        return own

    @property
    def family(self) -> str:
        return self.opened.family


def site_of(request: Request) -> Site:
    found: Site = request.app.state.site
    return found


TheSite = Annotated[Site, Depends(site_of)]
