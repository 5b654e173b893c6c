"""The terminal in the README shows what the command prints now."""

from docs.readme_pictures import FOLDER, TYPED, printed, terminal


def test_the_terminal_shows_what_the_command_prints() -> None:
    again = "`python -m docs.readme_pictures` makes it anew"
    assert (FOLDER / "verdict.svg").read_text() == terminal(TYPED, printed(TYPED)), again
    assert (FOLDER / "verdict.svg").stat().st_size < 30_000


def test_the_report_is_there_for_light_and_dark_pages_and_small() -> None:
    for scheme in ("light", "dark"):
        file = FOLDER / f"report-{scheme}.png"
        assert file.read_bytes().startswith(b"\x89PNG")
        assert file.stat().st_size < 120_000
