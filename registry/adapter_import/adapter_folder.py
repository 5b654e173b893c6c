"""An adapter's folder, checked, and whether it fits a base."""

import json
import os
import stat
import tempfile
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from project.canonical import CHUNK, digest_bytes, digest_file, digest_folder
from project.chat_template import SYSTEM_PROMPT
from project.errors import IncumbentError, InputError
from project.files import home, write_bytes
from project.model_pins import absent, folder_here
from project.records.adapters import Adapter, AdapterVersion, ModelPin
from project.records.record import Record
from project.shown_passages import (
    EVIDENCE_TEMPLATE,
    INDEX_NAME,
    index_shown,
    usable_template,
)
from project.untrusted_input import quoted
from registry.adapter_import.lora_config import (
    ImportedOrigin,
    LoraSettings,
    read_config,
    sane_config,
)
from registry.adapter_import.lora_weights import (
    linear_modules,
    norms,
    read_header,
    read_pairs,
    refuse_values,
    resolve_targets,
)
from registry.storage.artifact_store import Artifacts

# --- adapter folder -------------------------------------------------------------------------------

# Intake of a third-party adapter: what is not plain LoRA for the pinned base is refused.
#
# The folder is copied into a private one first, and the copy is what is checked and submitted: what
# happens to the original meanwhile changes nothing. An adapter is these files:
#
# - adapter_model.safetensors and adapter_config.json, which must be there; the config is written
#   anew from the settings that were taken from it;
# - LICENSE, kept as it is, since whoever passes the weights on may have to pass it on;
# - system_prompt.txt, what it is to answer under, where there is such a file;
# - evidence_template.txt, how passages are put into its prompts, likewise;
# - README.md and recipe.json, left behind: nobody checked what they claim. So is index.txt: its
#   passages are found in the project's own index.

