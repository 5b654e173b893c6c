"""Which files of a folder are data: all but those whose names say that they are something else."""

from pathlib import Path

from curation.sources.tables.file_bytes import readable
from project.errors import InputError

# What else lies beside data: how such files end, and what they are called without an ending.
ENDINGS = """
    dvc lock md rst log html htm css pdf doc docx ppt pptx
    png jpg jpeg gif svg webp bmp ico tif tiff heic mp3 mp4 wav mov
    py ipynb js ts sh bat sql r toml ini cfg
"""
YAML = (".yml", ".yaml")  # data where a folder holds no other, else settings
NAMES = "license licence notice authors changelog makefile dockerfile"


def files_of(path: Path) -> list[Path]:
    """A file, or a folder's files of data, in the order of their names.

    Raises InputError for a folder without any.
    """
    files = data_in(path)
    if not files:
        raise InputError(
            "is a folder without CSV, JSON, JSON Lines, YAML, XLSX or Parquet", file=path
        )
    return files


def left_aside(path: Path) -> list[Path]:
    """The other files of a folder, for whoever knows better; none of what is hidden."""
    data = data_in(path)
    return [file for file in files_in(path) if file not in data]


def data_in(path: Path) -> list[Path]:
    return without_settings([f for f in files_in(path) if f == path or is_data(f)])


def without_settings(files: list[Path]) -> list[Path]:
    """Without YAML files, where there are others too."""
    return [f for f in files if f.suffix.casefold() not in YAML] or files


def files_in(path: Path) -> list[Path]:
    with readable(path):
        if not path.is_dir():
            return [path]
        return sorted(
            file for file in path.rglob("*") if file.is_file() and is_seen(file.relative_to(path))
        )


def is_seen(inside: Path) -> bool:
    """Whether a path in a folder is neither hidden nor what an office program keeps beside an open
    file.
    """
    return not any(part.startswith((".", "~$")) for part in inside.parts)


def is_data(file: Path) -> bool:
    name, ending = file.name.casefold(), file.suffix.casefold().removeprefix(".")
    return not (name.startswith("readme") or name in NAMES.split() or ending in ENDINGS.split())
