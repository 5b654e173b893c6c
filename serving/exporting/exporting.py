"""A version written in an engine's form, and held against what was judged before it leaves."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from evaluation.decision.policy import Policy
from evaluation.evaluation_settings import Decoding
from evaluation.generation.answers import Answer
from evaluation.generation.backends.backend import Packing
from evaluation.generation.backends.own_llama import SIDE_BY_SIDE, find_server
from evaluation.scoring.scorers import Scorer
from project.canonical import digest_files
from project.model_pins import context_window
from project.records.adapters import AdapterVersion, Precision
from project.records.data import Row
from project.records.evidence import MetricEvidence
from project.settings import load
from project.shown_passages import all_with_passages
from registry.lineage import Lineage
from registry.model_card import render_markdown
from registry.reader import RegistryReader
from serving.exporting.export_forms import (
    UNKNOWN_CONTEXT,
    WEIGHTS,
    base_of,
    merged_aside,
    write_adapter,
    write_merged,
    write_start,
    write_template,
)
from serving.exporting.judged_answers import (
    Columns,
    JudgedAnswers,
    changes,
    columns,
    judged_answers,
    judged_decoding,
    refuse_loss,
    refuse_outside,
    score_again,
    shown,
    text_scorers,
)
from serving.exporting.server_answers import by_llama_cpp, by_replicas, pool_of
from serving.exporting.start_scripts import (
    FILE,
    MODEL,
    ExportedForm,
    Form,
    FormAnswers,
    Rescoring,
    RescoringRequest,
    by_peft,
    by_transformers,
    waited_for,
)
from serving.serving_settings import ServingParams

TEMPLATE = Path(__file__).parent / "templates" / "as_exported.md"


@dataclass(frozen=True)
class Plan:
    """All that can be found missing before the work begins."""

    form: Form
    version: AdapterVersion
    judged: JudgedAnswers
    decoding: Decoding
    scorers: Sequence[Scorer]
    base: Path
    precision: Precision
    policy: Policy
    packing: Packing
    judge: bool  # what it lost is measured item by item

    @property
    def asked(self) -> Sequence[Row]:
        """The dev items as the version was asked them, with their passages."""
        return all_with_passages(self.judged.rows, self.version.adapter.evidence_template)


def plan(lineage: Lineage, form: Form, scoring: Rescoring) -> Plan:
    """Raises InputError or IncumbentError where something is missing, with what to do."""
    # Imported here because an export that nobody scores again does without it.
    from training.precision import choose_numerics

    if form == "vllm":
        pool_of(load(ServingParams), lineage.version.adapter.base)
    if form == "gguf":
        find_server()
    policy = load(Policy)
    return Plan(
        form=form,
        version=lineage.version,
        judged=judged_answers(lineage),
        decoding=judged_decoding(lineage),
        scorers=text_scorers(),
        base=base_of(lineage.version),
        precision=choose_numerics().precision,
        policy=policy,
        packing=scoring.packing,
        judge=scoring.judge or bool(policy.export_loss),
    )


def write_form(registry: RegistryReader, planned: Plan, draft: Path) -> FormAnswers:
    """Write the files into an empty folder, and let the form's engine answer the dev items."""
    version, base = planned.version, planned.base
    if planned.form == "gguf":
        answered = write_gguf_file(registry, planned, draft)
    elif planned.form == "merged":
        write_merged(registry.artifacts, version, draft, planned.precision)
        answered = by_transformers(question(planned), draft)
    else:
        write_adapter(registry, version, draft)
        answered = answers_of_adapter(registry, planned, draft)
    write_start(planned.form, version, base, draft, planned.decoding, planned.precision)
    return answered


def answers_of_adapter(registry: RegistryReader, planned: Plan, draft: Path) -> FormAnswers:
    if planned.form == "peft":
        return by_peft(question(planned), planned.base, draft)
    write_template(planned.version, planned.base, draft)
    params = load(ServingParams)
    pool = pool_of(params, planned.version.adapter.base)
    asking = by_replicas(question(planned), registry.artifacts, params, pool)
    return waited_for(asking, "vLLM")


