"""A version's model card: a README.md for people and for the Hugging Face Hub, from the records."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import yaml
from markupsafe import Markup

from project.licences import licence_of_package
from project.model_pins import EMBEDDED, EMBEDDED_PACKAGE
from project.records.adapters import ModelPin
from project.records.evidence import Measured, MetricEvidence
from project.records.record import Record
from project.untrusted_input import one_line
from registry.adapter_import.lora_config import ImportedOrigin, MergedOrigin
from registry.lineage import Lineage, apart, name_of

TEMPLATE = Path(__file__).parent / "templates" / "card.md"
PREFERENCE = "preference"


class ScoreLine(Record):
    """A row of a table of scores, as it is printed."""

    label: str
    champion: str
    challenger: str
    difference: str
    interval: str
    n: int


def card(
    lineage: Lineage,
    *,
    merged: bool = False,
    form: str | None = None,
    repository: str | None = None,
) -> str:
    """The whole README.md. Equal records give equal bytes. `form` is the engine's, of an export for
    one: vllm, peft, merged or gguf; `repository` is the Hub's name for where it lies, if it does.
    """
    adapter, base = lineage.version.adapter, lineage.version.adapter.base
    names = [f"the {name}" for name in lineage.aliases]
    place = repository or "path/to/this/folder"
    library = "gguf" if form == "gguf" else "transformers" if merged else "peft"
    return render_markdown(
        TEMPLATE,
        lineage=lineage,
        base=base,
        precision=adapter.numerics.precision if adapter.numerics else "bfloat16",
        merged=merged,
        bare=adapter.bare,
        form=form,
        place=place,
        path=Markup(place),
        repository=repository,
        decision=lineage.decision,
        opponent=name_of(lineage.opponent),
        apart=apart(lineage.decision),
        system_prompt=adapter.system_prompt,
        standing=", ".join([" and ".join(names) or "which no alias names", *lineage.marks]),
        tables=tables(lineage),
        limitations=list(limitations(lineage)),
        checks=checks(lineage),
        licence=licence(base),
        pins=pins(lineage),
        front_matter=Markup(front_matter(lineage, library)),
    )


# --- front matter -------------------------------------------------------------------------------


def front_matter(lineage: Lineage, library: str) -> str:
    """The YAML that the Hub reads (huggingface.co/docs/hub/model-cards), without a licence."""
    base, bare = lineage.version.adapter.base, lineage.version.adapter.bare
    fields: dict[str, Any] = {} if bare else {"library_name": library}
    fields |= {
        "pipeline_tag": "text-generation",
        "tags": ["incumbent"] if bare else ["incumbent", "lora"],
    }
    if hub_name := (base.name if base.model == EMBEDDED or base.revision else None):
        fields["base_model"] = one_line(hub_name)
        if not bare:
            fields["base_model_relation"] = "finetune" if library != "peft" else "adapter"
    if scores := list(results(lineage)):
        fields["model-index"] = [{"name": lineage.version.label, "results": scores}]
    width = 1 << 20  # a value is one line: none can end the front matter
    return yaml.safe_dump(fields, sort_keys=False, allow_unicode=True, width=width).rstrip()


def results(lineage: Lineage) -> Iterator[dict[str, Any]]:
    """This version's own scores, in the Hub's form; a preference as the share that prefers it."""
    for title, measured in parts(lineage).items():
        metrics = [
            {"type": name, "name": name, "value": round(m.own_score, 4)}
            for name, m in ((one_line(metric), m) for metric, m in measured.items())
        ]
        family = lineage.version.family
        yield {
            "task": {"type": "text-generation"},
            "dataset": {"name": f"{family}: {one_line(title)}", "type": family},
            "metrics": metrics,
        }


# --- scores -------------------------------------------------------------------------------------


def parts(lineage: Lineage) -> dict[str, Measured]:
    """What was measured against the opponent and may be shown; the empty left out."""
    evidence = lineage.evidence
    if evidence is None:
        return {}
    general = evidence.general
    groups = {"Sealed eval set": lineage.sealed, "Dev eval set": evidence.dev} | {
        f"General ability, {name}": measured for name, measured in general.items()
    }
    for suite, scores in (evidence.suites or {}).items():
        title = f"Suite {suite}"
        groups |= {f"{title}, {name}": measured for name, measured in scores.champion.items()}
        for name, measured in (scores.base or {}).items():
            groups[f"{title} against the bare base, {name}"] = measured
    return {title: measured for title, measured in groups.items() if measured}


def tables(lineage: Lineage) -> dict[str, list[ScoreLine]]:
    """The scores by part, then the slices of the gating metrics."""
    lines = {
        title: [line(metric, m) for metric, m in ordered(measured, lineage.gating)]
        for title, measured in parts(lineage).items()
    }
    slices = [
        line(f"{name}: {metric}", m)
        for name, measured in lineage.slices.items()
        for metric, m in ordered(measured, lineage.gating)
        if metric in lineage.gating
    ]
    return lines | ({"Slices of the sealed eval set": slices} if slices else {})


def ordered(measured: Measured, gating: tuple[str, ...]) -> list[tuple[str, MetricEvidence]]:
    """The gating metrics first."""
    return sorted(measured.items(), key=lambda pair: (pair[0] not in gating, pair[0]))


def line(label: str, evidence: MetricEvidence) -> ScoreLine:
    lower, upper = evidence.bootstrap
    return ScoreLine(
        label=f"{label} (less is better)" if evidence.better == "less" else label,
        champion=mean(evidence.champion_mean),
        challenger=mean(evidence.challenger_mean),
        difference=f"{evidence.diff:+.3f}",
        interval=f"{lower:+.3f} … {upper:+.3f}",
        n=evidence.n,
    )


def mean(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


# --- what to beware of --------------------------------------------------------------------------


def limitations(lineage: Lineage) -> Iterator[str]:
    """What the measurements say against the version, and what nobody measured."""
    if lineage.evidence is None:
        yield "Nothing was measured."
    elif not lineage.looked_at_sealed:
        yield "It was measured on the dev part alone, which everybody may look at and tune on."
    if lineage.evidence:
        slices = [(name, m) for name, m in each(lineage.slices) if m in lineage.gating]
        yield from lost(lineage, lineage.slices, slices, "the slices")
        general = lineage.evidence.general
        yield from lost(lineage, general, list(each(general)), "general ability")
        if not general:
            yield "General ability was not measured: what it forgot is not known."
        for suite, scores in (lineage.evidence.suites or {}).items():
            yield from lost(lineage, scores.champion, list(each(scores.champion)), f"suite {suite}")
        calibration = lineage.evidence.calibration
        if calibration and (advisory := calibration.advisory):
            yield f"The preference is advisory only: {advisory}."
    if isinstance(lineage.origin, ImportedOrigin):
        yield "The data and the recipe are not known: the adapter was made elsewhere."
        for norm in lineage.origin.absurd:
            yield f"The update of {norm}."
    if lineage.gate and (failed := [check for check in lineage.gate.checks if not check.passed]):
        yield from (f"The data failed a check: {check}." for check in failed)
    for check in lineage.gate.waived if lineage.gate else ():
        excuses = "; ".join(map(str, check.waived or ()))
        yield f"A failing check was waived: {check.name}: {excuses}."


def each(groups: Mapping[str, Measured]) -> Iterator[tuple[str, str]]:
    return ((name, metric) for name, measured in groups.items() for metric in sorted(measured))


def lost(
    lineage: Lineage,
    groups: Mapping[str, Measured],
    chosen: Sequence[tuple[str, str]],
    what: str,
) -> Iterator[str]:
    """Every chosen group and metric whose whole interval is below zero, or that there is none."""
    worse = [(name, m) for name, m in chosen if groups[name][m].bootstrap[1] < 0]
    for name, metric in worse:
        measurement = groups[name][metric]
        yield (
            f"In {what}, {name}, it is worse than {name_of(lineage.opponent)}: {metric} by "
            f"{-measurement.diff:.3f} on {measurement.n} items."
        )
    if chosen and not worse:
        yield f"In {what} nothing is clearly worse: no interval lies below zero."


def record_name(lineage: Lineage) -> str:
    """What stands in the place of a dataset."""
    return f"record of the {'merge' if isinstance(lineage.origin, MergedOrigin) else 'import'}"


def checks(lineage: Lineage) -> str:
    """How the data's checks came out, in a sentence."""
    if lineage.gate is None:
        return "No report of checks is stored."
    return f"Of {lineage.gate.row_count} rows, {lineage.gate}."


