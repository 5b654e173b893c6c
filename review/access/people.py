"""The person behind a request, and what that person may do."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from registry.roles import Duty, Roles

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
    found: Person = request.state.person
    return found


def is_name(text: str) -> bool:
    """Whether a text can stand in the history as somebody's name: one line, no blanks around it."""
    return 0 < len(text) <= LONGEST_NAME and text.isprintable() and text == text.strip()


ThePerson = Annotated[Person, Depends(person_of)]