def write_gguf_file(registry: RegistryReader, planned: Plan, draft: Path) -> FormAnswers:
    # Imported here because other forms do without gguf and transformers.
    from evaluation.generation.backends.gguf_file import longest_prompt, write_gguf
    from serving.exporting.ollama_modelfile import write_modelfile

    label, packing = planned.version.label, planned.packing

    def answers(model: Path) -> FormAnswers:
        # Of a quantised file, answers that share a step may differ from one time to the next.
        together = SIDE_BY_SIDE if packing == "f16" else 1
        asking = by_llama_cpp(question(planned), find_server(), model, longest, together)
        return waited_for(asking, "llama.cpp's server")

    with merged_aside(registry.artifacts, planned.version) as merged:
        longest = longest_prompt(merged, planned.asked) + planned.decoding.max_new_tokens
        write_gguf(merged, draft / MODEL, label, packing)
        window = context_window(planned.base) or UNKNOWN_CONTEXT
        write_modelfile(merged, draft, planned.decoding, window)
        answered = answers(draft / MODEL)
        if packing == "f16" or not planned.judge:
            return answered
        whole = merged.with_name(MODEL)
        write_gguf(merged, whole, label)
        return replace(answered, in_f16=answers(whole).answers)


def question(planned: Plan) -> RescoringRequest:
    return RescoringRequest(planned.version, planned.asked, planned.decoding, planned.precision)


def check(planned: Plan, answered: FormAnswers, draft: Path, margin: float | None) -> ExportedForm:
    """Raises IncumbentError where the form scores otherwise than the version was judged."""
    label, judged = planned.version.label, planned.judged
    scores = score_again(judged, answered.answers, planned.scorers)
    if margin is not None:
        refuse_outside(scores, margin, label, planned.form)
    exported = ExportedForm(
        version=label,
        adapter=planned.version.adapter.files,
        form=planned.form,
        engine=answered.engine,
        libraries=answered.libraries,
        weights=digest_files(draft, sorted(p.name for kind in WEIGHTS for p in draft.glob(kind))),
        decoding=planned.decoding,
        items=len(judged.rows),
        same_answers=same(judged, answered.answers),
        margin=margin,
        scores=scores,
        not_scored=tuple(sorted(set(judged.gating) - {score.metric for score in scores})),
        quantized=None if planned.packing == "f16" else planned.packing,
    )
    return judge(planned, answered, exported) if planned.judge else exported


def judge(planned: Plan, answered: FormAnswers, exported: ExportedForm) -> ExportedForm:
    """With what it lost, item by item. Raises IncumbentError where the policy forbids that."""
    judged, scorers, policy = planned.judged, planned.scorers, planned.policy
    metrics = [score.metric for score in exported.scores]
    metrics += [metric for metric in policy.export_loss or () if metric in judged.scores]
    after = columns(judged, answered.answers, scorers)

    def against(before: Columns) -> dict[str, MetricEvidence]:
        names = [metric for metric in dict.fromkeys(metrics) if metric in after]
        return changes(judged, before, after, names, scorers, policy)

    lost = against(judged.scores)
    told = exported.model_copy(
        update={"changes": shown(lost, scorers, policy), "alpha": policy.alpha}
    )
    refuse_loss(lost, policy, f"{exported.version} as {planned.form}", told.change_tables)
    if answered.in_f16 is None:
        return told
    cost = against(columns(judged, answered.in_f16, scorers))
    return told.model_copy(update={"by_quantization": shown(cost, scorers, policy)})


def same(judged: JudgedAnswers, answers: Sequence[Answer]) -> int:
    first = [answer.text for answer in answers if answer.sample == 0]
    return sum(a == b for a, b in zip(judged.answers, first, strict=True))


def write_papers(exported: ExportedForm, system_prompt: str | None, draft: Path) -> str:
    """What is said of it for programs; returns what the model card says of it."""
    exported.write(draft / FILE)
    itself = system_prompt is not None
    return render_markdown(TEMPLATE, exported=exported, prompts_itself=itself)
