"""Base models, adapters and their versions, what answers, in which numerics, and where a version
came from.
"""

import re
from typing import Annotated, Literal

from pydantic import Field

from project.canonical import digest_json
from project.records.record import LATER, Digest, Record, later, short
from project.untrusted_input import one_line

DATED = r"([-@](\d{4}-\d\d-\d\d|\d{3,4}|\d{6}|\d{8}))?"  # how vendors name a model of a day


class HostedModel(Record):
    """A model that somebody else serves behind OpenAI's API. Its weights are not to be had: it is
    known by its address and its name there.
    """

    url: str  # up to and with /v1
    model: str  # its name there
    key_variable: str | None = None  # the environment variable with the key; None: it wants none

    def is_named(self, name: str) -> bool:
        """Whether this is its name as a server may say it: with a date or a number of three digits
        behind it, or a path before it, and nothing more.
        """
        return bool(re.fullmatch(rf"([\w.:@-]+/)*{re.escape(self.model)}{DATED}", name))

    @property
    def pin(self) -> "ModelPin":
        """As a base. Its digests are of address and name, for there are no bytes."""
        known = digest_json([self.url, self.model])
        return ModelPin(
            model=self.url,
            name=f"{self.model} at {self.url}",
            revision=None,
            weights=known,
            config=known,
            chat_template=None,
            hosted=self,
        )


class ModelPin(Record):
    """A base model or embedder, held fast by a digest of its weights; or a hosted model."""

    model: str  # what the user named: "embedded", a Hub id or a path
    name: str  # what it is
    revision: str | None
    weights: Digest
    config: Digest  # of every other file that decides what it answers: config and tokenizer
    chat_template: Digest | None
    # The template itself, where the project brought it: the base's own files do not hold it.
    own_template: Annotated[str | None, LATER] = None
    hosted: Annotated[HostedModel | None, LATER] = None

    def __str__(self) -> str:
        return self.name if self.hosted else f"{self.name} (weights {short(self.weights)})"


Precision = Literal["float32", "bfloat16", "float16"]


Quantization = Literal["nf4", "int8", "none"]


class Engine(Record):
    """The program that computed an answer, where that was not this process."""

    name: str  # "embedded", "vllm", "sglang" or "openai"
    version: str | None  # as it tells it
    # The base as the server names it, a quantised one too; of a server that tells nothing of it,
    # its address.
    model: str | None
    # With which it was started, where we did; the base is then the contestant's.
    options: Annotated[tuple[str, ...] | None, LATER] = None

    def __str__(self) -> str:
        version = f" {self.version}" if self.version else ""
        model = f" with {self.model}" if self.model else ""
        options = f" with {' '.join(self.options)}" if self.options else ""
        return f"{self.name}{version}{model}{options}"


class Numerics(Record):
    """How a model's numbers are computed; answers under different ones are never compared."""

    precision: Precision
    quantization: Quantization = "none"
    dequantized: bool = False  # once, when they were loaded
    processor: str  # its kind: maker and vector instructions, or the GPU's name
    # The kernel of attention, where it is none of torch's: "flash_attention_2".
    attention: Annotated[str | None, LATER] = None
    # The server that answered. None tells its own numerics: those above are then of this machine.
    engine: Annotated[Engine | None, LATER] = None

    def __str__(self) -> str:
        if self.engine:
            return str(self.engine)
        quantized = "" if self.quantization == "none" else f", {self.quantization}"
        once = " dequantised once" if self.dequantized else ""
        kernel = f", {self.attention}" if self.attention else ""
        return f"{self.precision}{quantized}{once}{kernel} on {self.processor}"


