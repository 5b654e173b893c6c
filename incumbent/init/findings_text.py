"""What was found in somebody's files, in words: the paragraphs that `init` shows."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from shlex import quote

from curation.account import total
from curation.checks.waivers import WAIVERS
from curation.curate_others import DOCUMENTS, PREFERENCES
from curation.sources.documents.read_documents import is_document
from incumbent.init.findings import Findings
from incumbent.init.limits import Limits, run_lines, sealed_lines
from incumbent.init.own_sources import LabelledLines, OwnFiles, file_lines, some
from project.records.data import Split, counted

MOST_FILES = 10  # named one by one
PARTS = {
    Split.TRAIN: "train: the model learns from these",
    Split.DEV: "dev: to look at, and to choose settings by",
    Split.SEALED: "sealed: kept unseen, for the decision alone",
}
SHOWS = "how surely the kept items show a true gain of a score, in the first comparison (look 1):"
BESIDE = {
    PREFERENCES: "preferences, to learn from behind the rows",
    DOCUMENTS: "passages of raw text, to learn from before the rows",
}


def own_file_lines(own: OwnFiles) -> LabelledLines:
    tables = own.tables
    lines = [line for table in tables[:MOST_FILES] for line in file_lines(table)]
    if len(tables) > MOST_FILES:
        lines.append(f"and {counted(len(tables) - MOST_FILES, 'file')} more")
    lines += [file.summary for file in own.files if not file.tables]
    if aside := [str(path) for file in own.files for path in file.aside]:
        lines.append(f"left aside, by their names: {some(aside)}")
    if texts := [path for file in own.files for path in file.aside if is_raw_text(path)]:
        lines.append(f"  raw text is learnt too where it is named: --from {quote(str(texts[0]))}")
    return LabelledLines("files" if max(len(own.files), len(tables)) > 1 else "file", lines)


def is_raw_text(path: Path) -> bool:
    """Whether it is a document, and none about the files beside it."""
    about = path.name.casefold().startswith(("readme", "licen", "change", "notice"))
    return is_document(path) and not about


def finding_lines(findings: Findings) -> Iterator[LabelledLines]:
    yield LabelledLines("records", list(account_lines(findings)))
    yield LabelledLines("conflicts", list(conflict_lines(findings)))
    yield LabelledLines("tokens", list(token_lines(findings.limits)))
    yield LabelledLines("slices", list(slice_lines(findings)))
    yield LabelledLines("contacts", list(contact_lines(findings)))
    yield LabelledLines("checks", [f"{findings.checks.answers}: {findings.checks.held}"])
    yield LabelledLines("note", findings.notes)
    yield LabelledLines("recipe", findings.recipe.why)


def outlook_lines(findings: Findings) -> Iterator[LabelledLines]:
    """The outlook under the settings in the current folder."""
    yield LabelledLines("a run", list(run_lines(findings.lengths, findings.others)))
    if lines := list(sealed_lines(len(findings.lengths[Split.SEALED]))):
        yield LabelledLines("sealed set", [SHOWS, *lines])


def account_lines(findings: Findings) -> Iterator[str]:
    """Numbers that add up to the records."""
    account = findings.account
    taken = Counter(fate.part for fate in account if fate.part)
    left = Counter(fate.why for fate in account if not fate.part)
    parts = PARTS | {name: words for name, words in BESIDE.items() if taken[name]}
    found = [(taken[part], words) for part, words in parts.items()]
    found += [(count, f"left out: {why}") for why, count in left.most_common()]
    width = len(f"{len(account):,}")
    yield total(account)
    yield from (f"  {count:>{width},} {words}" for count, words in found)
    yield (
        f"{findings.rehearsed} general rows are rehearsed beside them, so that the model forgets "
        "less of what it knows"
    )


def conflict_lines(findings: Findings) -> Iterator[str]:
    if findings.conflicts:
        prompts = counted(len(findings.conflicts), "prompt")
        yield (
            f"{prompts} with several answers, in {sum(findings.conflicts):,} rows: all are kept, "
            "those of a prompt together in one part (curation.curate.conflicts)"
        )


def token_lines(limits: Limits) -> Iterator[str]:
    yield f"99 % of the rows have at most {limits.rows:,}; base.max_length is {limits.max_length:,}"
    if limits.memory:
        yield "  more does not fit the memory here; longer rows are left out"
    elif limits.rows > limits.max_length:
        yield f"  the base reads {limits.window:,}, question and answer: longer rows are left out"
    yield (
        f"99 % of the answers have at most {limits.answers:,}; "
        f"max_new_tokens is {limits.max_new_tokens:,}"
    )
    if limits.cut and limits.answers > limits.max_new_tokens:
        yield f"  which cuts {counted(limits.cut, 'answer')}: no model could give them whole"


def slice_lines(findings: Findings) -> Iterator[str]:
    for name, values in findings.slices.items():
        yield f"{name}: {some([f'{value} {count:,}' for value, count in values.most_common()])}"


def contact_lines(findings: Findings) -> Iterator[str]:
    if ours := [*findings.ours.phones, *findings.ours.domains]:
        yield f"taken for your organisation's own, for several answers have them: {some(ours)}"
        yield f"  if one is a person's, take it out of {WAIVERS}"
    if findings.personal:
        yield "rows with other personal data are left out (curation.curate.personal_data)"
