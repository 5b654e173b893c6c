"""Stage `champion`: write down whom the challenger has to beat.

The registry is shared state, so this stage always runs; the stages after it run again only when
its bytes change.
"""

from project.errors import InputError
from project.paths import ADAPTER, CHAMPION
from project.records.adapters import Adapter
from registry.reader import RegistryReader


def main() -> None:
    challenger = Adapter.read(ADAPTER)
    with RegistryReader.here() as registry:
        opponent = registry.opponent(challenger.files)
        champion = registry.champion() if registry.is_champion(challenger.files) else None
    if opponent.base and opponent.base != challenger.base.weights:
        raise InputError(
            f"{opponent} stands on another base model than {challenger}: give adapters of this "
            "base a family of their own",
            file="params.yaml",
            field="registry.family",
        )
    opponent.write(CHAMPION)
    if champion:
        print(f"the challenger is the champion, {champion.label}; it won against {opponent}")
    else:
        print(f"the challenger has to beat {opponent}")
