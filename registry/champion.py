"""Stage `champion`: write down whom the challenger has to beat, and once sealed items."""

from collections.abc import Iterator
from pathlib import Path

from project.bare_base import as_asked, bare_base
from project.errors import IncumbentError, InputError
from project.model_pins import BaseChoice, absent, folder_here, pin, weights_digest
from project.near_duplicates import WordPrints
from project.paths import ADAPTER, CHAMPION, rows_of
from project.records.adapters import Adapter, Contestant, ModelPin, Opponent, told_apart
from project.records.data import Row, Split
from project.records.events import LookTaken
from project.records.record import Digest
from project.settings import PARAMS, load
from registry.reader import RegistryReader
from registry.tenure import last_rotation

# --- champion -------------------------------------------------------------------------------------

# Stage `champion`: write down whom the challenger has to beat.
#
# The registry is shared state, so this stage always runs; the stages after it run again only when
# its bytes change.

NO_CHALLENGER = ""  # no adapter's digest, as nothing is trained yet


def main() -> None:
    challenger = Adapter.read(ADAPTER)
    with RegistryReader.here() as registry:
        refuse_once_sealed(registry)  # before an answer to a dev item is made
        opponent = on_this_machine(registry.opponent(challenger.files), bare_base())
        champion = registry.champion() if registry.is_champion(challenger.files) else None
    opponent.write(CHAMPION)
    if champion:
        print(f"the challenger is the champion, {champion.label}; it won against {opponent}")
    else:
        print(f"the challenger has to beat {opponent}")
    if apart := opponent.contestant and told_apart(opponent.contestant, challenger.contestant):
        print(f"the same items are asked of both: {apart}")


def confirmed_opponent(registry: RegistryReader, challenger: Digest) -> Opponent:
    """Whom the registry names, on the settings' base. Raises InputError for another in the file."""
    choice = load(BaseChoice)
    opponent = on_this_machine(registry.opponent(challenger), as_asked(pin(choice, "base"), choice))
    if Opponent.read(CHAMPION) != opponent:
        raise InputError(
            f"is not what the registry and the settings say of {opponent}: run `dvc repro`",
            file=CHAMPION,
        )
    return opponent


def refuse_absent_base() -> None:
    """Raise IncumbentError where the base of the champion or of the regression baseline is not
    here, before hours of training. Its files are not read: stage `champion` does that.
    """
    with RegistryReader.here() as registry:
        opponent = registry.opponent(NO_CHALLENGER)
    for name, contestant in (
        (opponent.label, opponent.contestant),
        ("the regression baseline", opponent.baseline),
    ):
        if contestant and not perhaps_here(contestant.base, load(BaseChoice).model):
            raise standing_elsewhere(name, absent(contestant.base))


def perhaps_here(pin: ModelPin, project: str) -> bool:
    """Whether a base lies where it was pinned, or is the one that the settings name; or needs to
    lie nowhere, as its answers are kept.
    """
    if pin.hosted:
        return True
    folder, chosen = folder_here(pin), Path(project).expanduser()
    return (
        pin.model == project
        or (folder is not None and folder.is_dir())
        or (chosen.is_dir() and weights_digest(chosen) == pin.weights)
    )


def on_this_machine(opponent: Opponent, bare: Contestant) -> Opponent:
    """The opponent with its base, and the baseline's, as they lie here. Raises IncumbentError."""
    if opponent.contestant is None:
        return opponent.model_copy(update={"contestant": bare})
    baseline = opponent.baseline and based_here(
        opponent.baseline, bare.base, "the regression baseline"
    )
    return opponent.model_copy(
        update={
            "contestant": based_here(opponent.contestant, bare.base, opponent.label),
            "baseline": baseline,
        }
    )


def based_here(contestant: Contestant, project: ModelPin, name: str) -> Contestant:
    """A contestant with its base as it lies here. One with the weights and the chat template of the
    project's is the project's, wherever it lay when it was pinned.
    """
    base = contestant.base
    if base.hosted:  # its answers are kept
        return contestant
    if (base.weights, base.chat_template) == (project.weights, project.chat_template):
        return contestant.model_copy(update={"base": project})
    if problem := absent(base):
        raise standing_elsewhere(name, problem)
    return contestant


def standing_elsewhere(name: str, problem: str | None) -> IncumbentError:
    return IncumbentError(
        f"{name} stands on another base than the project's, and has to answer too: {problem}"
    )


# --- once sealed ----------------------------------------------------------------------------------

# Whether items that were looked at as sealed are rows now that somebody sees or trains on.

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
    """What each sealed set asked since a person last let items leave, as far as it is kept."""
    with registry.engine.connect() as connection:
        since = last_rotation(connection, registry.family)
    looks = (e.told(LookTaken) for e in registry.history(kind="open") if e.seq > since)
    for digest in dict.fromkeys(look.prompts for look in looks if look.prompts):
        if registry.artifacts.blobs.exists(digest):
            yield registry.artifacts.get_record(WordPrints, digest)
