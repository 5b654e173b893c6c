"""What all pages are made from: the project in the current folder, and who looks."""

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Request

from registry.roles import Duty, Roles, RulesInUse
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
        registry = copy(self.opened)
        registry.actor = actor
        rules = self.rules.now()
        registry.roles, registry.four_eyes = rules.roles, rules.four_eyes
        return registry

    @property
    def family(self) -> str:
        return self.opened.family


def site_of(request: Request) -> Site:
    site: Site = request.app.state.site
    return site


TheSite = Annotated[Site, Depends(site_of)]


# --- people ---------------------------------------------------------------------------------------

# The person behind a request, and what that person may do.

LONGEST_NAME = 100


@dataclass(frozen=True)
class Person:
    """Who signed in. The name is the actor of all that is written in the registry."""

    name: str
    roles: Roles
    csrf: str  # what each form of this session must send back

    def may(self, duty: Duty) -> bool:
        """Whether a page offers it. The registry asks again when it is done."""
        return self.roles.allow(duty, self.name)

    @property
    def decides(self) -> bool:
        """Who decides may know how the votes stand; who only votes would not be blind any more."""
        return self.may("promote") or self.may("administer")


def person_of(request: Request) -> Person:
    """Whom the access middleware found; without one no route is reached."""
    person: Person = request.state.person
    return person


def is_name(text: str) -> bool:
    """Whether a text can stand in the history as somebody's name: one line, no blanks around it."""
    return 0 < len(text) <= LONGEST_NAME and text.isprintable() and text == text.strip()


ThePerson = Annotated[Person, Depends(person_of)]
