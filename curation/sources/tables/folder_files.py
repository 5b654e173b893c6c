"""Which files of a folder are data: all but those whose names say that they are something else."""

from pathlib import Path

from curation.sources.tables.file_bytes import readable
from project.errors import InputError

# What else lies beside data: how such files end, and what they are called without an ending.
ENDINGS = """
    dvc lock md rst log html htm css pdf doc docx ppt pptx
    png jpg jpeg gif svg webp bmp ico tif tiff heic mp3 mp4 wav mov
    py ipynb js ts sh bat sql r yaml yml toml ini cfg
"""
NAMES = "license licence notice authors changelog makefile dockerfile"


def files_of(path: Path) -> list[Path]:
    """A file, or a folder's files of data, in the order of their names.

    Raises InputError for a folder without any.
    """
    files = [file for file in files_in(path) if file == path or is_data(file)]
    if not files:
        raise InputError("is a folder without CSV, JSON, JSON Lines or Parquet", file=path)
    return files


def left_aside(path: Path) -> list[Path]:
    """The other files of a folder, for whoever knows better; none of what is hidden."""
    return [file for file in files_in(path) if file != path and not is_data(file)]


def files_in(path: Path) -> list[Path]:
    with readable(path):
        if not path.is_dir():
            return [path]
        return sorted(file for file in path.rglob("*") if file.is_file() and is_seen(file, path))


def is_seen(file: Path, folder: Path) -> bool:
    """Whether it is neither hidden nor what an office program keeps beside an open file."""
    return not any(part.startswith((".", "~$")) for part in file.relative_to(folder).parts)


def is_data(file: Path) -> bool:
    name, ending = file.name.casefold(), file.suffix.casefold().removeprefix(".")
    return not (name.startswith("readme") or name in NAMES.split() or ending in ENDINGS.split())
