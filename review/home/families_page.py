"""All families of the registry, for whoever looks after more than one."""

from datetime import datetime

from monitoring.teams.family_overview import Overview, family_overview
from registry.reader import RegistryReader
from review.access.people import Person


def families_page(reader: RegistryReader, now: datetime, person: Person) -> Overview:
    """How they stand. Words that may quote another family's rows or users are for those alone who
    administer. Raises IncumbentError for a record that was changed.
    """
    overview = family_overview(reader, now)
    if person.may("administer"):
        return overview
    lines = (
        line if line.family == reader.family else line.without_details()
        for line in overview.families
    )
    return overview.model_copy(update={"families": tuple(lines), "schedulers": ()})
