"""Stores of files: a local folder, or an object store that fsspec knows, by its URL."""

import os
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import fsspec
from fsspec.implementations.local import LocalFileSystem

from project.errors import IncumbentError, InputError, pip_install
from project.files import DraftFile, copy_over, make_folder, rename_all, sync, write_bytes

SCHEME = re.compile(r"[a-zA-Z][\w+.-]*://")
AS_SCP = re.compile(r"[^/@:]+@([^/]+:.*)")  # user@host:path, as git takes it too
BLOCK = 8 << 20  # bytes that are fetched from an object store at a time
PART = 32 << 20  # bytes that are sent at a time; object stores take 10,000 of them in a file
BUCKETS = frozenset({"s3", "gs", "abfs", "oss", "oci"})  # stores that know no folders
DRAFT = ".draft-"


def local_path(place: Path | str) -> Path | None:
    """The file or folder on this machine that a place names; None for any other URL."""
    scheme, mark, path = str(place).partition("://")
    if not mark:
        return Path(place)
    return Path(path) if scheme in ("file", "local") else None


def without_secrets(place: str) -> str:
    """A place without user and password, nor the query in which a token may stand."""
    if not SCHEME.match(place):
        host = AS_SCP.match(place)
        return host[1] if host else place
    parts = urlsplit(place)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


class DiskFiles(LocalFileSystem):
    """This machine's files: what is written is there whole or not at all, and survives a crash."""

    def makedirs(self, path: str, exist_ok: bool = False) -> None:
        make_folder(Path(path))

    def pipe_file(self, path: str, value: bytes, *_: Any, **__: Any) -> None:
        write_bytes(Path(path), value)

    def put_file(self, lpath: str, rpath: str, *_: Any, **__: Any) -> None:
        copy_over(Path(lpath), Path(rpath))
        sync(Path(rpath).parent)

    def _open(self, path: str, mode: str = "rb", *args: Any, **options: Any) -> Any:
        return DraftFile(Path(path)) if "w" in mode else super()._open(path, mode, *args, **options)


