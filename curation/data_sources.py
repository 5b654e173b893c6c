"""What rows are collected from: each source by its digest and its licence."""

from collections.abc import Iterable, Iterator
from importlib.metadata import packages_distributions, version
from pathlib import Path

from curation.curation_settings import CollectParams, FileSource, Source, as_licence
from curation.sources.row_formats import readable_rows
from project.canonical import digest_file, digest_folder
from project.errors import InputError
from project.licences import licence_fault, licence_of_package
from project.records.data import DataSource, DataSources, TaughtBy
from project.records.record import write_records


def licence_option(text: str | None) -> str | None:
    """What --licence names, as SPDX spells it. Raises InputError for no licence."""
    try:
        return None if text is None else as_licence(text)
    except ValueError as error:
        raise InputError(str(error), field="--licence") from None


def described(params: CollectParams) -> DataSources:
    """Reads every file."""
    return DataSources(collected_from=tuple(with_digest(s) for s in licensed(params.sources)))


def licensed(sources: Iterable[Source]) -> Iterator[DataSource]:
    """Without digests. A package says itself under which licence it stands."""
    for source in sources:
        if isinstance(source, FileSource):
            yield DataSource(name=str(source.path), licence=source.licence)
            continue
        known = packages_distributions()
        for package in source.packages:
            name = next(iter(known.get(package, ())), None)  # none: of the standard library
            licence = licence_of_package(name) if name else None
            yield DataSource(name=package, version=name and version(name), licence=licence)


def with_digest(source: DataSource) -> DataSource:
    path = Path(source.name)
    if source.version or not path.exists():
        return source
    if path.is_dir():
        return source.model_copy(update={"name": f"{source.name}/", "content": digest_folder(path)})
    return source.model_copy(update={"content": digest_file(path), "taught": taught_in(path)})


# --- teachers -------------------------------------------------------------------------------------

# Who wrote rows by `data distill`, under which terms. It is in git, beside the sources.
TEACHERS = Path("datasets/teachers.jsonl")


def teachers() -> tuple[TaughtBy, ...]:
    return TaughtBy.read_lines(TEACHERS) if TEACHERS.exists() else ()


def note_teacher(teacher: TaughtBy) -> None:
    known = teachers()
    if teacher not in known:
        write_records(TEACHERS, [*known, teacher])


def taught_in(path: Path) -> tuple[TaughtBy, ...] | None:
    """The teachers whose mark a row of a file has; None where none has one."""
    known = teachers() if path.suffix == ".jsonl" else ()
    marks = {row.synthetic for _, row in readable_rows(path) if row} if known else set()
    return tuple(teacher for teacher in known if teacher.name in marks) or None


def refuse_unlicensed(params: CollectParams) -> None:
    """Raise InputError for the first source that curation.collect.licences does not let in."""
    if params.licences == "any":
        return
    for source in licensed(params.sources):
        if fault := licence_fault(source.licence, forbids=params.licences == "trainable"):
            field = "curation.collect.licences"
            problem = f"{source.name}: {fault}. Name its licence, or leave it out"
            raise InputError(problem, file="params.yaml", field=field)
