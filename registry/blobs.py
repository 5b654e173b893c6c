"""Where artifacts lie: a local folder, or any object store that fsspec knows."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

import fsspec

from registry.errors import IncumbentError, InputError
from registry.files import write_bytes


class Blobs(Protocol):
    """Named bytes, in folders of two digits. Raises IncumbentError where the store fails."""

    location: str

    def read(self, name: str) -> bytes | None: ...  # None: not there
    def exists(self, name: str) -> bool: ...
    def write(self, name: str, data: bytes) -> None: ...  # whole or not at all
    def delete(self, name: str) -> None: ...
    def names(self) -> Iterator[str]: ...


def open_blobs(location: str) -> Blobs:
    """A local path, or a URL such as s3://bucket/folder. Raises InputError for neither."""
    scheme, mark, path = location.partition("://")
    if not mark:
        return LocalBlobs(Path(location))
    return LocalBlobs(Path(path)) if scheme in ("file", "local") else RemoteBlobs(location)


class LocalBlobs:
    """Each blob is written under a temporary name, synced, renamed, and its folder synced."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.location = str(root)

    def path(self, name: str) -> Path:
        return self.root / name[:2] / name

    def read(self, name: str) -> bytes | None:
        try:
            return self.path(name).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self.failed("read", error) from None

    def exists(self, name: str) -> bool:
        return self.path(name).exists()

    def write(self, name: str, data: bytes) -> None:
        try:
            write_bytes(self.path(name), data)
        except OSError as error:
            raise self.failed("written", error) from None

    def delete(self, name: str) -> None:
        try:
            self.path(name).unlink(missing_ok=True)
        except OSError as error:
            raise self.failed("deleted", error) from None

    def names(self) -> Iterator[str]:
        yield from (path.name for path in self.root.glob("??/*") if not path.name.startswith("."))

    def failed(self, what: str, error: OSError) -> IncumbentError:
        problem = f"an artifact in {self.root} could not be {what}, and nothing was changed"
        return IncumbentError(f"{problem}: {error.strerror or error}")


class RemoteBlobs:
    """An object store: an upload shows as a whole, or not at all."""

    def __init__(self, url: str) -> None:
        self.location = url
        try:
            self.files, self.root = fsspec.core.url_to_fs(url, use_listings_cache=False)
        except (ImportError, ValueError) as error:
            raise InputError(f"cannot open the artifact store {url}: {error}") from None

    def path(self, name: str) -> str:
        return f"{self.root}/{name[:2]}/{name}"

    def read(self, name: str) -> bytes | None:
        with self.told("read"):
            try:
                data: bytes = self.files.cat_file(self.path(name))
            except FileNotFoundError:
                return None
            return data

    def exists(self, name: str) -> bool:
        with self.told("found"):
            return bool(self.files.exists(self.path(name)))

    def write(self, name: str, data: bytes) -> None:
        with self.told("written"):
            self.files.makedirs(self.path(name).rpartition("/")[0], exist_ok=True)
            self.files.pipe_file(self.path(name), data)

    def delete(self, name: str) -> None:
        with self.told("deleted"), suppress(FileNotFoundError):
            self.files.rm_file(self.path(name))

    def names(self) -> Iterator[str]:
        with self.told("listed"):
            try:
                found = self.files.find(self.root)
            except FileNotFoundError:
                return
        yield from (path.rpartition("/")[2] for path in found)

    @contextmanager
    def told(self, what: str) -> Iterator[None]:
        """Turn what goes wrong in a store into an IncumbentError.

        Every kind of store raises exceptions of its own, and they have nothing else in common.
        """
        try:
            yield
        except Exception as error:
            problem = f"an artifact in {self.location} could not be {what}, and nothing was changed"
            raise IncumbentError(f"{problem}: {error}") from error
