"""What people wrote for the headings that no record can fill: a YAML file of the project."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from project.errors import InputError
from project.records.record import invalid, read_input
from review.dossier.document import DossierPart

NOTES = Path("dossier.yaml")


class DossierNotes(BaseModel):
    """A text for each section that somebody wrote about, by the section's number."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    sections: dict[str, str] = {}


def read_notes(path: Path | None) -> DossierNotes:
    """The project's own notes where no file is named; a project may have none. Raises InputError
    for a file that is not there or is none.
    """
    chosen = path or NOTES
    if path is None and not chosen.exists():
        return DossierNotes()
    try:
        return DossierNotes.model_validate(yaml.safe_load(read_input(chosen)) or {})
    except yaml.YAMLError as error:
        raise InputError(f"is no YAML: {error}", file=chosen) from None
    except ValidationError as error:
        hint = 'write {sections: {"1.1": text}}'
        raise InputError(f"{invalid(error, chosen)}; {hint}") from None


def with_notes(
    parts: Iterable[DossierPart], notes: DossierNotes, path: Path | None
) -> tuple[DossierPart, ...]:
    """The parts with what was written. Raises InputError for a number that no section has."""
    parts = tuple(parts)
    known = {section.number for part in parts for section in part.sections}
    if unknown := sorted(notes.sections.keys() - known):
        problem = f"there is no such section; there are {', '.join(sorted(known))}"
        raise InputError(problem, file=path or NOTES, field=f"sections.{unknown[0]}")
    return tuple(written(part, notes.sections) for part in parts)


def written(part: DossierPart, texts: Mapping[str, str]) -> DossierPart:
    sections = [
        section.model_copy(update={"written": texts.get(section.number)})
        for section in part.sections
    ]
    return part.model_copy(update={"sections": tuple(sections)})
