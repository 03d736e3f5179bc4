"""A static page that runs a ticket in the browser and shows who inhibits whom.

`build` writes the site, `serve` shows it on loopback; the page's own files are in `site/`.
"""

from hwsim.web.build import build
from hwsim.web.serve import Server

__all__ = ["Server", "build"]