# --- lineage ------------------------------------------------------------------------------------


def pins(lineage: Lineage) -> dict[str, Markup]:
    """Everything that the version rests on, by digest."""
    version, decision = lineage.version, lineage.decision
    adapter, base = version.adapter, version.adapter.base
    rows: dict[str, object] = {
        "adapter": code(adapter.files),
        "base model": Markup(f"{text(base.name)}, revision {text(base.revision or 'none')}"),
        "base weights": code(base.weights),
        "base configuration": code(base.config),
        "chat template": code(base.chat_template) if base.chat_template else "none",
        "system prompt": text(adapter.system_prompt or "none"),
        "evidence template": text(adapter.evidence_template or "none"),
        "index of passages": code(adapter.index) if adapter.index else "none",
        **({"form of tools": text(adapter.tool_form)} if adapter.tool_form else {}),
        "recipe": code(adapter.recipe),
        "dataset" if lineage.dataset else record_name(lineage): code(adapter.dataset),
    }
    if lineage.dataset:
        rows |= {"rows": code(lineage.dataset.rows), "contract": code(lineage.dataset.contract)}
    if lineage.provenance:
        rows["commit of the project"] = code(lineage.provenance.commit)
        rows["rows in DVC"] = text(lineage.provenance.rows or "none")
    if adapter.numerics:
        rows["trained in"] = str(adapter.numerics)
    rows["trained from"] = lineage.parent or "the base, without an earlier adapter"
    if lineage.teacher:
        rows["distilled from"] = lineage.teacher
    if decision:
        rows |= {
            "evidence": code(decision.evidence),
            "policy": code(decision.policy),
            "decision": code(lineage.decision_digest),
        }
        if decision.pins and decision.pins.numerics:
            rows["answered in"] = str(decision.pins.numerics)
    rows["submitted"] = f"{version.at} by {version.actor}"
    return {name: text(value) for name, value in rows.items()}


