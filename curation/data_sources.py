"""What rows are collected from: each source by its digest and its licence."""

from collections.abc import Iterable, Iterator
from importlib.metadata import packages_distributions, version
from pathlib import Path

from curation.curation_settings import CollectParams, FileSource, Source, as_licence
from project.canonical import digest_file, digest_folder
from project.errors import InputError
from project.licences import licence_fault, licence_of_package
from project.records.data import DataSource, DataSources


def licence_option(text: str | None) -> str | None:
    """What --licence names, as SPDX spells it. Raises InputError for no licence."""
    try:
        return None if text is None else as_licence(text)
    except ValueError as error:
        raise InputError(str(error), field="--licence") from None


def described(params: CollectParams) -> DataSources:
    """Reads every file."""
    return DataSources(collected_from=tuple(with_digest(one) for one in licensed(params.sources)))


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
        found = {"name": f"{source.name}/", "content": digest_folder(path)}
    else:
        found = {"content": digest_file(path)}
    return source.model_copy(update=found)


def refuse_unlicensed(params: CollectParams) -> None:
    """Raise InputError for the first source that curation.collect.licences does not let in."""
    if params.licences == "any":
        return
    for source in licensed(params.sources):
        if fault := licence_fault(source.licence, forbids=params.licences == "trainable"):
            field = "curation.collect.licences"
            problem = f"{source.name}: {fault}. Name its licence, or leave it out"
            raise InputError(problem, file="params.yaml", field=field)
