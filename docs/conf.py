"""Sphinx: `pip install '.[docs]'`, then `sphinx-build -W -b html docs docs/_build/html`."""

from hwsim import __version__

project = "hwsim"
author = "the hwsim authors"
release = __version__
extensions = ["myst_parser"]
myst_heading_anchors = 3
myst_enable_extensions = ["deflist"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"hwsim {release}"
