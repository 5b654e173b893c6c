"""What an address may ask for: nonsense is refused before anything is read."""

from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import HTTPException, Path
from pydantic import BaseModel, ConfigDict, Field, model_validator

from project.errors import InputError
from project.records.adapters import AdapterVersion
from registry.reader import RegistryReader

LARGEST = 2**31 - 1  # that every database has a number for

Number = Annotated[int, Field(ge=1, le=LARGEST)]
VersionNumber = Annotated[int, Path(ge=1, le=LARGEST, description="The version's number.")]


class AddressQuery(BaseModel):
    """The part of an address after the question mark. A field that was left empty is not there."""

    model_config = ConfigDict(frozen=True)

    @model_validator(mode="before")
    @classmethod
    def without_empty_fields(cls, fields: Any) -> Any:
        return {name: value for name, value in dict(fields).items() if not is_blank(value)}

    @property
    def narrows(self) -> bool:
        """Whether it asks for anything."""
        return self != type(self)()

    def address(self, path: str, **changes: object) -> str:
        """The same page with other values; None leaves one out."""
        fields = self.model_dump(mode="json", by_alias=True, exclude_defaults=True) | changes
        given = {name: value for name, value in fields.items() if value is not None}
        return f"{path}?{urlencode(given)}" if given else path


def is_blank(value: Any) -> bool:
    return isinstance(value, str) and not value.strip()


def known_version(reader: RegistryReader, number: int) -> AdapterVersion:
    """Raises HTTPException (404) for a number that no version has."""
    try:
        return reader.version(number)
    except InputError as error:
        raise HTTPException(404, str(error)) from None