WEIGHTS, CONFIG, LICENSE = "adapter_model.safetensors", "adapter_config.json", "LICENSE"
MAX_BYTES = {
    WEIGHTS: 4 << 30,
    **dict.fromkeys((CONFIG, LICENSE, SYSTEM_PROMPT, EVIDENCE_TEMPLATE), 64 << 10),
}
LEFT_BEHIND = ("README.md", "recipe.json", INDEX_NAME)
NEEDED = (CONFIG, WEIGHTS)
PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib")
KINDS = {
    stat.S_IFLNK: "a symbolic link: put the file itself there",
    stat.S_IFDIR: "a folder: an adapter has none",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


class AdmittedAdapter(Record):
    """An adapter that may be submitted, and the private folder that it is in."""

    adapter: Adapter
    origin: ImportedOrigin
    folder: Path


@contextmanager
def admit(folder: Path, pin: ModelPin, base: Path) -> Iterator[AdmittedAdapter]:
    """Check an adapter's folder against the pinned base, which lies in `base`.

    The private folder is gone when the block ends. Raises InputError naming file and key or tensor,
    IncumbentError when the copy cannot be written.
    """
    with tempfile.TemporaryDirectory(prefix="incumbent-intake-") as private:
        copy = Path(private) / "adapter"
        copy.mkdir()
        copy_adapter(folder, copy)
        origin = sanitise(copy, folder, pin, base)
        prompt, shown = copy / SYSTEM_PROMPT, copy / EVIDENCE_TEMPLATE
        template = shown.read_bytes().decode() if shown.exists() else None
        if (index := index_shown(template)) is not None:
            write_bytes(copy / INDEX_NAME, index.encode())
        adapter = Adapter(
            files=digest_folder(copy),
            base=pin,
            recipe=origin.digest,
            dataset=origin.digest,
            system_prompt=prompt.read_bytes().decode() if prompt.exists() else None,
            evidence_template=template,
            index=index,
        )
        yield AdmittedAdapter(adapter=adapter, origin=origin, folder=copy)


# --- files --------------------------------------------------------------------------------------


def copy_adapter(folder: Path, target: Path) -> None:
    """Copy the files that are kept. Raises InputError for any file that an adapter has not."""
    with opened_folder(folder) as handle:
        names = names_in(handle)
        for name in names:
            refuse_name(name, folder)
        for name in NEEDED:
            if name not in names:
                raise InputError("is missing", file=folder / name)
        for name in names:
            with plain_file(handle, name, folder / name) as source:
                if name in MAX_BYTES:
                    copy_file(source, target / name, MAX_BYTES[name], folder / name)


@contextmanager
def opened_folder(folder: Path) -> Iterator[int]:
    """A descriptor of a folder, which must not be a symbolic link."""
    if folder.is_symlink():
        raise InputError("is a symbolic link: name the folder itself", file=folder)
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError as error:
        raise InputError(error.strerror or "cannot be read", file=folder) from None
    try:
        yield handle
    finally:
        os.close(handle)


def names_in(handle: int) -> list[str]:
    """What a folder holds, in order; a few more than an adapter has are enough to refuse it."""
    with os.scandir(handle) as entries:
        return sorted(
            entry.name for entry in islice(entries, len(MAX_BYTES) + len(LEFT_BEHIND) + 1)
        )


def refuse_name(name: str, folder: Path) -> None:
    if name in MAX_BYTES or name in LEFT_BEHIND:
        return
    kept = ", ".join(MAX_BYTES)
    problem = f"{quoted(name)} is no file of a LoRA adapter, which has {kept} alone: remove it"
    if Path(name).suffix.lower() in PICKLES:
        problem = f"{quoted(name)} may be a pickle, which runs code: convert it to safetensors"
    raise InputError(problem, file=folder)


@contextmanager
def plain_file(folder: int, name: str, place: Path) -> Iterator[int]:
    """A descriptor of a regular file that has one name only and stays as it is meanwhile.

    It is looked at before it is opened, since to open a pipe or a device may do something.
    """
    try:
        before = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if not stat.S_ISREG(before.st_mode):
            kind = KINDS.get(stat.S_IFMT(before.st_mode), "no regular file")
            raise InputError(f"is {kind}", file=place)
        if before.st_nlink > 1:
            problem = f"is a hard link, one of {before.st_nlink} names of a file: copy the file"
            raise InputError(problem, file=place)
        handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    except OSError as error:
        raise InputError(error.strerror or "cannot be read", file=place) from None
    try:
        refuse_change(before, os.fstat(handle), place)
        yield handle
        refuse_change(before, os.fstat(handle), place)
    finally:
        os.close(handle)


def refuse_change(before: os.stat_result, after: os.stat_result, place: Path) -> None:
    def identity(status: os.stat_result) -> tuple[int, ...]:
        return (
            status.st_dev,
            status.st_ino,
            status.st_mode,
            status.st_nlink,
            status.st_size,
            status.st_mtime_ns,
            status.st_ctime_ns,
        )

    if identity(before) != identity(after):
        raise InputError("changed while it was read", file=place)


def copy_file(source: int, target: Path, limit: int, place: Path) -> None:
    """Copy what a descriptor gives into a new file. Raises InputError above the limit."""
    size = os.fstat(source).st_size
    if size > limit:
        raise InputError(f"is {size} bytes long, at most {limit} are taken", file=place)
    try:
        with target.open("xb") as stream:
            while (left := size + 1 - stream.tell()) and (chunk := os.read(source, CHUNK)[:left]):
                stream.write(chunk)
            copied = stream.tell()
    except OSError as error:
        raise IncumbentError(f"{place} cannot be copied to {target}: {error.strerror}") from None
    if copied != size:
        raise InputError(f"says that it is {size} bytes long and is not", file=place)


# --- contents -----------------------------------------------------------------------------------


def refuse_unusable(template: str, place: Path) -> None:
    try:
        usable_template(template)
    except ValueError as error:
        raise InputError(str(error), file=place) from None


def sanitise(copy: Path, place: Path, pin: ModelPin, base: Path) -> ImportedOrigin:
    """Check a private copy and write its config anew. `place` is where the user has the adapter."""
    files = {path.name: digest_file(path) for path in sorted(copy.iterdir())}
    for name in sorted(files.keys() & {LICENSE, SYSTEM_PROMPT, EVIDENCE_TEMPLATE}):
        refuse_no_text((copy / name).read_bytes(), place / name)
    if files.get(SYSTEM_PROMPT) == digest_bytes(b""):
        raise InputError("is empty: leave it out", file=place / SYSTEM_PROMPT)
    if EVIDENCE_TEMPLATE in files:
        refuse_unusable((copy / EVIDENCE_TEMPLATE).read_text(), place / EVIDENCE_TEMPLATE)
    settings = read_config((copy / CONFIG).read_bytes(), place / CONFIG)
    linears = linear_modules(base)
    pairs = read_pairs(
        read_header(copy / WEIGHTS, place / WEIGHTS), settings, linears, place / WEIGHTS
    )
    targets = resolve_targets(settings, set(pairs), linears, place / CONFIG)
    refuse_values(pairs, place / WEIGHTS)
    (copy / CONFIG).write_bytes(sane_config(settings, targets, pin))
    declared = settings.base_model_name_or_path
    return ImportedOrigin(
        files=files,
        declared_base=quoted(declared) if declared else None,
        norms=tuple(norms(pairs, linears, settings.scale)),
    )


def refuse_no_text(data: bytes, place: Path) -> None:
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise InputError(f"is no UTF-8 text at byte {error.start}", file=place) from None
    controls = (c for c in text if unicodedata.category(c) == "Cc" and c not in "\n\r\t\f")
    if odd := next(controls, None):
        raise InputError(f"is no plain text: it holds {quoted(odd)}", file=place)


# --- fits base ------------------------------------------------------------------------------------

# Whether a version's adapter still loads: on its own base, which may not be the project's.


def refuse_misfit(version: AdapterVersion, artifacts: Artifacts) -> str | None:
    """Raise IncumbentError unless each weight of a version fits its module of the base.

    Of a base that is not on this machine nothing can be said, and it may serve elsewhere: then
    that is returned, in words. A version without an adapter has no weights.
    """
    if hosted := version.adapter.base.hosted:
        return f"{version.label} answers as long as {hosted.url} serves {hosted.model}"
    if version.adapter.bare:
        return None
    if problem := absent(version.adapter.base):
        return f"whether {version.label} still loads was not checked: {problem}"
    files, base = version.adapter.files, folder_here(version.adapter.base)
    assert base is not None, "it is not absent"
    folder = artifacts.check_out(files, home() / "adapters" / files)
    try:
        rank = json.loads((folder / CONFIG).read_bytes())["r"]
        settings = LoraSettings(
            peft_type="LORA", task_type="CAUSAL_LM", r=rank, lora_alpha=1.0, target_modules=None
        )
        header = read_header(folder / WEIGHTS, folder / WEIGHTS)
        read_pairs(header, settings, linear_modules(base), folder / WEIGHTS)
    except (InputError, ValueError, KeyError, OSError) as error:
        raise IncumbentError(
            f"{version.label} does not fit its base, {version.adapter.base}: {error}"
        ) from None
    return None
