"""An anchor: which event was the chain's newest one, when, and who vouches for it.

The digest of an event covers all events before it. So an anchor that lies where the owner of the
database cannot write shows every later change of the history up to its event.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import AfterValidator, Field, ValidationError
from sqlalchemy import Connection

from project.canonical import moment, stamp
from project.errors import IncumbentError
from project.records.events import LookAdopted
from project.records.record import LATER, Digest, Record, invalid, read_object, short
from registry.reader import RegistryReader
from registry.registry_settings import SigningKeys
from registry.signatures import DetachedSignature, forgery, refuse_uncheckable, sign_bytes
from registry.storage.database import reading
from registry.storage.tables import digest_at, tip

Sha256 = Annotated[Digest, Field(pattern=r"^[0-9a-f]{64}$")]


class Anchor(Record):
    format: Literal["incumbent-anchor/1"] = "incumbent-anchor/1"
    seq: int = Field(ge=1)  # of the newest event
    event: Sha256  # its digest
    first: Sha256  # of event 1, which tells one registry from another
    at: Annotated[str, AfterValidator(moment)]
    # Which is about to be taken: an anchor may be all that other registries see of it.
    look: Annotated[LookAdopted | None, LATER] = None
    # Over the canonical JSON of the rest.
    signature: Annotated[DetachedSignature | None, LATER] = None

    @classmethod
    def of_line(cls, line: bytes, file: Path, number: int) -> Self:
        """Raises InputError naming file, line and field."""
        fields = read_object(line, file, number)
        fields.pop("text", None)  # what a webhook gets beside it, for Slack
        try:
            return cls.model_validate(fields)
        except ValidationError as error:
            raise invalid(error, file, number) from None

    @property
    def signed_bytes(self) -> bytes:
        return self.model_copy(update={"signature": None}).canonical()

    def signed(self, private: Path) -> Self:
        """Raises InputError for a bad key."""
        signature = sign_bytes(self.signed_bytes, private)
        return self.model_copy(update={"signature": signature})

    def signature_problem(self, keys: SigningKeys) -> str | None:
        """Why the signature is not as the settings want it; None also where no key could check it.

        Raises InputError for a public key that is none.
        """
        if self.signature and keys.public:
            return forgery(self.signed_bytes, self.signature, keys)
        if self.signature is None and keys.required:
            return "it is not signed, and registry.require_signature in params.yaml demands it"
        return None

    def __str__(self) -> str:
        return f"event {self.seq} at {self.at}"


class FoundAnchor(NamedTuple):
    """An anchor that was kept somewhere."""

    place: str  # file and line, or a tag
    anchor: Anchor | None  # None: a line that a crash cut off


def newest_anchor(reader: RegistryReader, look: LookAdopted | None = None) -> Anchor | None:
    """Of the chain now, signed if there is a key, with the look that it is made for; None without
    events. Raises InputError.
    """
    with reading(reader.engine) as connection:
        seq, digest = tip(connection)
        first = digest_at(connection, 1)
    if not seq:
        return None
    if first is None:
        raise IncumbentError(
            "event 1 is gone: there is no whole chain to anchor; see `incumbent registry verify`"
        )
    anchor = Anchor(seq=seq, event=digest, first=first, at=stamp(reader.clock()), look=look)
    return anchor.signed(reader.keys.private) if reader.keys.private else anchor


# --- anchor check ---------------------------------------------------------------------------------

# Whether the chain is still the one that its anchors saw.


class AnchorReport(Record):
    """What the anchors say of the chain."""

    problems: tuple[str, ...]
    checked: int  # anchors
    newest: Anchor | None  # of those that the chain fits
    later: int  # events after it, which no anchor covers
    unsigned: int  # anchors
    cut_off: tuple[str, ...]  # lines that a crash left unfinished; they count for nothing


def check_anchors(reader: RegistryReader, found: Sequence[FoundAnchor]) -> AnchorReport:
    """Hold the chain against every anchor, oldest event first.

    The rest is for `registry.audit`: that the chain is unbroken up to each anchor's event. Raises
    InputError for settings that demand signatures and name no public key, or one that is none.
    """
    if found:
        refuse_uncheckable(reader.keys)
    kept = [(one.place, one.anchor) for one in found if one.anchor]
    kept.sort(key=lambda one: (one[1].seq, one[1].at))
    problems: list[str] = []
    newest: Anchor | None = None
    with reading(reader.engine) as connection:
        end, _ = tip(connection)
        for place, anchor in kept:
            about = list(problems_of(connection, anchor, end, newest, reader.keys))
            problems += [f"{place}: {problem}" for problem in about]
            newest = newest if about else anchor
    return AnchorReport(
        problems=tuple(problems),
        checked=len(kept),
        newest=newest,
        later=end - (newest.seq if newest else 0),
        unsigned=sum(anchor.signature is None for _, anchor in kept),
        cut_off=tuple(one.place for one in found if one.anchor is None),
    )


def problems_of(
    connection: Connection, anchor: Anchor, end: int, held: Anchor | None, keys: SigningKeys
) -> Iterator[str]:
    """What does not fit one anchor; `held` is the newest one before it that the chain fits."""
    if problem := anchor.signature_problem(keys):
        yield problem
    other = end and digest_at(connection, 1) != anchor.first
    doubt = (
        "; event 1 is another one too, so the anchor may be of another registry" if other else ""
    )
    if look := anchor.look:
        doubt += f"; it is of look {look.opening} at eval set {short(look.eval_set)}"
    if anchor.seq > end:
        yield (
            f"the history was cut: event {anchor.seq} was the newest one at {anchor.at}, and now "
            f"the history ends with event {end}{doubt}"
        )
    elif digest_at(connection, anchor.seq) != anchor.event:
        yield f"the history was rewritten: {changed(anchor, held)}{doubt}"


def changed(anchor: Anchor, held: Anchor | None) -> str:
    """Which events may be other ones than at the time of an anchor that does not fit."""
    first = min(held.seq + 1, anchor.seq) if held else 1
    span = f"event {first}" if first == anchor.seq else f"one of the events {first} to {anchor.seq}"
    return f"{span} is another one than at {anchor.at}"
