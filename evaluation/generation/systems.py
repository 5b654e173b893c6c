"""Systems that can be asked: the base model, bare or with an adapter on it."""

from pathlib import Path

from evaluation.evaluation_settings import Decoding
from evaluation.generation.answers import Model, Respondent, System
from project.canonical import digest_files
from project.files import home
from project.model_pins import pinned_folder
from project.records.adapters import ModelPin, Numerics
from project.records.record import Digest
from registry.reader import RegistryReader


def from_registry(
    base: ModelPin, adapter: Digest | None, decoding: Decoding, numerics: Numerics
) -> Respondent:
    """The bare base, or an adapter on it that is checked out of the registry."""
    return respondent(base, adapter, check_out_adapter(adapter), decoding, numerics)


def check_out_adapter(adapter: Digest | None) -> Path | None:
    """The folder of an adapter of the registry; None for the bare base."""
    if adapter is None:
        return None
    with RegistryReader.here() as registry:
        return registry.artifacts.check_out(adapter, home() / "adapters" / adapter)


def respondent(
    base: ModelPin,
    adapter: Digest | None,
    files: Path | None,
    decoding: Decoding,
    numerics: Numerics,
) -> Respondent:
    """Make a system ready to answer; its weights are read when an answer is not cached."""

    def load_model() -> Model:
        # Imported here so that a run whose answers are all cached does not wait for torch.
        from evaluation.generation.answering_model import AnsweringModel, refuse_other_machine

        refuse_other_machine(numerics)
        return AnsweringModel(pinned_folder(base, "base"), files, decoding, numerics.precision)

    system = System(
        base=base.digest,
        adapter=adapter,
        decoding=decoding.digest,
        numerics=numerics,
        code=digest_files(Path(__file__).parent, ["answering_model.py", "batch_reader.py"]),
    )
    return Respondent(system, decoding.batch_size, load_model)
