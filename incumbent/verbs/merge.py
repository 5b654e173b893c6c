"""`search merge`: a challenger that nothing is trained for, merged from adapters that are there."""

import sys
import tempfile
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn, get_args

import typer

from incumbent.options import (
    GO_ON,
    LARGEST,
    Json,
    Reason,
    saying_what_stays,
    version_option,
)
from incumbent.output import print_json, print_table, say
from incumbent.searching.pace import minutes_text
from project.child_processes import ended_by_signals
from project.errors import IncumbentError
from project.files import home, locked
from project.near_duplicates import WordPrints
from project.records.adapters import AdapterVersion
from project.records.data import counted
from registry.adapter_import.lora_config import MergeMethod
from registry.store import Registry

if TYPE_CHECKING:
    from incumbent.searching.merge_parents import MergeParent
    from incumbent.searching.merges import MergeResult, MergeSearch

SHARES, DENSITIES = (0.3, 0.5, 0.7), (0.5,)


@saying_what_stays(GO_ON)
def merge(
    challenger: Annotated[
        int | None,
        version_option("The version that the champions are merged with; else the pipeline's."),
    ] = None,
    champions: Annotated[
        int, typer.Option(min=1, max=LARGEST, help="How many of the last champions take part.")
    ] = 2,
    method: Annotated[
        MergeMethod | None, typer.Option(help="One way to merge, by PEFT's name; all if left out.")
    ] = None,
    share: Annotated[
        list[float] | None,
        typer.Option(
            min=0.01,
            max=0.99,
            help="A weight of the challenger, the champions share the rest; else 0.3, 0.5 and 0.7.",
        ),
    ] = None,
    density: Annotated[
        list[float] | None,
        typer.Option(min=0.01, max=1, help="What ties and dare_ties keep of each; else 0.5."),
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, max=LARGEST, help="Of what dare_ties drops at random.")
    ] = 0,
    by: Annotated[
        str | None, typer.Option(help="The metric, or loss; the first that gates if left out.")
    ] = None,
    register: Annotated[
        bool, typer.Option("--register", help="Also where the best is no better than its parents.")
    ] = False,
    reason: Reason = "merged",
    as_json: Json = False,
) -> None:
    """Merge the last champions' adapters and the challenger's; the best on dev is a new version.

    Reads no sealed item. Raises InputError for adapters that cannot be merged.

    $ incumbent search merge
    $ incumbent search merge --challenger v4 --method ties --share 0.5 --density 0.2
    """
    # Imported here because these bring libraries that take a while.
    from incumbent.searching.merge_parents import merges_of, parents_here
    from incumbent.searching.merges import MergeSearch, sentences

    merges = merges_of(
        [method] if method else get_args(MergeMethod), share or SHARES, density or DENSITIES
    )
    alone = locked(home() / "merges" / "lock", refuse)
    aside = tempfile.TemporaryDirectory(prefix="incumbent-merges-")
    with alone, ended_by_signals(), aside as place, Registry.here() as registry:
        registry.roles.require("submit", registry.actor)
        parents = parents_here(registry, champions, challenger)
        search = MergeSearch.here(parents, merges, seed, by)
        say_beginning(search)
        found, version = search.run(Path(place)), None
        if found.is_better or register:
            folder = Path(place, str(found.best))
            version = registered(registry, search, found, folder, reason)
    if as_json:
        print_json(found.model_dump(mode="json") | {"said": sentences(found), "version": version})
        return
    print_found(found, version)


def refuse() -> NoReturn:
    raise IncumbentError("another process merges here: wait for its end")


def say_beginning(search: "MergeSearch") -> None:
    """Tell people what is merged and how long it will take, before the first long work."""
    parents = ", ".join(parent.label for parent in search.parents)
    about = minutes_text(search.expected)
    count = counted(len(search.merges), "merge")
    print(f"{count} of {parents}: {about}; less for what is known already", file=sys.stderr)


def registered(
    registry: Registry, search: "MergeSearch", found: "MergeResult", folder: Path, reason: str
) -> AdapterVersion:
    """The best merge as a version, with its parents and all that they have learnt."""
    from incumbent.searching.merges import origin_of  # as above
    from training.start_record import LearntRows

    origin, first = origin_of(search, found), search.parents[0].adapter
    adapter = first.model_copy(
        update={
            "files": found.merges[found.best].adapter,
            "recipe": origin.digest,
            "dataset": origin.digest,
            "parent": first.files,
            "numerics": None,
        }
    )
    prints, rows = zip(*(learnt_by(registry, parent) for parent in search.parents), strict=True)
    known = LearntRows(learnt=tuple(sorted({*chain.from_iterable(rows)})))
    return registry.submit(
        adapter,
        folder,
        reason,
        *(origin, *([known] if all(rows) else ())),
        trained_on=WordPrints.joined(prints) if all(prints) else None,
    )


def learnt_by(
    registry: Registry, parent: "MergeParent"
) -> tuple[WordPrints | None, tuple[str, ...]]:
    """The prompts and the rows that a parent has learnt; None and none where nobody knows."""
    from incumbent.submission import everything_learnt  # which takes a while, as these do
    from training.rows.experience_replay import learnt_by_challenger
    from training.start import known_rows

    if parent.version is not None:
        prints = registry.trained_on(parent.adapter.files)
        return prints, known_rows(registry, parent.version)
    rows = (row for record in learnt_by_challenger() for row in record.learnt)
    return everything_learnt(registry), tuple(rows)


def print_found(found: "MergeResult", version: AdapterVersion | None) -> None:
    from incumbent.searching.merges import sentences  # as above

    both = (*found.parents, *found.merges)
    rows = [(one.name, f"{one.score:.4f}", str(one.over)) for one in both]
    print_table(("on dev", f">{found.by}", ">better than the best parent by"), rows)
    first, *others = sentences(found)
    say(f"\n{first}", style="bold")
    say(*others)
    if version is None:
        say("nothing is registered; --register does it all the same")
        return
    say(f"{version.label}: {version.adapter}")
    say(f"to compare it with the champion: incumbent registry reevaluate {version.number}")
