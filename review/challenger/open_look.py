"""Whether more votes can still change a decision: the look that it was made at stays open."""

from functools import partial

from project.errors import IncumbentError
from registry.ballots.open_votes import open_of
from registry.ballots.standing import read_votes
from registry.reader import RegistryReader
from review.voting.blinding import awaited


def open_items(registry: RegistryReader, number: int) -> int | None:
    """How many items of the open look lack votes that would count; None: no look is open."""
    try:
        awaited(registry, number)
    except IncumbentError:
        return None
    votes = read_votes(registry, number)
    found = votes.once("open", partial(open_of, number, votes, votes.sheet()))
    return found.items - found.closed
