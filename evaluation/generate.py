"""Stage `generate`: champion and challenger answer the same items, each answer made once."""

from pathlib import Path

from evaluation.answers import EVALUATED, Model, Respondent, System, answers_of
from evaluation.params import Decoding
from registry.canonical import digest_file
from registry.errors import run_stage
from registry.files import home, staged_folder
from registry.layout import ADAPTER, ADAPTER_FILES, ANSWERS, BASE, CHAMPION, rows_of
from registry.models import pinned_folder
from registry.params import load
from registry.records import Adapter, Digest, ModelPin, Opponent, Row, write_records
from registry.store import Registry


def main() -> None:
    decoding = load(Decoding, "evaluation.decoding")
    base = ModelPin.read(BASE)
    opponent = Opponent.read(CHAMPION)
    champion = respondent(base, opponent.adapter, champion_files(opponent), decoding)
    made = Adapter.read(ADAPTER).files
    challenger = respondent(base, made, ADAPTER_FILES, decoding)
    with staged_folder(ANSWERS) as draft:
        for part in EVALUATED:
            rows = Row.read_lines(rows_of(part))
            answers = champion.answers(rows, f"{opponent.label}, {part}")
            write_records(draft / answers_of("champion", part).name, answers)
            answers = challenger.answers(rows, f"challenger, {part}")
            write_records(draft / answers_of("challenger", part).name, answers)


def respondent(
    base: ModelPin, adapter: Digest | None, files: Path | None, decoding: Decoding
) -> Respondent:
    """Make a system ready to answer; its weights are read when an answer is not cached."""

    def load_model() -> Model:
        # Imported here so that a run whose answers are all cached does not wait for torch.
        from evaluation.model import AnsweringModel

        return AnsweringModel(pinned_folder(base, "base"), files, decoding)

    system = System(
        base=base.digest,
        adapter=adapter,
        decoding=decoding.digest,
        code=digest_file(Path(__file__).with_name("model.py")),
    )
    return Respondent(system, decoding.batch_size, load_model)


def champion_files(opponent: Opponent) -> Path | None:
    """The champion's adapter, checked out of the registry; None for the bare base."""
    if opponent.adapter is None:
        return None
    with Registry.here() as registry:
        return registry.artifacts.check_out(
            opponent.adapter, home() / "adapters" / opponent.adapter
        )


if __name__ == "__main__":
    run_stage(main)
