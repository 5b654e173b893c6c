"""Who may accept what waits for a person, and what a page says to those who may not."""

from registry.roles import Duty
from review.access.people import Person

# The duty that `incumbent data labels` asks for too.
ACCEPTING: Duty = "promote"


def why_not(person: Person) -> str | None:
    """Why somebody may not; None: they may."""
    if person.may(ACCEPTING):
        return None
    names = person.roles.names(ACCEPTING)
    return f"You may read this. To change it needs the role {ACCEPTING!r}, which {names} has."


def require(person: Person) -> None:
    """Raise IncumbentError, as the registry does."""
    person.roles.require(ACCEPTING, person.name)
