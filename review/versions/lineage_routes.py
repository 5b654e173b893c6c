"""The lineage: from which version each version was trained, and who was champion."""

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from project.records.record import Record
from registry.overview.champion_history import displaced_by
from registry.overview.family_tree import FamilyTree, Member, family_tree
from review.access.people import ThePerson
from review.frame.pages import page
from review.site import TheSite
from review.versions.lineage_graph import graph
from review.versions.parameters import LineageQuery

TEMPLATE = Path(__file__).parent / "templates" / "lineage.html"
SHOWN = 60  # versions, unless all are asked for

router = APIRouter()
Asked = Annotated[LineageQuery, Query()]


class ChampionMove(Record):
    """One change of the champion."""

    seq: int
    at: str
    kind: str  # promote, rollback
    champion: int
    displaced: int | None  # None: the bare base


class LineagePage(Record):
    """The newest versions with their parents, and the changes of the champion, oldest first."""

    total: int
    versions: tuple[Member, ...]
    moves: tuple[ChampionMove, ...]


@router.get("/lineage", response_class=HTMLResponse)
def show_lineage(request: Request, site: TheSite, person: ThePerson, asked: Asked) -> HTMLResponse:
    tree = family_tree(site.registry(person.name), None if asked.all else SHOWN)
    return page(request, TEMPLATE, tree=tree, graph=graph(tree), row=30)


@router.get("/api/lineage")
def read_lineage(site: TheSite, person: ThePerson, asked: Asked) -> LineagePage:
    """The newest 60 versions with the version that each was trained from, or all of them."""
    tree = family_tree(site.registry(person.name), None if asked.all else SHOWN)
    return LineagePage(total=tree.total, versions=tree.members, moves=tuple(moves(tree)))


def moves(tree: FamilyTree) -> list[ChampionMove]:
    return [
        ChampionMove(
            seq=move.seq,
            at=move.at,
            kind=move.kind,
            champion=move.version,
            displaced=displaced_by(move),
        )
        for move in tree.moves
    ]
