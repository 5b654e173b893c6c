"""How fast rows are curated and checked, what near-duplicates are found, and what is named in vain.

    python -m benchmarks.curation [--rows 100000] [--embedded 2000]   # clean, dedupe, split, gate
    python -m benchmarks.curation --near [--rows 20000]     # recall and precision, beside MinHash
    python -m benchmarks.curation --clean FILE… [--show COLUMN]   # share of rows that checks name

Rows are triplets of instruction, input and answer with the lengths of a bank's FAQ, of which 10 %
are near-duplicates of another one (benchmarks/faq_texts.py). The embedder looks at a stratified
sample, whose size is said. `--near` compares with datasketch and rensa where these are installed.
`--clean` reads JSON Lines, lists of objects as JSON, and conversations as YAML (chatterbot-corpus).
With `-m`, from the project's folder: as a script, this file would be taken for package `curation`.
"""

import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import combinations, pairwise
from pathlib import Path

import yaml

from benchmarks.faq_texts import EDITS, Triplet, triplets
from benchmarks.frame import arguments
from curation.checks.contract import Contract, check
from curation.checks.contract_tables import TOLD, tables_of
from curation.checks.embeddings import RowEmbedder
from curation.checks.relevance import CheckReferences, suite_prompts
from curation.curate import curate
from curation.curation_settings import CurateParams
from curation.kinship import family_names
from curation.sifting import clean
from curation.sources.row_formats import read_row, read_rows
from project.model_pins import ModelChoice, locate
from project.near_duplicates import near_duplicates, word_sets
from project.records.data import Row, Split
from project.settings import read_settings
from project.unicode_words import words

CONTRACT = Path("datasets/contracts/sft.yaml")
SIMILARITY = 0.8
PERMUTATIONS = 128  # of MinHash: datasketch's default

Pairs = set[tuple[int, int]]
Way = Callable[[list[Triplet]], Pairs]


def main() -> None:
    given = arguments(
        __doc__,
        rows=int,
        near=False,
        clean=[Path],
        show=str,
        embedded=CheckReferences().embedded_rows,
        measure=Path,
    )
    if given.measure:
        measure(given.measure, given.embedded)
    elif given.near:
        compare(given.rows or 20_000)
    elif given.clean:
        name_clean_rows(given.clean, given.show)
    else:
        time_phases(given.rows or 100_000, given.embedded)


# --- speed and memory -----------------------------------------------------------------------------


