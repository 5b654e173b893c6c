"""Pictures of the pages: a comment `<!-- picture NAME: what is seen on it -->` becomes the picture,
where docs/pictures.py made it. GitHub, which has no pictures, shows nothing there.
"""

import os
import re
from pathlib import Path

from sphinx.application import Sphinx

MARK = re.compile(r"^<!-- picture ([a-z-]+): (.+?) -->$", re.MULTILINE | re.DOTALL)


def show_pictures(app: Sphinx, page: str, source: list[str]) -> None:
    folder = app.srcdir / app.config.pictures
    here = app.env.doc2path(page).parent

    def shown(mark: re.Match[str]) -> str:
        file, seen = Path(folder, f"{mark[1]}.png"), " ".join(mark[2].split())
        address = os.path.relpath(file, here)
        return f"[![{seen}]({address})]({address})" if file.exists() else ""

    source[0] = MARK.sub(shown, source[0])


def setup(app: Sphinx) -> None:
    app.add_config_value("pictures", "docs/_build/pictures", "env", str)
    app.connect("source-read", show_pictures)
