"""The lineage: from which version each version was trained, and who was champion."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from project.records.events import Event
from project.records.record import Record
from registry.version_search import FamilyMember, FamilyTree, displaced_by, family_tree
from review.frame.pages import page
from review.site import ThePerson, TheSite
from review.versions.version_page import LineageQuery

SHOWN = 60  # versions, unless all are asked for

router = APIRouter()
Asked = Annotated[LineageQuery, Query()]


class ChampionMove(Record):
    """One change of the champion."""

    seq: int
    at: str
    kind: str  # promote, rollback, withdraw
    champion: int | None  # None: the bare base
    displaced: int | None  # None: the bare base


class LineagePage(Record):
    """The newest versions with their parents, and the changes of the champion, oldest first."""

    total: int
    versions: tuple[FamilyMember, ...]
    moves: tuple[ChampionMove, ...]


@router.get("/lineage", response_class=HTMLResponse)
def show_lineage(request: Request, site: TheSite, person: ThePerson, asked: Asked) -> HTMLResponse:
    tree = family_tree(site.registry(person.name), None if asked.all else SHOWN)
    return page(request, "lineage.html", tree=tree, graph=graph(tree), row=30)


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
            champion=None if move.kind == "withdraw" else move.version,
            displaced=displaced_by(move),
        )
        for move in tree.moves
    ]


# --- lineage graph --------------------------------------------------------------------------------

# Where versions and edges of the lineage stand, in units of the SVG that the template makes.
#
# A version a row, the newest on top, as in a log of commits. Champions stand on the first line,
# which joins them. The others hang on a line of the version that their training went on from.

ROW, LANE, LEFT = 30, 18, 16  # heights and widths
Shape = Literal["champion", "promoted", "other"]


@dataclass(frozen=True)
class Node:
    """One version."""

    number: int
    x: int
    y: int
    shape: Shape
    label: str


@dataclass(frozen=True)
class Edge:
    """A line: from a version to where it comes from, or between two champions."""

    path: str
    champion: bool
    title: str


@dataclass(frozen=True)
class Graph:
    width: int
    height: int
    text: int  # where the labels begin
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


@dataclass(frozen=True)
class Branch:
    """The versions that hang on one line: those that were trained from one version."""

    parent: int | None  # None: the base
    rows: tuple[int, ...]  # of the versions, from the top
    end: int  # the row of the parent, or below the last one where it is not drawn


def graph(tree: FamilyTree) -> Graph:
    members = tree.members
    rows = {member.standing.version.number: row for row, member in enumerate(members)}
    branches = branches_of(members, rows)
    lanes = lanes_of(branches)
    lane_of_row = {row: lanes[i] for i, branch in enumerate(branches) for row in branch.rows}
    nodes = [node(member, row, lane_of_row.get(row, 0)) for row, member in enumerate(members)]
    edges = [
        *champion_edges(tree.moves, rows),
        *(
            edge
            for i, branch in enumerate(branches)
            for edge in branch_edges(branch, nodes, lanes[i])
        ),
    ]
    text = LEFT + LANE * (max(lanes, default=0) + 1)
    return Graph(text + 420, ROW * (len(members) + 1), text, tuple(nodes), tuple(edges))


def branches_of(members: Sequence[FamilyMember], rows: dict[int, int]) -> list[Branch]:
    """By parent, in the order of their first rows. Champions are on none: they have a line."""
    hanging: dict[int | None, list[int]] = {}
    for row, member in enumerate(members):
        if not member.standing.promoted:
            hanging.setdefault(member.parent, []).append(row)
    below = len(members)
    return [
        Branch(parent, tuple(children), rows.get(parent, below) if parent else below)
        for parent, children in hanging.items()
    ]


def lanes_of(branches: Sequence[Branch]) -> list[int]:
    """A lane for each branch, so that no two on one lane share a row; lane 0 is the champions'."""
    free_from: list[int] = []  # by lane, the first row that nobody has
    lanes = []
    for branch in branches:
        lane = next((i for i, row in enumerate(free_from) if row <= branch.rows[0]), None)
        if lane is None:
            lane = len(free_from)
            free_from.append(0)
        free_from[lane] = branch.end
        lanes.append(lane + 1)
    return lanes


def node(member: FamilyMember, row: int, lane: int) -> Node:
    standing = member.standing
    shape: Shape = "champion" if standing.champion else "promoted" if standing.promoted else "other"
    return Node(standing.version.number, x_of(lane), y_of(row), shape, ", ".join(words(member)))


def words(member: FamilyMember) -> Iterator[str]:
    """What came of a version."""
    standing = member.standing
    yield standing.verdict.value if standing.verdict else "undecided"
    if standing.champion:
        yield "champion"
    elif standing.promoted:
        yield "was champion"
    if standing.forced:
        yield "forced"
    if standing.rejected:
        yield "rejected"
    if standing.deleted:
        yield "deleted"
    yield comes_from(member)


def comes_from(member: FamilyMember) -> str:
    if member.parent:
        return f"from v{member.parent}"
    return "from an unknown adapter" if member.unknown_parent else "from the base"


def champion_edges(moves: Sequence[Event], rows: dict[int, int]) -> Iterator[Edge]:
    """One line through all champions that are drawn."""
    drawn = sorted({rows[move.version] for move in moves if move.version in rows})
    for above, below in pairwise(drawn):
        path = f"M {x_of(0)} {y_of(above)} V {y_of(below)}"
        yield Edge(path, champion=True, title="one champion after the other")


def branch_edges(branch: Branch, nodes: Sequence[Node], lane: int) -> Iterator[Edge]:
    """One line down from the newest version of a branch, to the parent where it is drawn."""
    if branch.parent is None:
        return
    top, x = y_of(branch.rows[0]), x_of(lane)
    drawn = branch.end < len(nodes)
    end = y_of(branch.end)
    bend = f"V {end - ROW // 2} L {nodes[branch.end].x} {end}" if drawn else f"V {end}"
    yield Edge(f"M {x} {top} {bend}", champion=False, title=f"trained from v{branch.parent}")


def x_of(lane: int) -> int:
    return LEFT + LANE * lane


def y_of(row: int) -> int:
    return ROW * row + ROW // 2