class Contestant(Record):
    """What answers: a base, with an adapter on it or bare, under a system prompt or none; or a
    hosted model, which is a base that lies elsewhere.
    """

    base: ModelPin
    # The files of its version: an adapter's, or of one that is `bare` its sheet. None: the bare
    # base, which is no version.
    adapter: Digest | None = None
    system_prompt: str | None = None  # in front of every prompt
    # How the passages of a row are put into its prompt; None: they are not shown.
    evidence_template: Annotated[str | None, LATER] = None
    # The folder of passages that are found for a question which brings none; None: none are.
    index: Annotated[Digest | None, LATER] = None
    bare: bool = later(False)  # a version without an adapter
    answers: Annotated[Digest | None, LATER] = None  # of a hosted model: the folder of those kept

    @property
    def lora(self) -> Digest | None:
        """The adapter that is loaded onto its base; None: none is."""
        return None if self.bare else self.adapter

    @property
    def identity(self) -> Digest:
        """What decides its answers, wherever its base lies and whatever it is called there.

        Other files of the base count no more here than its weights and its chat template: libraries
        write the same configuration in more than one way.
        """
        shown = [] if self.evidence_template is None else [self.evidence_template]
        if self.index is not None:
            shown = [*shown, self.index]
        if self.bare:
            shown = [*shown, "bare", self.answers or ""]
        return digest_json(
            [self.base.weights, self.base.chat_template, self.adapter, self.system_prompt, *shown]
        )

    def __str__(self) -> str:
        what = f"adapter {short(self.lora)} on" if self.lora else "the bare base"
        if self.base.hosted:
            what = "the hosted model"
        under = ", under a system prompt" if self.system_prompt else ""
        return f"{what} {self.base.name}{under}"


def told_apart(champion: Contestant, challenger: Contestant) -> str | None:
    """In what two contestants differ beside their adapters, in words; None where in nothing."""
    differing = []
    if champion.base.weights != challenger.base.weights:
        differing.append(
            f"the champion stands on {champion.base}, the challenger on {challenger.base}"
        )
    elif champion.base.chat_template != challenger.base.chat_template:
        differing.append("their bases have different chat templates")
    if champion.system_prompt != challenger.system_prompt:
        differing.append("their system prompts differ")
    if champion.evidence_template != challenger.evidence_template:
        differing.append("passages are put into their prompts in different ways")
    if champion.index != challenger.index:
        differing.append("their passages are found in different indexes")
    return "; ".join(differing) or None


class Adapter(Record):
    """What one training run made, before the registry gives it a number; or a contestant without
    an adapter, whose folder holds its sheet.
    """

    files: Digest  # of the adapter's folder
    base: ModelPin
    recipe: Digest
    dataset: Digest
    parent: Digest | None = None  # the adapter that training started from
    numerics: Annotated[Numerics | None, LATER] = None  # of the training; None: not recorded
    rewarded: Annotated[tuple[str, ...] | None, LATER] = None  # by which metrics, if by any
    # What it was trained under, and answers under; it stands in the adapter's folder too.
    system_prompt: Annotated[str | None, LATER] = None
    evidence_template: Annotated[str | None, LATER] = None
    # How tools were shown to it, where the base's chat template does not know them.
    tool_form: Annotated[str | None, LATER] = None
    # As a contestant has them:
    index: Annotated[Digest | None, LATER] = None
    bare: bool = later(False)
    answers: Annotated[Digest | None, LATER] = None

    @property
    def folders(self) -> tuple[Digest, ...]:
        """All that has to be stored for it to answer."""
        beside = (folder for folder in (self.index, self.answers) if folder)
        return (self.files, *beside)

    @property
    def texts_in_front(self) -> str | None:
        """All that stands beside a question; None where nothing does."""
        texts = [text for text in (self.system_prompt, self.evidence_template) if text]
        return "\n\n".join(texts) or None

    @property
    def contestant(self) -> Contestant:
        return Contestant(
            base=self.base,
            adapter=self.files,
            system_prompt=self.system_prompt,
            evidence_template=self.evidence_template,
            index=self.index,
            bare=self.bare,
            answers=self.answers,
        )

    def __str__(self) -> str:
        return (
            str(self.contestant)
            if self.bare
            else f"adapter {short(self.files)} on {self.base.name}"
        )


