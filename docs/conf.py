"""Sphinx: `pip install '.[docs]'`, then `sphinx-build -W -b html docs docs/_build/html`."""

from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from hwsim import __version__

try:
    import wavedrom
except ImportError:  # .ci/setup.sh docs installs it; without it the pages show the WaveJSON itself
    wavedrom = None

project = "hwsim"
author = "the hwsim authors"
release = __version__
extensions = ["myst_parser"]
myst_heading_anchors = 3
myst_enable_extensions = ["deflist"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"hwsim {release}"


class Timing(SphinxDirective):
    """A timing diagram from a file of WaveJSON beside the page, drawn here: no script, no network."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        name, path = self.env.relfn2path(self.arguments[0])
        self.env.note_dependency(name)
        if wavedrom is None:
            text = Path(path).read_text()
            return [nodes.literal_block(text, text, language="json")]
        drawn = wavedrom.render(Path(path).read_text())
        # Names wider than it thinks, in the reader's font, run out to the left.
        drawn["style"] = "overflow: visible"
        box = '<div style="overflow-x: auto; background: white; padding: 0.5em 0.5em 0.5em 2em">'
        return [nodes.raw("", f"{box}{drawn.tostring()}</div>", format="html")]


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.add_directive("timing", Timing)
