"""The documentation site: `make docs` builds it from the repository's Markdown files.

The source folder is the whole repository, so that a link from a page to any other file of it leads
to that file, as it does on GitHub: to a page, or to a download.
"""

import sys
from importlib.metadata import version as version_of
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

project = "Incumbent"
version = release = version_of("incumbent")
root_doc = "docs/index"
include_patterns = [
    "docs/**.md",
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "datasets/*/README.md",
    "deploy/README.md",
    "examples/*/README.md",
]
exclude_patterns = [".*", "docs/_build", "outputs"]
extensions = [
    "myst_parser",
    "sphinx_copybutton",
    "docs.extension.code_links",
    "docs.extension.pictures_shown",
]
myst_heading_anchors = 4  # those that GitHub gives to headings
nitpicky = True
copybutton_prompt_text = r"\$ "
copybutton_prompt_is_regexp = True
copybutton_only_copy_prompt_lines = True
copybutton_copy_empty_lines = False

html_theme = "furo"
html_title = "Incumbent"
html_static_path = ["style"]
html_extra_path = ["front"]  # what leads from the site's root to docs/index.html
html_css_files = ["incumbent.css"]
html_js_files = ["reachable.js"]
html_show_search_summary = False  # it is fetched, which browsers refuse to a page that is a file
html_copy_source = False
html_show_copyright = False
