"""Systems that can be asked: the base model, bare or with an adapter on it."""

from functools import partial
from importlib.metadata import version
from pathlib import Path

from evaluation.evaluation_settings import Decoding, GenerationParams
from evaluation.generation.answers import Model, Respondent, system_of
from evaluation.generation.backends.backend import Engine
from evaluation.generation.conversations import ConversingModel, conversations_digest
from evaluation.generation.hosted import kept_respondent
from evaluation.generation.served_contestant import ServedContestant
from project.canonical import digest_files
from project.errors import InputError
from project.files import home
from project.model_pins import pinned_folder
from project.records.adapters import Contestant, Numerics
from project.records.record import Digest
from project.settings import load
from registry.reader import RegistryReader

HERE = Path(__file__).parent
CODE = ["answering_model.py", "batch_reader.py"]  # that makes answers in this process
# What makes the files of an engine, and asks it, where the engine's version does not say it.
LLAMA = ("backends/gguf_file.py", "backends/own_llama.py")
OWN_CODE = {"llama.cpp": LLAMA}


def from_registry(
    contestant: Contestant, decoding: Decoding, numerics: Numerics, *, live: bool = False
) -> Respondent:
    """A bare base, or a base with an adapter on it that is checked out of the registry. `live`: a
    hosted model is asked what it was not asked before.
    """
    if live and contestant.base.hosted and not decoding.constrained:
        return kept_respondent(contestant, decoding, numerics, live=True)
    return respondent(contestant, check_out_adapter(contestant.lora), decoding, numerics)


def check_out_adapter(adapter: Digest | None) -> Path | None:
    """The folder of an adapter of the registry; None for the bare base."""
    if adapter is None:
        return None
    with RegistryReader.here() as registry:
        return registry.artifacts.check_out(adapter, home() / "adapters" / adapter)


def respondent(
    contestant: Contestant,
    files: Path | None,
    decoding: Decoding,
    numerics: Numerics,
    *,
    recalls: bool = False,
) -> Respondent:
    """Make a system ready to answer, its adapter's files in a folder; its weights are read when an
    answer is not cached. A server answers where the numerics are one's; a hosted model answered
    before. `recalls`: it goes on with answers that are begun, as suite memorisation asks it to,
    which no server does.
    """
    engine = numerics.engine if not recalls else None
    reads_grammars = engine is None or engine.name == "vllm"
    if decoding.constrained and (contestant.base.hosted or not reads_grammars):
        raise InputError(
            f"a server answers for {contestant}, and is held to no grammar here: set it to false, "
            "or let vLLM or the embedded engine answer",
            field="evaluation.decoding.constrained",
        )
    if contestant.base.hosted:
        if recalls:
            raise InputError(
                f"{contestant} has no weights to ask what they remember: set it to 0",
                field="evaluation.generation.memorisation",
            )
        return kept_respondent(contestant, decoding, numerics)
    files = files if contestant.lora else None
    if engine is not None:
        return served(contestant, files, decoding, numerics, engine)

    code = digest_files(HERE, [*CODE, "recalling_model.py"] if recalls else CODE)
    conversations = None if recalls else conversations_digest()
    system = system_of(contestant, decoding.digest, numerics, code, conversations=conversations)
    load_model = partial(embedded_model, contestant, files, decoding, numerics, recalls)
    if decoding.constrained and not recalls:
        code = digest_files(HERE, [*CODE, "constraints.py"])
        libraries = (*system.libraries, f"llguidance {version('llguidance')}")
        system = system.model_copy(update={"code": code, "libraries": libraries})
    return Respondent(system, decoding.batch_size, load_model, portable=True)


def embedded_model(
    contestant: Contestant,
    files: Path | None,
    decoding: Decoding,
    numerics: Numerics,
    recalls: bool = False,
) -> Model:
    """A model in this process. Raises IncumbentError on another kind of machine."""
    # Imported here so that a run whose answers are all cached does not wait for torch.
    from evaluation.generation.answering_model import AnsweringModel, refuse_other_machine
    from evaluation.generation.recalling_model import RecallingModel

    refuse_other_machine(numerics)
    base = pinned_folder(contestant.base, "base")
    given = base, files, decoding, numerics.precision, contestant.system_prompt
    if recalls:
        return RecallingModel(*given)
    return ConversingModel(AnsweringModel(*given))


def served(
    contestant: Contestant,
    files: Path | None,
    decoding: Decoding,
    numerics: Numerics,
    engine: Engine,
) -> Respondent:
    """A system on a server. Raises InputError where the settings name none, or none such.

    One that runs serves all that ask it; one that we start can be started on any machine.
    """
    params = load(GenerationParams)
    if params.backend != engine.name:
        raise InputError(
            f"eval items were answered by {engine}, and evaluation.generation.backend is now "
            f"{params.backend}: run `dvc repro`"
        )
    held = ServedContestant(contestant, files, decoding, numerics, engine, params)
    grammars = ("constraints.py",) if decoding.constrained else ()
    code = digest_files(HERE, ["served_contestant.py", *OWN_CODE.get(engine.name, ()), *grammars])
    # The engine's version is what counts, and no library's here.
    more = {"model": held.model, "conversations": conversations_digest()}
    system = system_of(contestant, decoding.digest, numerics, code, libraries=(), **more)
    local = params.vllm_python is not None
    if local and contestant.lora:
        held.folder(contestant.lora)  # now: workers would all copy it at the same time
    load_model = partial(server_model, held)
    return Respondent(system, decoding.batch_size, load_model, release=held.release, portable=local)


def server_model(held: ServedContestant) -> Model:
    return ConversingModel(held.load())
