"""Traffic on an object store: its files are copied to a local folder before they are read."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path
from typing import Any

from monitoring.traffic.file_lines import day_beside, day_named, is_read
from project.canonical import digest_bytes
from project.errors import IncumbentError, InputError
from project.files import home
from project.object_stores import open_store, without_secrets

FIELD = "monitoring.traffic.folder"
AT_ONCE = 8  # files that are fetched at a time
SHADOW = "shadow"  # a folder beside the days, with days of its own: answers that no user got


def open_traffic(url: str) -> tuple[Any, str]:
    """The file system of a URL, and the folder in it. Raises InputError where nothing opens it."""
    try:
        return open_store(url)
    except ValueError as error:
        raise InputError(f"cannot open {without_secrets(url)}: {error}", field=FIELD) from None


class RemoteTraffic:
    """A folder of partitions on an object store, and copies of those that were read.

    Chunks do not change under their names, so that a file of the same size is the same.
    """

    def __init__(self, url: str) -> None:
        self.url = without_secrets(url)
        self.files, self.root = open_traffic(url)
        self.copies = self.copies_of(url)

    @staticmethod
    def copies_of(url: str) -> Path:
        return home() / "monitoring" / "traffic" / digest_bytes(url.encode())[:12]

    def days(self) -> list[date]:
        """The days that have a folder, or a file beside the folders, oldest first."""
        beside = (day_beside(name) for name in self.file_names() if is_read(name))
        return sorted({*self.days_below(""), *filter(None, beside)})

    def fetch_day(self, day: date) -> None:
        """Bring the copies of a day's files in line with them, wherever they are."""
        self.fetch(str(day))
        self.fetch("", day)

    def fetch(self, partition: str, beside: date | None = None) -> None:
        """Bring a partition's copies in line with its files; of files beside the folders those of
        one day.
        """
        found = {
            n: s for n, s in self.sizes(partition).items() if not beside or day_beside(n) == beside
        }
        folder = self.copies / partition
        for path in folder.iterdir() if folder.is_dir() else ():
            own = beside is None or day_beside(path.name) == beside
            if own and path.is_file() and path.name not in found:
                path.unlink(missing_ok=True)
        wanted = [n for n, size in found.items() if size_of(folder / n) != size]
        if wanted:
            folder.mkdir(parents=True, exist_ok=True)
            with self.errors("read"), ThreadPoolExecutor(AT_ONCE) as pool:
                list(pool.map(lambda name: self.copy(f"{partition}/{name}".lstrip("/")), wanted))

    def fetch_all(self) -> None:
        """Every partition, also of answers that no user got."""
        for below in ("", f"{SHADOW}/"):
            for day in self.days_below(below):
                self.fetch(f"{below}{day}")
        for beside in set(filter(None, map(day_beside, self.file_names()))):
            self.fetch("", beside)

    def put_back(self, copy: Path) -> None:
        """Upload a copy that was changed: rows were erased from it."""
        name = copy.relative_to(self.copies).as_posix()
        with self.errors("written"):
            self.files.put_file(str(copy), f"{self.root}/{name}")

    def mark(self, name: str) -> str | None:
        """What a small file beside the days says; None where it says nothing."""
        with self.errors("read"):
            try:
                data: bytes = self.files.cat_file(f"{self.root}/{name}")
            except FileNotFoundError:
                return None
        return data.decode(errors="replace").strip() or None

    def put_mark(self, name: str, mark: str) -> None:
        """Write that file unless it is there."""
        with self.errors("written"), suppress(FileExistsError):
            if self.mark(name) is None:
                self.files.pipe_file(f"{self.root}/{name}", mark.encode() + b"\n")

    def expire(self, keep_days: int, today: date) -> None:
        """Delete what is over keep_days old; the copies are the caller's."""
        for below in ("", f"{SHADOW}/"):
            for day in self.days_below(below):
                if (today - day).days > keep_days:
                    with self.errors("deleted"), suppress(FileNotFoundError):
                        self.files.rm(f"{self.root}/{below}{day}", recursive=True)
        for name in self.file_names():
            if (own := day_beside(name)) and (today - own).days > keep_days:
                with self.errors("deleted"), suppress(FileNotFoundError):
                    self.files.rm(f"{self.root}/{name}")

    # --- one level down -------------------------------------------------------------------------

    def days_below(self, below: str) -> list[date]:
        return sorted(day for name in self.names(below) if (day := day_named(name)))

    def names(self, below: str) -> list[str]:
        with self.errors("listed"):
            try:
                found = self.files.ls(f"{self.root}/{below}".rstrip("/"), detail=False)
            except FileNotFoundError:
                return []
        return [str(path).rstrip("/").rpartition("/")[2] for path in found]

    def file_names(self) -> list[str]:
        """Of the files beside the folders."""
        return list(self.all_sizes(""))

    def sizes(self, partition: str) -> dict[str, int]:
        """The files of a partition that hold traffic, by name."""
        return {name: size for name, size in self.all_sizes(partition).items() if is_read(name)}

    def all_sizes(self, partition: str) -> dict[str, int]:
        with self.errors("listed"):
            try:
                found = self.files.ls(f"{self.root}/{partition}".rstrip("/"), detail=True)
            except FileNotFoundError:
                return {}
        files = {str(one["name"]).rpartition("/")[2]: one for one in found}
        return {
            name: int(one["size"]) for name, one in files.items() if one["type"] == "file" and name
        }

    def copy(self, name: str) -> None:
        target = self.copies / name
        draft = target.with_name(f".{os.getpid()}-{target.name}")
        self.files.get_file(f"{self.root}/{name}", str(draft))
        draft.replace(target)

    @contextmanager
    def errors(self, what: str) -> Iterator[None]:
        """Every kind of store raises exceptions of its own."""
        try:
            yield
        except Exception as error:
            cause = error.strerror if isinstance(error, OSError) and error.strerror else error
            raise IncumbentError(f"{self.url} could not be {what}: {cause}") from error


def size_of(path: Path) -> int | None:
    return path.stat().st_size if path.is_file() else None
