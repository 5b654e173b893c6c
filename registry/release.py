"""What every use of a version asks first: may this one leave the registry?"""

from registry.errors import InputError
from registry.intact import refuse_changed
from registry.reader import Reader
from registry.records import AdapterVersion
from registry.signing import check_signature


def release(reader: Reader, number: int) -> AdapterVersion:
    """A version that may be used as it is: exported, deployed, or given the seat back.

    Its row and all events about it are as they were written, its signature is as the settings want
    it, and every byte of its adapter is there. Raises InputError for a version that there is not or
    that was deleted, IncumbentError for what else does not hold.
    """
    version = reader.version(number)
    if reader.deleted(number):
        raise InputError(f"{version.label} was deleted")
    with reader.engine.connect() as connection:
        refuse_changed(connection, version)
    check_signature(reader, version)
    reader.artifacts.verify_folder(version.adapter.files)
    return version
