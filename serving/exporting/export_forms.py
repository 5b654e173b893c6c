"""A version's files in each form: what stands in the folder before it is scored again."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from evaluation.evaluation_settings import Decoding
from project.chat_template import TEMPLATE, with_system_prompt
from project.errors import IncumbentError
from project.model_pins import absent, context_window, folder_here, pinned_folder
from project.records.adapters import AdapterVersion, ModelPin, Precision
from project.records.events import Signing
from registry.reader import RegistryReader
from registry.signatures import SIGNATURE, STATEMENT
from registry.storage.artifact_store import Artifacts
from serving.exporting.start_scripts import Form, StartScript, write_script

WEIGHTS = ("*.safetensors", "*.gguf")
UNKNOWN_CONTEXT = 4096  # tokens, of a base that does not say how many it reads


def write_adapter(registry: RegistryReader, version: AdapterVersion, draft: Path) -> None:
    """The adapter's files as they were submitted, what was signed about them, and the chat template
    where its base has it from the project.
    """
    artifacts = registry.artifacts
    artifacts.copy(version.adapter.files, draft)
    if template := version.adapter.base.own_template:
        (draft / TEMPLATE).write_text(template)
    if signed := registry.newest_event(version.number, "sign"):
        # With the newline that every record's file ends with, and that was signed.
        statement = artifacts.get(signed.told(Signing).statement) + b"\n"
        (draft / STATEMENT).write_bytes(statement)
        (draft / SIGNATURE).write_bytes(artifacts.get(signed.told(Signing).signature))


def write_merged(
    artifacts: Artifacts, version: AdapterVersion, draft: Path, precision: Precision
) -> None:
    """The base's weights with the adapter in them; the adapter's signature is not about those."""
    # Imported here because an export of the adapter does without torch.
    from training.model.lora import merge

    base = base_of(version)
    with tempfile.TemporaryDirectory(prefix="incumbent-export-") as place:
        adapter = artifacts.check_out(version.adapter.files, Path(place, "adapter"))
        merge(base, adapter, draft, precision, version.adapter.system_prompt)


@contextmanager
def merged_aside(artifacts: Artifacts, version: AdapterVersion) -> Iterator[Path]:
    """The merged model in float32, for what is made of it; gone with the block."""
    with tempfile.TemporaryDirectory(prefix="incumbent-export-") as place:
        folder = Path(place, "merged")
        write_merged(artifacts, version, folder, "float32")
        yield folder


def base_of(version: AdapterVersion) -> Path:
    """The folder of its base on this machine. Raises IncumbentError where it is not here."""
    if problem := absent(version.adapter.base):
        raise IncumbentError(f"{version.label} needs its own base, and {problem}")
    return pinned_folder(version.adapter.base, "base")


def write_template(version: AdapterVersion, base: Path, draft: Path) -> None:
    """For vLLM: the base's chat template, with the system prompt in front by itself."""
    if version.adapter.system_prompt is None:
        return
    # Imported here because transformers takes its time to load.
    from transformers import AutoTokenizer

    template = AutoTokenizer.from_pretrained(base).get_chat_template()
    told = with_system_prompt(template, version.adapter.system_prompt)
    (draft / TEMPLATE).write_text(told)


def write_start(
    form: Form,
    version: AdapterVersion,
    base: Path,
    draft: Path,
    decoding: Decoding,
    precision: Precision,
) -> None:
    """The generation settings, and the script that starts the form's engine with them."""
    pin = version.adapter.base
    write_settings(base, draft, decoding)
    start = StartScript(
        label=f"{version.label} ({form})",
        name=f"{version.family}-v{version.number}",
        base=pin.name if on_the_hub(pin) else str((folder_here(pin) or base).resolve()),
        revision=pin.revision if on_the_hub(pin) else None,
        precision=precision,
        decoding=decoding,
        context=context_window(base) or UNKNOWN_CONTEXT,
        system_prompt=version.adapter.system_prompt,
    )
    write_script(form, draft, start)


def on_the_hub(pin: ModelPin) -> bool:
    """Whether it came from there by its name: a folder here has none, nor has the embedded one."""
    return pin.model == pin.name and pin.revision is not None and not Path(pin.model).is_dir()


# --- generation settings --------------------------------------------------------------------------

# How the exported version answers where a caller names no settings: as it was judged.

FILE = "generation_config.json"
ENDS = ("bos_token_id", "eos_token_id", "pad_token_id")  # the base's, which end an answer


def write_settings(base: Path, folder: Path, decoding: Decoding) -> None:
    """The base's own sampling settings and penalties are left out: it was judged without them."""
    config = read(base / FILE) or read(base / "config.json")
    ids = {name: config[name] for name in ENDS if config.get(name) is not None}
    text = json.dumps(ids | settings(decoding), indent=2, sort_keys=True)
    (folder / FILE).write_text(text + "\n")


def read(file: Path) -> dict[str, Any]:
    config: dict[str, Any] = json.loads(file.read_bytes()) if file.is_file() else {}
    return config


def settings(decoding: Decoding) -> dict[str, Any]:
    """The settings in the words of transformers' GenerationConfig."""
    limit = {"max_new_tokens": decoding.max_new_tokens}
    if not decoding.temperature:
        return {"do_sample": False} | limit
    drawn = {"do_sample": True, "temperature": decoding.temperature, "top_k": 0, "top_p": 1.0}
    return drawn | limit
