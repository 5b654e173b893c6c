"""The logs of `incumbent decide --demo`: what a model of 135M parameters answered to 60 questions
about Python APIs, with examples in its prompt and after its fine-tuning on the sample's rows.
"""

import csv
import io
import shlex
from dataclasses import dataclass
from pathlib import Path

from evaluation.other_logs.system_log import read_csv
from project.errors import InputError
from project.files import write_bytes

DEMO_LARGER = "The difference seems to be larger than that: see what all {} items say."
DEMO = (
    "Is a small model better after its fine-tuning than with examples in its prompt?\n"
    "Both answered questions about Python APIs; ROUGE-L compares with what was expected.\n"
)
ANSWERS = Path(__file__).with_name("demo-answers.csv")  # a column for each of SYSTEMS
FOLDER = Path("incumbent-demo")
SYSTEMS = ("few-shot", "tuned")
METRIC = "rougeL"
FEW = 20  # items: too few to settle it
ABOUT = ("item", "question", "expected")


@dataclass(frozen=True)
class DemoLogs:
    """Both systems' answers to so many items."""

    items: int
    paths: tuple[Path, Path]

    @property
    def arguments(self) -> str:
        """What to type after `incumbent decide`."""
        old, new = (shlex.quote(str(path)) for path in self.paths)
        return f"--from csv {old} {new} --metric {METRIC}"


def write_demo(folder: Path) -> tuple[DemoLogs, DemoLogs]:
    """Write the first answers, and all. Raises InputError where other files have the names."""
    rows = [row for _, row in read_csv(ANSWERS)]
    written = []
    for count in (FEW, len(rows)):
        paths = [folder / f"{system}-{count}.csv" for system in SYSTEMS]
        for path, system in zip(paths, SYSTEMS, strict=True):
            write_answers(path, rows[:count], system)
        written.append(DemoLogs(count, (paths[0], paths[1])))
    return written[0], written[1]


def write_answers(path: Path, rows: list[dict[str, str]], system: str) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow((*ABOUT, "answer"))
    writer.writerows([*(row[name] for name in ABOUT), row[system]] for row in rows)
    data = text.getvalue().encode()
    if path.exists() and path.read_bytes() != data:
        raise InputError("holds something else: name another folder after --demo", file=path)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, data)
