"""Who may accept what waits for a person, and what a page says to those who may not."""

from typing import Literal

from registry.roles import Duty
from review.access.people import Person

# `incumbent data labels` asks for the first; a page's acceptance is an approval too.
LABELS: tuple[Duty, ...] = ("submit", "promote")
FILES: tuple[Duty, ...] = ("promote",)  # waivers, refusals and corrections

What = Literal["labels", "files"]


def duties(what: What) -> tuple[Duty, ...]:
    return LABELS if what == "labels" else FILES


def why_not(person: Person, what: What) -> str | None:
    """Why somebody may not; None: they may."""
    for duty in duties(what):
        if not person.may(duty):
            names = ", ".join(person.roles.allowed(duty) or ()) or "nobody"
            return f"You may read this. To change it needs the role {duty!r}, which {names} has."
    return None


def require(person: Person, what: What) -> None:
    """Raise IncumbentError, as the registry does."""
    for duty in duties(what):
        person.roles.require(duty, person.name)