# --- licence --------------------------------------------------------------------------------------

# Under which licence a base model stands, as far as its own files say.


def licence(base: ModelPin) -> str | None:
    """An identifier such as "apache-2.0", or None where nothing on this machine names one."""
    if base.hosted:
        return None
    if base.model == EMBEDDED:
        name = licence_of_package(EMBEDDED_PACKAGE["base"])
        return name and name.lower()
    folder = Path(base.model).expanduser()
    if folder.is_dir():
        return of_card(folder / "README.md")
    return of_card(fetched_card(base.model, base.revision)) if base.revision else None


def fetched_card(name: str, revision: str) -> Path | None:
    """Where the card of a Hub model lies if it was fetched; a licence is no reason to fetch it."""
    # Imported here because only users of the Hub pay for it.
    try:
        from huggingface_hub import try_to_load_from_cache
        from huggingface_hub.errors import HFValidationError
    except ModuleNotFoundError:  # of the extra `train`, and a card is shown without it
        return None
    try:
        path = try_to_load_from_cache(name, "README.md", revision=revision)
    except HFValidationError:
        path = None
    return Path(path) if isinstance(path, str) else None


def of_card(card: Path | None) -> str | None:
    """What the front matter of a model card states, as Hugging Face has it: `license`, or
    `license_name` where that is "other".
    """
    if card is None or not card.is_file():
        return None
    before, _, rest = card.read_text(errors="replace").partition("---\n")
    if before.strip():
        return None
    try:
        fields = yaml.safe_load(rest.partition("\n---")[0])
    except yaml.YAMLError:
        return None
    names = fields if isinstance(fields, dict) else {}
    stated = names.get("license")
    stated = names.get("license_name", stated) if stated == "other" else stated
    return stated if isinstance(stated, str) else None


# --- markdown -------------------------------------------------------------------------------------

# Markdown from a template in which every value is escaped: a name cannot become markup.

SPECIAL = re.compile(r"[\\`*_\[\]<>|~#&!$]|:(?=//)|(?<=www)(?=\.)", re.IGNORECASE)
# At the start of a line: what makes a list, a rule or a heading.
BLOCK = re.compile(r"^(?=[-+](?!\d)|=)|^(\d+)(?=[.)](?!\d))")


def render_markdown(template: Path, **values: Any) -> str:
    """Fill in a template; only what is Markup already goes in as it is."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(template.parent),
        autoescape=False,  # that is for HTML; `finalize` does it for Markdown
        finalize=text,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"code": code, "literal": literal}
    filled = environment.get_template(template.name).render(values)
    return re.sub(r"\n{3,}", "\n\n", filled)


def text(value: object) -> Markup:
    """A value on one line that reads as it is written, anywhere in a paragraph or a table."""
    if isinstance(value, Markup):
        return value
    escaped = SPECIAL.sub(lambda match: "\\" + match[0], one_line(value))
    return Markup(BLOCK.sub(lambda match: match[0] + "\\", escaped))


def code(value: object) -> Markup:
    """A digest or a label as code; what could leave the backticks stays text."""
    plain = re.fullmatch(r"[\w .:/@-]+", str(value))
    return Markup(f"`{value}`") if plain else text(value)


def literal(value: str) -> Markup:
    """A Python string literal on one line of ASCII."""
    return Markup(json.dumps(value))
