"""Whether items that were looked at as sealed are rows now that somebody sees or trains on."""

from collections.abc import Iterator

from project.errors import InputError
from project.near_duplicates import WordPrints
from project.paths import rows_of
from project.records.data import Row, Split
from project.records.events import LookTaken
from project.settings import PARAMS
from registry.reader import RegistryReader
from registry.tenure import last_rotation

# Of a set's items: a few may be alike because a person lets them stay, or because rows of one group
# ask the same.
FEW = 0.02


def refuse_once_sealed(registry: RegistryReader) -> None:
    """Raise InputError where dev or training rows ask what a sealed set asked that was looked at,
    and that no person let leave: other shares or sizes had made these rows of its items.
    """
    still = prompts_of(Split.SEALED)
    gone = [(len(sealed.texts), sealed.without(still)) for sealed in looked_at(registry)]
    for part in (Split.DEV, Split.TRAIN) if any(left.texts for _, left in gone) else ():
        rows = prompts_of(part)
        for asked, left in gone:
            seen = len(left.texts) - len(left.without(rows).texts)
            if seen > FEW * asked:
                raise InputError(
                    f"{seen} of the {asked} items of a sealed set that was looked at are {part} "
                    "rows now, and would be known when it is looked at again: put curation.curate "
                    "and datasets/eval_sets.jsonl back as they were (git log -p shows them)",
                    file=PARAMS,
                )


def prompts_of(part: Split) -> WordPrints:
    path = rows_of(part)
    return WordPrints.of_prompts(Row.read_lines(path) if path.exists() else ())


def looked_at(registry: RegistryReader) -> Iterator[WordPrints]:
    """What each sealed set asked that the family looked at since a person last let items leave, as
    far as it is still kept.
    """
    with registry.engine.connect() as connection:
        since = last_rotation(connection, registry.family)
    looks = (e.told(LookTaken) for e in registry.history(kind="open") if e.seq > since)
    for digest in dict.fromkeys(look.prompts for look in looks if look.prompts):
        if registry.artifacts.blobs.exists(digest):
            yield registry.artifacts.get_record(WordPrints, digest)
