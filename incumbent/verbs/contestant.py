"""`incumbent registry add-contestant`: a version without an adapter, such as a hosted model."""

import sys
import tempfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial
from math import isfinite
from pathlib import Path
from typing import Annotated, Literal

import typer

from evaluation.evaluation_settings import Decoding, server_url
from evaluation.generation.backends.backend import ChatReply
from evaluation.generation.hosted import (
    LETTERS,
    AnswerBudget,
    Interview,
    KeptModel,
    Price,
    Reply,
    answer_folder,
    fingerprints_of,
    most_tokens,
    requests_of,
    samples_of,
)
from evaluation.repeated_questions import REPEATS, RepeatedQuestion, questions_to_repeat
from evaluation.score import eval_set_of
from evaluation.suites.every_suite import GENERAL, suites_on
from incumbent.importing.writers import rows_in
from incumbent.mirroring.mirror import mirror
from incumbent.options import Json, Reason, saying_what_stays
from incumbent.output import AT_WORK, print_json, say
from project.canonical import digest_folder
from project.errors import InputError
from project.files import home, locked
from project.item_prompts import refuse_told_answers
from project.model_pins import BaseChoice, pin
from project.paths import BASE, CURATED, DATASET, rows_of
from project.records.adapters import (
    SHEET,
    AdapterVersion,
    Contestant,
    ContestantSheet,
    HostedModel,
    ModelPin,
)
from project.records.data import DatasetVersion, Row, Split, counted
from project.records.events import SealedConsent
from project.records.record import write_records
from project.settings import load
from project.shown_passages import all_with_passages, index_shown, usable_template
from registry.store import Registry

DEV_ANSWERS = "dev-answers.jsonl"  # beside the sheet of a hosted model: they leave with an export


@dataclass(frozen=True)
class AskingTerms:
    """On which a hosted model is asked."""

    budget: AnswerBudget
    send_sealed: bool | None  # None: nobody has said
    yes: bool