def time_phases(count: int, embedded: int) -> None:
    """In a process of its own, whose memory is that of the phases alone."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "faq.jsonl"
        with file.open("w") as lines:
            lines.writelines(f"{json.dumps(as_alpaca(one))}\n" for one in triplets(count))
        command = [sys.executable, "-m", "benchmarks.curation", "--embedded", str(embedded)]
        subprocess.run([*command, "--measure", str(file)], check=True)


def as_alpaca(one: Triplet) -> dict[str, str]:
    return {"instruction": one.instruction, "input": one.input, "output": one.output}


def measure(file: Path, embedded: int) -> None:
    print("| phase | wall time | processor time | peak memory until then |")
    print("| --- | --- | --- | --- |")
    params = CurateParams()
    with measured("read"):
        rows = list({row.id: row for row in read_rows(file)}.values())
    started = time.monotonic(), time.process_time()
    with measured("clean"):
        rows = list(map(clean, rows))
    with measured("dedupe, split"):
        parts = curate(rows, {}, params).parts
    with measured("gate: columns"):
        tables = tables_of(parts, compared(embedded))
    with measured("gate: checks"):
        checks = check(tables, read_settings(Contract, CONTRACT))
    say("all but reading", *started)
    print(f"{len(rows):,} rows, {len(checks)} checks, {len(tables.rows):,} rows in the parts")
    print("; ".join(sorted(set(tables.notes.values()))))


@contextmanager
def measured(what: str) -> Iterator[None]:
    started = time.monotonic(), time.process_time()
    yield
    say(what, *started)


def say(what: str, wall: float, busy: float) -> None:
    wall, busy = time.monotonic() - wall, time.process_time() - busy
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # given in KiB
    print(f"| {what} | {wall:.1f} s | {busy:.1f} s | {peak:.2f} GiB |", flush=True)


def compared(embedded: int = CheckReferences().embedded_rows) -> CheckReferences:
    embedder = RowEmbedder(locate(ModelChoice(), "embedder")) if embedded else None
    return CheckReferences(suites=suite_prompts(), embed=embedder, embedded_rows=embedded)


# --- near-duplicates ------------------------------------------------------------------------------


def compare(count: int) -> None:
    made = list(triplets(count))
    planted = {(one.of, i): one.kind for i, one in enumerate(made) if one.kind in EDITS}
    kin = related(made)
    print("| found by | seconds | " + " | ".join(EDITS) + " | recall | precision |")
    print("| --- " * (len(EDITS) + 4) + "|")
    ways: dict[str, Way] = {"families of rows": by_families, "answers, exact": exact}
    ways |= {"answers, " + name: way for name, way in OTHERS.items() if find_spec(name)}
    for name, way in ways.items():
        start = time.process_time()
        found = way(made)
        print(line(name, time.process_time() - start, found, planted, kin), flush=True)


def related(made: list[Triplet]) -> Pairs:
    """The pairs of near-duplicates, and of two near-duplicates of one text."""
    of = defaultdict(list)
    for i, one in enumerate(made):
        if one.kind != "sibling":
            of[one.of if one.of is not None else i].append(i)
    return {pair for family in of.values() for pair in combinations(sorted(family), 2)}


def line(
    name: str, seconds: float, found: Pairs, planted: dict[tuple[int | None, int], str], kin: Pairs
) -> str:
    total = Counter(planted.values())
    there = Counter(kind for pair, kind in planted.items() if pair in found)
    shares = [f"{there[kind] / total[kind]:.1%}" for kind in EDITS]
    recall = f"{there.total() / total.total():.2%}"
    precision = f"{len(found & kin) / max(len(found), 1):.2%}"
    return "| " + " | ".join([name, f"{seconds:.1f}", *shares, recall, precision]) + " |"


def by_families(made: list[Triplet]) -> Pairs:
    rows = [
        Row.of(f"{one.instruction}\n\n{one.input}", one.output, group=str(i), source="faq")
        for i, one in enumerate(made)
    ]
    families = defaultdict(list)
    for i, name in enumerate(family_names(rows)):
        families[name].append(i)
    return {pair for family in families.values() for pair in combinations(family, 2)}


def exact(made: list[Triplet]) -> Pairs:
    prints = word_sets(one.output for one in made)
    rows, columns = near_duplicates(prints, prints, SIMILARITY).coords
    return {(i, j) for i, j in zip(rows.tolist(), columns.tolist(), strict=True) if i < j}


def datasketch(made: list[Triplet]) -> Pairs:
    """As its documentation has it: 128 permutations of the words, and its own choice of bands."""
    from datasketch import MinHash, MinHashLSH

    index, found = MinHashLSH(threshold=SIMILARITY, num_perm=PERMUTATIONS), set[tuple[int, int]]()
    prints = MinHash.bulk(
        ([word.encode() for word in words(one.output)] for one in made),
        num_perm=PERMUTATIONS,
    )
    for i, print_ in enumerate(prints):
        found |= {(j, i) for j in index.query(print_)}
        index.insert(i, print_)
    return found


def rensa(made: list[Triplet]) -> Pairs:
    from rensa import RMinHash, RMinHashLSH

    index = RMinHashLSH(threshold=SIMILARITY, num_perm=PERMUTATIONS, num_bands=16)
    found = set[tuple[int, int]]()
    for i, one in enumerate(made):
        print_ = RMinHash(num_perm=PERMUTATIONS, seed=0)
        print_.update(words(one.output))
        found |= {(j, i) for j in index.query(print_)}
        index.insert(i, print_)
    return found


OTHERS: dict[str, Way] = {"datasketch": datasketch, "rensa": rensa}


# --- false alarms ---------------------------------------------------------------------------------


def name_clean_rows(files: Iterable[Path], shown: str | None) -> None:
    for file in files:
        rows = read_any(file)
        table = tables_of({Split.TRAIN: rows}, compared()).rows
        print(f"\n{file.name}, {len(rows):,} rows")
        for column in sorted(TOLD & set(table.columns)):
            named = [i for i, value in enumerate(table[column]) if value not in (None, "none")]
            if named:
                print(f"  {column:22} {len(named):5}  {len(named) / len(rows):.2%}")
            for i in named if column == shown else ():
                print(f"    {rows[i].id} ({table[column][i]})")
                print(f"      {rows[i].prompt_text!r}\n      {rows[i].completion_text!r}")


def read_any(file: Path, most: int = 1_300) -> list[Row]:
    """At most so many rows of a file, drawn by lot."""
    rows = list(rows_of(file))
    return random.Random(0).sample(rows, min(most, len(rows)))


def rows_of(file: Path) -> Iterator[Row]:
    if file.suffix == ".jsonl":
        yield from read_rows(file)
        return
    text = file.read_text(encoding="utf-8")
    told = json.loads(text) if file.suffix == ".json" else pairs(yaml.safe_load(text))
    for number, one in enumerate(told, start=1):
        yield read_row(json.dumps(one).encode(), file, number)


def pairs(corpus: dict[str, list[list[str]]]) -> Iterator[dict[str, str]]:
    """What is said in a conversation, each time with the reply to it."""
    for said in corpus["conversations"]:
        for prompt, reply in pairwise(said):
            yield {"prompt": str(prompt), "completion": str(reply)}


if __name__ == "__main__":
    main()