class FileStore:
    """The files below a local folder or the URL of one, under names such as `a/b`; "" is the place
    itself. What is written is there whole or not at all, and stays when the call has returned.

    Methods raise what the file system raises: a caller says by `errors` what that prevented.
    """

    def __init__(self, place: Path | str, *, field: str | None = None) -> None:
        """Raises InputError where nothing opens a URL, and says what is missing; of a field."""
        self.folder = local_path(place)  # None: the files are elsewhere
        self.location = without_secrets(str(self.folder or place))  # as messages show it
        # Every kind of object store raises exceptions of its own.
        self.failures: type[Exception] = OSError if self.folder else Exception
        try:
            self.files, self.root = self.opened(str(place))
        except (ImportError, ValueError, OSError) as error:  # some connect at once
            lacks_s3 = isinstance(error, ImportError) and str(place).startswith("s3:")
            more = f": {pip_install('s3')}" if lacks_s3 else ""
            problem = f"cannot open {self.location}: {cause_of(error)}{more}"
            raise InputError(problem, field=field) from None

    def opened(self, url: str) -> tuple[Any, str]:
        if self.folder:
            return DiskFiles(), str(self.folder.absolute())
        files, path = fsspec.core.url_to_fs(url, use_listings_cache=False)
        return files, path.rstrip("/")

    # --- read -----------------------------------------------------------------------------------

    def exists(self, name: str = "") -> bool:
        return bool(self.files.lexists(self.path(name)))

    def read(self, name: str) -> bytes | None:
        """None where there is no such file."""
        try:
            data: bytes = self.files.cat_file(self.path(name))
        except FileNotFoundError:
            return None
        return data

    def stream(self, name: str = "") -> Any:
        """A file to read in any order. Raises FileNotFoundError."""
        return self.files.open(self.path(name), "rb", block_size=BLOCK)

    def get(self, name: str, target: Path) -> None:
        """Write a copy of a file on this machine, which readers see as a whole."""
        draft = target.with_name(f".{os.getpid()}-{target.name}")
        self.files.get_file(self.path(name), str(draft))
        draft.replace(target)

    def entries(self, below: str = "") -> dict[str, int | None]:
        """What lies in a folder, by name: files with their sizes, folders without."""
        try:
            listed = self.files.ls(self.path(below), detail=True)
        except (FileNotFoundError, NotADirectoryError):
            return {}
        sizes = {}
        for entry in listed:
            is_file = entry["type"] == "file"
            path = str(entry["name"]) if is_file else str(entry["name"]).rstrip("/")
            sizes[path.rpartition("/")[2]] = int(entry["size"]) if is_file else None
        sizes.pop("", None)  # some stores have a file that stands for the folder itself
        return sizes

    def sizes(self) -> dict[str, int]:
        """All files with their sizes, also those in folders, by name."""
        try:
            listed = self.files.find(self.root, detail=True)
        except FileNotFoundError:
            return {}
        return {path.removeprefix(f"{self.root}/"): e["size"] for path, e in listed.items()}

    # --- written --------------------------------------------------------------------------------

    def write(self, name: str, data: bytes) -> None:
        self.files.pipe_file(self.made_place(name), data)

    def put(self, file: Path, name: str) -> None:
        """Store a copy of a file."""
        self.files.put_file(str(file), self.made_place(name))

    def drafts(self) -> TemporaryDirectory[str]:
        """A folder for files that are to be adopted, on the store's own disk where that is here."""
        if self.folder:
            make_folder(self.folder)
        return TemporaryDirectory(prefix=DRAFT, dir=self.folder)

    def adopt(self, files: Mapping[Path, str]) -> None:
        """Store files, each under a name, that nobody needs where they are: those on the store's
        own disk are moved.
        """
        if self.folder is None:
            for file, name in files.items():
                self.put(file, name)
            return
        with ThreadPoolExecutor() as disk:
            list(disk.map(sync, files))
        rename_all({file: Path(self.path(name)) for file, name in files.items()})

    def draft(self, name: str = "") -> Any:
        """A file to `write` to. After `close` all of it is on the disk or has arrived, and after
        `commit` it is there; nobody sees it before. `discard` instead leaves nothing of it.
        """
        path = self.made_place(name)
        return self.files.open(path, "wb", block_size=PART, autocommit=False)

    def delete(self, name: str) -> None:
        with suppress(FileNotFoundError):
            self.files.rm_file(self.path(name))

    def delete_folder(self, name: str = "") -> None:
        with suppress(FileNotFoundError):
            self.files.rm(self.path(name), recursive=True)

    # --- paths and errors of an object store ----------------------------------------------------

    def path(self, name: str) -> str:
        return f"{self.root}/{name}" if name else self.root

    def made_place(self, name: str) -> str:
        """A file's path, in a folder that is there. A store of buckets has no folders: there a slip
        of the pen would make a bucket.
        """
        path, protocols = self.path(name), self.files.protocol  # one, or several of the same
        if BUCKETS.isdisjoint([protocols] if isinstance(protocols, str) else protocols):
            self.files.makedirs(path.rpartition("/")[0], exist_ok=True)
        return path

    @contextmanager
    def errors(self, problem: str) -> Iterator[None]:
        """Turn what goes wrong in the store into an IncumbentError that begins with the problem."""
        try:
            yield
        except IncumbentError:
            raise
        except NotImplementedError:  # fsspec's word for it, such as of the web
            raise InputError(f"{problem}: it is of a kind that cannot do so") from None
        except self.failures as error:
            raise IncumbentError(f"{problem}: {cause_of(error)}") from error


def cause_of(error: Exception) -> str:
    """What an exception says, without the number of an operating system's error."""
    return str((isinstance(error, OSError) and error.strerror) or error)
