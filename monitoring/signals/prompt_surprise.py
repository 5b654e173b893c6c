"""How much a served model is surprised by prompts: its own perplexity on what users ask."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from math import ceil, inf
from pathlib import Path
from threading import Event

import numpy as np
from pydantic import Field

from monitoring.signals.signal import Floats
from project.canonical import digest_bytes, digest_json
from project.errors import IncumbentError, refuse_stopped
from project.files import home, write_bytes
from project.model_pins import absent, pinned_folder
from project.records.adapters import AdapterVersion, Numerics, Precision
from project.records.data import Message, Row
from project.records.record import Record
from registry.storage.artifact_store import Artifacts
from training.precision import choose_numerics

READ = 2_000  # characters of a part: longer ones would need more memory than they tell
PARTS = 4  # of one prompt that are read, at most
CHUNK = 64  # prompts read between two writes of the cache


class Surprises(Record):
    """Nats a token by the digest of the prompt; None where the model could not read it."""

    nats: dict[str, float | None] = Field(default={})


def surprise(
    version: AdapterVersion,
    artifacts: Artifacts,
    prompts: Sequence[str],
    *,
    new: float = inf,
    stop: Event | None = None,
) -> Floats:
    """The mean negative log-probability of each prompt's tokens, in nats [n].

    NaN where a prompt is longer than the model's context, and of a hosted model, which cannot be
    asked. Each prompt is read once by each adapter:
    what was read is kept, as long as traffic is. Where more than `new` were never read, only the
    first prompts get values, as far as that goes: which ones hangs on their order, never on what is
    asked. A long prompt is read in parts, each of which counts. Raises StoppedError once the event
    is set: what was read until then is kept.
    """
    if version.adapter.base.hosted:
        return np.full(len(prompts), np.nan, np.float32)
    numerics = choose_numerics()
    folder = folder_of(version, numerics)
    cache = folder / f"{datetime.now(UTC).date()}.json"
    today, known = read_file(cache), read_before(folder)
    texts = [keyed_parts(prompt) for prompt in prompts]
    count = readable(texts, known, new)
    missing = {k: p for text in texts[:count] for k, p in text.items() if k not in known}
    if missing:
        reader = PromptReader(version, artifacts, numerics.precision)
        pairs = sorted(missing.items(), key=lambda pair: -len(pair[1]))
        for start in range(0, len(pairs), CHUNK):
            if stop:
                refuse_stopped(stop)
            part = pairs[start : start + CHUNK]
            nats = reader.nats([prompt for _, prompt in part])
            today |= {key: value for (key, _), value in zip(part, nats, strict=True)}
            write_bytes(cache, Surprises(nats=today).canonical())
        known |= today
    values = [mean_of([known[key] for key in text]) for text in texts[:count]]
    return np.array(values + [np.nan] * (len(texts) - count), np.float32)


def surprise_so_far(version: AdapterVersion, prompts: Sequence[str]) -> Floats:
    """The same of the prompts that were read before [n], NaN for the others: no model is loaded."""
    known = read_before(folder_of(version, choose_numerics()))
    values = [mean_of([known.get(key) for key in keyed_parts(prompt)]) for prompt in prompts]
    return np.array(values, np.float32)


def folder_of(version: AdapterVersion, numerics: Numerics) -> Path:
    return home() / "monitoring" / "surprise" / key_of(version, numerics)


def keyed_parts(prompt: str) -> dict[str, str]:
    return {digest_bytes(part.encode()): part for part in parts_of(prompt)}


def read_before(folder: Path) -> dict[str, float | None]:
    """What an adapter has read: a file for each day, which the retention deletes by name."""
    files = sorted(folder.glob("*.json"))
    return {key: value for file in files for key, value in read_file(file).items()}


def read_file(path: Path) -> dict[str, float | None]:
    return dict(Surprises.read(path).nats) if path.exists() else {}


def parts_of(prompt: str) -> list[str]:
    """What is read of a prompt: all of it in parts of like length, or PARTS of those."""
    count = max(1, ceil(len(prompt) / READ))
    size = ceil(len(prompt) / count)
    chosen = np.linspace(0, count - 1, min(count, PARTS)).round().astype(int).tolist()
    return [prompt[i * size : (i + 1) * size] for i in chosen]


def is_cut(prompt: str) -> bool:
    """Whether some of a prompt is not read."""
    return len(prompt) > READ * PARTS


def readable(texts: Sequence[Mapping[str, str]], known: Mapping[str, object], new: float) -> int:
    """How many of the first prompts have no more than so many new parts in all."""
    unread = set[str]()
    for count, text in enumerate(texts):
        unread.update(key for key in text if key not in known)
        if len(unread) > new:
            return count
    return len(texts)


def mean_of(values: Sequence[float | None]) -> float:
    """NaN where a part could not be read: the others would speak for it."""
    numbers = [value for value in values if value is not None]
    return sum(numbers) / len(numbers) if len(numbers) == len(values) else float("nan")


def key_of(version: AdapterVersion, numerics: Numerics) -> str:
    adapter = version.adapter
    pins = [adapter.files, adapter.base.digest, numerics.digest]
    under = [adapter.system_prompt] if adapter.system_prompt else []
    return digest_json([*pins, *under])[:16]


class PromptReader:
    """A base model with an adapter on it, that reads prompts as users' turns of its template."""

    def __init__(self, version: AdapterVersion, artifacts: Artifacts, precision: Precision) -> None:
        # Imported here because a night whose prompts were all read need not wait for torch.
        from evaluation.evaluation_settings import Decoding
        from evaluation.generation.answering_model import AnsweringModel

        if problem := absent(version.adapter.base):
            raise IncumbentError(f"{version.label} reads prompts on its own base, and {problem}")
        base = pinned_folder(version.adapter.base, "base")
        files, prompt = version.adapter.contestant.lora, version.adapter.system_prompt
        adapter = artifacts.check_out(files, home() / "adapters" / files) if files else None
        decoding = Decoding(max_new_tokens=1, batch_size=16)
        self.model = AnsweringModel(base, adapter, decoding, precision, prompt)

    def nats(self, prompts: Sequence[str]) -> list[float | None]:
        """The surprise of each prompt as the completion of an empty turn."""
        logprobs = self.model.reference_logprobs([prompt_as_answer(prompt) for prompt in prompts])
        return [None if logprob is None else -logprob for logprob in logprobs]


def prompt_as_answer(prompt: str) -> Row:
    """The prompt where an answer stands: what is measured is how likely its words are."""
    return Row(
        id=digest_bytes(prompt.encode())[:16],
        prompt=(Message(role="user", content=""),),
        completion=(Message(role="assistant", content=prompt),),
        group="",
        source="traffic",
    )