@saying_what_stays("interrupted: the answers so far are kept; run it again to go on")
def add_contestant(
    hosted: Annotated[
        str | None, typer.Option(help="A model behind OpenAI's API, by its name there.")
    ] = None,
    url: Annotated[
        str, typer.Option(help="Of --hosted: the server, up to and with /v1.")
    ] = "https://api.openai.com/v1",
    key_variable: Annotated[
        str | None,
        typer.Option(help="Of --hosted: the environment variable that holds the key."),
    ] = None,
    system_prompt: Annotated[
        Path | None, typer.Option(help="A text file; the project's system prompt if left out.")
    ] = None,
    evidence_template: Annotated[
        str | None,
        typer.Option(help="A text file, or `default`: how passages are shown."),
    ] = None,
    as_: Annotated[
        Literal["champion"] | None,
        typer.Option("--as", help="Make it the champion of a family that has none."),
    ] = None,
    price: Annotated[
        tuple[float, float] | None,
        typer.Option(help="Of a million prompt tokens, and of a million answer tokens."),
    ] = None,
    limit: Annotated[
        float | None,
        typer.Option(min=0.0, help="With --price: stop before it costs more."),
    ] = None,
    send_sealed: Annotated[
        bool | None,
        typer.Option(
            "--send-sealed/--keep-sealed",
            help="Whether the sealed items' prompts may go to that server.",
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before answers cost.")] = False,
    reason: Reason = "added by hand",
    as_json: Json = False,
) -> None:
    """Register what answers without an adapter of ours: a hosted model, or a prompt on the base.

    $ incumbent registry add-contestant --hosted gpt-4o-mini --key-variable OPENAI_API_KEY
    $ incumbent registry add-contestant --system-prompt polite.txt
    """
    shown = template_of(evidence_template)
    prompt = text_of(system_prompt) if system_prompt else load(BaseChoice).system_prompt
    if hosted is None and (system_prompt, evidence_template) == (None, None):
        raise InputError("say what answers: --hosted MODEL, or --system-prompt FILE for the base")
    if limit is not None and price is None:
        raise InputError("--limit is in money, so it needs --price PROMPT ANSWER")
    if not all(isfinite(number) and number >= 0 for number in price or ()):
        raise InputError("--price is two numbers, not below zero")
    terms = AskingTerms(AnswerBudget(Price(*price) if price else None, limit), send_sealed, yes)
    # Beside another one, the same questions would be paid twice.
    waits = partial(print, AT_WORK.format("add-contestant"), file=sys.stderr, flush=True)
    with locked(home() / "add-contestant.lock", waits), Registry.here() as registry:
        registry.roles.require("submit", registry.actor)
        if as_ and (champion := registry.champion()):
            raise InputError(
                f"{champion.label} is the champion: --as champion is for a family without one; "
                "without it the contestant is a challenger"
            )
        if as_:
            registry.roles.require("promote", registry.actor)
        if as_ and registry.four_eyes:
            raise InputError(
                "registry.four_eyes in params.yaml asks for a second person: add it without --as "
                "champion, and let somebody else type `incumbent promote N --force --reason …`"
            )
        refuse_told(prompt, shown)
        with tempfile.TemporaryDirectory(prefix="incumbent-contestant-") as place:
            folder = Path(place, "contestant")
            folder.mkdir()
            if hosted:
                model = HostedModel(url=url_of(url), model=hosted, key_variable=key_variable)
                contestant = Contestant(
                    base=model.pin,
                    system_prompt=prompt,
                    evidence_template=shown,
                    index=index_shown(shown),
                    bare=True,
                )
                sheet = interviewed(registry, contestant, terms, folder, reason)
            else:
                sheet = ContestantSheet(
                    base=ModelPin.read(BASE) if BASE.exists() else pin(load(BaseChoice), "base"),
                    system_prompt=prompt,
                    evidence_template=shown,
                    index=index_shown(shown),
                )
            sheet.write(folder / SHEET)
            adapter = sheet.adapter(digest_folder(folder))
            new = registry.version_of(adapter.files) is None
            version = registry.submit(adapter, folder, reason, sheet)
        if as_:
            registry.promote(version.number, reason, force=True, expected=0)
            mirror(version.number)
    if as_json:
        print_json({"version": version, "new": new, "sheet": sheet, "spent": terms.budget.spent})
    else:
        print_added(version, sheet, as_ is not None, new=new)


def print_added(
    version: AdapterVersion, sheet: ContestantSheet, champion: bool, *, new: bool
) -> None:
    say(f"{version.label}: {version.adapter}", str(sheet))
    if not new:
        say(f"{version.label} was registered before; nothing changed")
    if champion:
        say(
            f"{version.label} is the champion, without a verdict and marked so; train a challenger "
            "with `incumbent run`"
        )
    else:
        say(f"to compare it with the champion: incumbent registry reevaluate {version.number}")


# --- options --------------------------------------------------------------------------------------


def text_of(file: Path) -> str:
    try:
        text = file.read_text("utf-8").strip()
    except OSError as error:
        raise InputError(error.strerror or "cannot be read", file=file) from None
    except UnicodeDecodeError as error:
        raise InputError(f"is no UTF-8 text at byte {error.start}", file=file) from None
    if not text:
        raise InputError("is empty", file=file)
    return text


def template_of(option: str | None) -> str | None:
    if option is None:
        return load(BaseChoice).evidence_template
    try:
        return usable_template(option if option == "default" else text_of(Path(option)))
    except ValueError as error:
        raise InputError(str(error), file=Path(option)) from None


def url_of(option: str) -> str:
    try:
        return server_url(option)
    except ValueError as error:
        raise InputError(f"--url {option}: {error}") from None


def refuse_told(prompt: str | None, template: str | None) -> None:
    if rows_of(Split.SEALED).exists():
        texts = "\n\n".join(filter(None, (prompt, template))) or None
        refuse_told_answers(texts, Row.read_lines(rows_of(Split.SEALED)))


# --- hosted ---------------------------------------------------------------------------------------


def interviewed(
    registry: Registry, contestant: Contestant, terms: AskingTerms, folder: Path, reason: str
) -> ContestantSheet:
    """Ask a hosted model dev, the suites and, where a person lets them be sent, the sealed items.
    Its dev answers come into the folder, and all of them where a version's are kept.
    """
    # Imported here because it brings an index's libraries, which a prompt needs not.
    from evaluation.generation.retrieved_passages import asked_with

    hosted = contestant.base.hosted
    assert hosted is not None
    # Who answers once, and is read from then on, has no conversations.
    parts = {
        part: [row for row in rows_in(part) if not row.scenario]
        for part in (Split.DEV, Split.SEALED)
    }
    if DATASET.exists() and digest_folder(CURATED) != DatasetVersion.read(DATASET).rows:
        raise InputError("holds other rows than passed the gate: run `dvc repro`", file=CURATED)
    sealed = parts[Split.SEALED]
    if sealed and not consents(terms, hosted, len(sealed)):
        del parts[Split.SEALED]
    asked = [(asked_with(rows, contestant), samples_of(part)) for part, rows in parts.items()]
    asked += [(suite.rows(), 1) for suite in (GENERAL, *suites_on())]
    decoding = load(Decoding)
    requests = [
        request for rows, n in asked for request in requests_of(contestant, rows, decoding, n)
    ]
    repeated = questions_to_repeat(contestant, asked[0][0], decoding)
    changes = sum(
        registry.version(event.version).adapter.base == contestant.base
        for event in registry.history(kind="changed")
    )
    rounds = [
        Interview(
            hosted, {request.digest: request for request in chosen}, terms.budget, time, changes
        )
        for time, chosen in enumerate([requests, *[repeated] * REPEATS])
    ]
    confirm(rounds, terms)
    if Split.SEALED in parts:
        consent = SealedConsent(
            items=len(sealed),
            eval_set=eval_set_of(sealed).digest,
            url=hosted.url,
            model=hosted.model,
        )
        registry.record_consent(consent, reason)
    replies, *again = (interview.ask() for interview in rounds)
    check_replies(hosted, replies.values())
    times = [replies, *again]
    items = (
        RepeatedQuestion(
            request=request,
            texts=tuple(by_digest[request.digest].reply.text for by_digest in times),
        )
        for request in repeated
    )
    kept = contestant.model_copy(update={"answers": answer_folder(replies, items)})
    dev, samples = asked[0]
    model = KeptModel(kept, decoding, replies)
    answers = model.answer(all_with_passages(dev, kept.evidence_template), samples)
    write_records(folder / DEV_ANSWERS, answers)
    return sheet_of(kept, [answer.reply for answer in replies.values()])


def check_replies(hosted: HostedModel, replies: Collection[Reply]) -> None:
    empty = sum(not answer.reply.text.strip() for answer in replies)
    if empty == len(replies):
        raise InputError(f"{hosted.model} answered nothing but empty texts: see what it serves")
    if empty:
        tell(f"warning: {empty} of {len(replies)} answers are empty")
    if any(answer.counts is None for answer in replies):
        tell(f"warning: it does not count tokens; they are estimated by {LETTERS} letters each")


def sheet_of(contestant: Contestant, replies: Collection[ChatReply]) -> ContestantSheet:
    return ContestantSheet(
        base=contestant.base,
        system_prompt=contestant.system_prompt,
        evidence_template=contestant.evidence_template,
        index=contestant.index,
        answers=contestant.answers,
        served_as=tuple(sorted({reply.model for reply in replies if reply.model})),
        fingerprints=fingerprints_of(replies),
    )


def tell(line: str) -> None:
    """Beside what --json prints."""
    print(line, file=sys.stderr, flush=True)


def consents(terms: AskingTerms, hosted: HostedModel, items: int) -> bool:
    """Whether a person lets sealed prompts leave: their answers never do."""
    if terms.send_sealed is None and not sys.stdin.isatty():
        raise InputError(
            f"say whether the prompts of {counted(items, 'sealed item')} may be sent to "
            f"{hosted.url}: --send-sealed, without which no challenger can be judged against it, "
            "or --keep-sealed"
        )
    if terms.send_sealed is None:
        return typer.confirm(
            f"Send the prompts of {counted(items, 'sealed item')} to {hosted.url}, so that "
            "challengers can be judged against its answers? Whoever serves it can read them.",
            err=True,
        )
    return terms.send_sealed


def confirm(rounds: Sequence[Interview], terms: AskingTerms) -> None:
    """Say what is asked and what it may cost. Raises typer.Abort where nobody wants that."""
    missing = [request for interview in rounds for request in interview.missing]
    tokens, price = most_tokens(missing), terms.budget.price
    priced = f", about {price.of(tokens):.4g} at these prices" if price else ""
    kept = sum(len(interview.found) for interview in rounds)
    tell(
        f"{rounds[0].hosted.model} is asked {counted(len(missing), 'question')} ({kept} answers "
        f"are kept already): about {tokens.prompt} prompt tokens, and at most {tokens.answer} of "
        f"answers{priced}"
    )
    if not missing or terms.yes:
        return
    if not sys.stdin.isatty():
        raise InputError("say --yes to ask it")
    typer.confirm("Ask it?", abort=True, err=True)
