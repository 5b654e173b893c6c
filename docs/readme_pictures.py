"""The README's pictures: `python -m docs.readme_pictures` makes them anew, in `docs/readme/`.

`verdict.svg` is a terminal in which `incumbent decide --demo` is typed; `report-light.png` and
`report-dark.png` are the top of a report, in a real browser. They are the only pictures in git, for
GitHub shows no others; a test holds the terminal against what the command prints now.
"""

import os
import subprocess
import sys
import tempfile
from contextlib import chdir
from io import StringIO
from pathlib import Path

from playwright.sync_api import sync_playwright
from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from docs.pictures import ARGUMENTS, CHROMIUM, REPORT
from examples.bank.recorded_bank import make_bank
from project.files import write_bytes

FOLDER = Path(__file__).parent / "readme"
TYPED = "incumbent decide --demo"
COLUMNS = 106
# Readable on a light page and on a dark one: background, text, eight colours.
THEME = TerminalTheme(
    (22, 24, 27),
    (230, 232, 234),
    [
        *((22, 24, 27), (255, 133, 131), (76, 195, 138), (240, 180, 41)),
        *((127, 176, 255), (214, 160, 255), (110, 205, 220), (230, 232, 234)),
    ],
)
# Without the fonts that rich's own frame loads from elsewhere.
FRAME = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{
  font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: {char_height}px; line-height: {line_height}px;
}}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>
{lines}
</defs>
<rect width="{width}" height="{height}" rx="8" fill="#16181b"/>
<g transform="translate(18, 26)" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""
WIDTH, HEIGHT = 880, 620  # of what is shown of the report, in its pixels


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        write_bytes(FOLDER / "verdict.svg", terminal(TYPED, printed(TYPED)).encode())
        os.environ |= {"INCUMBENT_HOME": f"{folder}/.incumbent", "INCUMBENT_ACTOR": "ann"}
        make_bank()
        take_report(Path(REPORT).absolute().as_uri())


def printed(command: str) -> str:
    """What a command prints to a terminal with colours, in the current folder."""
    program, *words = command.split()
    terminal = {"FORCE_COLOR": "1", "TERM": "xterm-256color", "COLUMNS": str(COLUMNS)}
    return subprocess.run(
        [Path(sys.executable).with_name(program), *words],
        env=os.environ | terminal,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout


def terminal(command: str, output: str) -> str:
    """A terminal in which a command was typed, as SVG."""
    console = Console(record=True, width=COLUMNS, file=StringIO(), highlight=False)
    console.print(Text.assemble(("$ ", "dim"), (command, "bold")))
    console.print(Text.from_ansi(output))
    return console.export_svg(title="", theme=THEME, code_format=FRAME, unique_id="verdict")


def take_report(address: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        for scheme in ("light", "dark"):
            page = browser.new_page(
                viewport={"width": WIDTH, "height": HEIGHT},
                color_scheme="light" if scheme == "light" else "dark",
            )
            page.goto(address)
            page.screenshot(path=FOLDER / f"report-{scheme}.png")
        browser.close()


if __name__ == "__main__":
    main()
