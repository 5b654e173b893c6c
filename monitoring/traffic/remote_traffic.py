"""Traffic on an object store: its files are copied to a local folder before they are read."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from datetime import date
from pathlib import Path

from monitoring.traffic.file_lines import SHADOW, day_beside, day_named, is_traffic_file
from project.canonical import digest_bytes
from project.files import home
from project.object_stores import FileStore

FIELD = "monitoring.traffic.folder"
AT_ONCE = 8  # files that are fetched at a time


class RemoteTraffic:
    """Partitions on an object store, with copies: a chunk of the same name and size is the same."""

    def __init__(self, url: str) -> None:
        self.store = FileStore(url, field=FIELD)
        self.url = self.store.location
        self.copies = self.copies_of(url)

    @staticmethod
    def copies_of(url: str) -> Path:
        return home() / "monitoring" / "traffic" / digest_bytes(url.encode())[:12]

    def days(self) -> list[date]:
        """The days that have a folder, or a file beside the folders, oldest first."""
        beside = (day_beside(name) for name in self.file_names() if is_traffic_file(name))
        return sorted({*self.days_below(""), *filter(None, beside)})

    def fetch(self, partition: str, beside: date | None = None) -> None:
        """Bring a partition's copies in line with its files, or those of one day beside it."""
        sizes = {
            n: s for n, s in self.sizes(partition).items() if not beside or day_beside(n) == beside
        }
        folder = self.copies / partition
        for path in folder.iterdir() if folder.is_dir() else ():
            in_scope = beside is None or day_beside(path.name) == beside
            if in_scope and path.is_file() and path.name not in sizes:
                path.unlink(missing_ok=True)
        wanted = [n for n, size in sizes.items() if size_of(folder / n) != size]
        if wanted:
            folder.mkdir(parents=True, exist_ok=True)
            with self.errors("read"), ThreadPoolExecutor(AT_ONCE) as pool:
                stored = [f"{partition}/{name}".lstrip("/") for name in wanted]
                list(pool.map(self.store.get, stored, [folder / name for name in wanted]))

    def fetch_all(self) -> None:
        """Every partition, also of answers that no user got."""
        for below in ("", f"{SHADOW}/"):
            for day in self.days_below(below):
                self.fetch(f"{below}{day}")
        for beside in set(filter(None, map(day_beside, self.file_names()))):
            self.fetch("", beside)

    def upload_changed(self, copy: Path) -> None:
        """Upload a copy that was changed: rows were erased from it."""
        with self.errors("written"):
            self.store.put(copy, copy.relative_to(self.copies).as_posix())

    def mark(self, name: str) -> str | None:
        """What a small file beside the days says; None where it says nothing."""
        with self.errors("read"):
            data = self.store.read(name) or b""
        return data.decode(errors="replace").strip() or None

    def put_mark(self, name: str, mark: str) -> None:
        """Write that file unless it is there."""
        with self.errors("written"), suppress(FileExistsError):
            if self.mark(name) is None:
                self.store.write(name, mark.encode() + b"\n")

    def expire(self, keep_days: int, today: date) -> None:
        """Delete what is over keep_days old; the copies are the caller's."""
        for below in ("", f"{SHADOW}/"):
            for day in self.days_below(below):
                if (today - day).days > keep_days:
                    with self.errors("deleted"):
                        self.store.delete_folder(f"{below}{day}")
        for name in self.file_names():
            if (file_day := day_beside(name)) and (today - file_day).days > keep_days:
                with self.errors("deleted"):
                    self.store.delete(name)

    # --- names and sizes on the store -----------------------------------------------------------

    def days_below(self, below: str) -> list[date]:
        return sorted(day for name in self.names(below) if (day := day_named(name)))

    def names(self, below: str) -> list[str]:
        with self.errors("listed"):
            return list(self.store.entries(below.rstrip("/")))

    def file_names(self) -> list[str]:
        """The names of the files beside the folders."""
        return list(self.all_sizes(""))

    def sizes(self, partition: str) -> dict[str, int]:
        """The files of a partition that hold traffic, by name."""
        return {
            name: size for name, size in self.all_sizes(partition).items() if is_traffic_file(name)
        }

    def all_sizes(self, partition: str) -> dict[str, int]:
        with self.errors("listed"):
            entries = self.store.entries(partition)
        return {name: size for name, size in entries.items() if size is not None}

    def errors(self, what: str) -> AbstractContextManager[None]:
        return self.store.errors(f"{self.url} could not be {what}")


def size_of(path: Path) -> int | None:
    return path.stat().st_size if path.is_file() else None
