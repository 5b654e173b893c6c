"""Pages are filled in from templates, each of which is compiled once."""

from pathlib import Path

from project.html import environment_of, render


def test_values_are_escaped_and_a_template_is_compiled_once(tmp_path: Path) -> None:
    template = tmp_path / "greeting.html"
    template.write_text("<p>{{ name }}</p>")
    assert render(template, name="<b>") == "<p>&lt;b&gt;</p>"
    environment = environment_of(tmp_path)
    compiled = environment.get_template("greeting.html")
    assert render(template, name="you") == "<p>you</p>"
    assert environment.get_template("greeting.html") is compiled


def test_folders_have_templates_of_their_own_and_share_the_frame(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "page-of.html").write_text(name)
    assert [render(tmp_path / name / "page-of.html") for name in ("a", "b")] == ["a", "b"]
