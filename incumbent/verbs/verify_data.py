"""`incumbent verify --data`: whether the rows of every version can be fetched again."""

import sys
from collections.abc import Iterator, Sequence

from incumbent.output import console, print_json, print_table
from incumbent.sharing.rows_check import Remote, Rows, VersionRows, check_rows, default_remote
from project.records.data import Split
from registry.reader import RegistryReader

LOST = "what is lost may be in another clone: incumbent verify --data there"
ALONE = (
    "DVC has no default remote: only this machine has the rows. `dvc remote add -d storage URL` "
    "names one"
)


def verify_data(number: int | None, *, as_json: bool) -> None:
    """Fetch the rows of one version, or of all, and say where they are. Exit with 1 if any is lost.

    Raises IncumbentError where the remote cannot be asked.
    """
    with RegistryReader.here() as reader:
        found = check_rows(reader, number)
    remote = default_remote()
    if as_json:
        url = remote.url if remote else None
        print_json({"remote": url, "versions": [fields_of(one) for one in found]})
    else:
        print_rows(found, remote)
    if any(one.rows is Rows.LOST for one in found):
        sys.exit(1)


def fields_of(found: VersionRows) -> dict[str, object]:
    dataset = found.dataset
    return {
        "number": found.version.number,
        "rows": found.rows,
        "dataset": dataset.digest if dataset else None,
        "dvc_revision": dataset.dvc_revision if dataset else None,
    }


def print_rows(found: Sequence[VersionRows], remote: Remote | None) -> None:
    words = {
        Rows.REMOTE: f"at {remote.name}" if remote else "",
        Rows.CACHE: "only in this machine's cache",
        Rows.ERASED: "erased at a person's wish",
        Rows.LOST: "LOST",
        Rows.UNKNOWN: "not known: it came without rows, or DVC did not track them",
    }
    if found:
        rows = [(one.version.label, sizes(one), words[one.rows]) for one in found]
        print_table(["version", "rows", "where they are"], rows)
    else:
        console.print("there is no version yet")
    for line in notes(found, remote):
        console.print(line, soft_wrap=True)


def sizes(found: VersionRows) -> str:
    splits = found.dataset.splits if found.dataset else {}
    return ", ".join(f"{splits[part]:,} {part}" for part in Split if part in splits)


def notes(found: Sequence[VersionRows], remote: Remote | None) -> Iterator[str]:
    states = {one.rows for one in found}
    if remote is None:
        yield ALONE
    elif Rows.CACHE in states:
        # In a tag DVC goes by the settings of that commit, but for those that git does not track.
        again = f"dvc remote add --local -f -d {remote.name} {remote.url} && dvc push --all-tags"
        yield f"to send what is here alone: {again}"
    else:
        yield f"{remote.name} is {remote.url}"
    if Rows.LOST in states:
        yield LOST