SHEET = "contestant.json"  # in the folder of a version without an adapter


class ContestantSheet(Record):
    """What is known of a version without an adapter; it stands where one that was trained here
    names its recipe and its dataset.
    """

    kind: Literal["contestant"] = "contestant"
    base: ModelPin
    system_prompt: str | None
    evidence_template: str | None
    index: Digest | None = None
    # Of a hosted model:
    answers: Digest | None = None
    served_as: tuple[str, ...] = ()  # the names under which it answered
    fingerprints: tuple[str, ...] = ()  # of how it was served, as far as it tells them

    def adapter(self, files: Digest) -> Adapter:
        """As the registry keeps it; `files` is the digest of the folder with this sheet."""
        return Adapter(
            files=files,
            base=self.base,
            recipe=self.digest,
            dataset=self.digest,
            system_prompt=self.system_prompt,
            evidence_template=self.evidence_template,
            index=self.index,
            bare=True,
            answers=self.answers,
        )

    def __str__(self) -> str:
        if self.base.hosted is None:
            return "added without an adapter: nothing was trained"
        served = f", served as {', '.join(self.served_as)}" if self.served_as else ""
        return f"a hosted model{served}: what it was trained on is not known"


class AdapterVersion(Record):
    family: str
    number: int
    adapter: Adapter
    actor: str
    at: str  # RFC 3339, UTC

    @property
    def label(self) -> str:
        return f"{self.family} v{self.number}"

    def __str__(self) -> str:
        return f"{self.label}: {self.adapter}, submitted {self.at} by {self.actor}"


class Opponent(Record):
    """Whom the challenger has to beat: a champion version, or the bare base model."""

    adapter: Digest | None = None  # None: the bare base
    base: Digest | None = None  # weights of the base that the champion was trained on
    version: int | None = None
    # The adapter that the regression budget counts from, where it is not the champion itself.
    reference: Digest | None = None
    # Both as what answers, for the stages.
    contestant: Annotated[Contestant | None, LATER] = None
    baseline: Annotated[Contestant | None, LATER] = None

    @property
    def label(self) -> str:
        return f"champion v{self.version}" if self.version else "bare base"

    def __str__(self) -> str:
        return f"{self.label} (adapter {short(self.adapter)})"


# --- provenance -----------------------------------------------------------------------------------

# Where a version came from: the commit of its project, and where its rows can be had again.

Commit = Annotated[str, Field(pattern=r"^[0-9a-f]{40}([0-9a-f]{24})?$")]  # SHA-1 or SHA-256


class Provenance(Record):
    """A project as it was when a version was submitted. Addresses hold no user and no password."""

    commit: Commit  # holds the project exactly as it was
    head: Commit | None  # that was checked out; None: the repository had no commit yet
    changed: tuple[str, ...]  # paths in the project that differed from it
    folder: str  # of the project in the repository; "." where that is the repository
    remote: str | None  # git's origin
    rows: str | None  # DVC's md5 of the curated rows, as dvc.lock has it
    data_remote: str | None  # DVC's default remote
    packages: dict[str, str]  # versions of what decides an adapter's bytes, as installed then
    # How many threads computed: sums over many numbers depend on it.
    threads: Annotated[int | None, LATER] = None
    # How many processes trained a step together, at most: so it is with theirs. None: one.
    processes: Annotated[int | None, LATER] = None

    @property
    def files_changed(self) -> str:
        """The changed files in words, the first ones by name."""
        if not self.changed:
            return "as it was checked out"
        more = len(self.changed) - 2
        named = ", ".join(self.changed[:2]) + (f" and {more} more" if more > 0 else "")
        base = f"commit {self.head[:12]}" if self.head else "no earlier commit"
        return one_line(f"{base} with changes of {named}")

    def __str__(self) -> str:
        return f"commit {self.commit[:12]}: {self.files_changed}"
