"""Where a version came from: the commit of its project, and where its rows can be had again."""

from typing import Annotated

from pydantic import Field

from project.records.record import LATER, Record
from project.untrusted_input import one_line

Commit = Annotated[str, Field(pattern=r"^[0-9a-f]{40}([0-9a-f]{24})?$")]  # SHA-1 or SHA-256


class Provenance(Record):
    """A project as it was when a version was submitted. Addresses hold no user and no password."""

    commit: Commit  # holds the project exactly as it was
    head: Commit | None  # that was checked out; None: the repository had no commit yet
    changed: tuple[str, ...]  # paths in the project that differed from it
    folder: str  # of the project in the repository; "." where that is the repository
    remote: str | None  # git's origin
    rows: str | None  # DVC's md5 of the curated rows, as dvc.lock has it
    data_remote: str | None  # DVC's default remote
    packages: dict[str, str]  # versions of what decides an adapter's bytes, as installed then
    # How many threads computed: sums over many numbers depend on it.
    threads: Annotated[int | None, LATER] = None
    # How many processes trained a step together, at most: so it is with theirs. None: one.
    processes: Annotated[int | None, LATER] = None

    @property
    def files_changed(self) -> str:
        """In words, the first ones by name."""
        if not self.changed:
            return "as it was checked out"
        more = len(self.changed) - 2
        named = ", ".join(self.changed[:2]) + (f" and {more} more" if more > 0 else "")
        base = f"commit {self.head[:12]}" if self.head else "no earlier commit"
        return one_line(f"{base} with changes of {named}")

    def __str__(self) -> str:
        return f"commit {self.commit[:12]}: {self.files_changed}"
