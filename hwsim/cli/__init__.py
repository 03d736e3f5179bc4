"""The `hwsim` command: the outermost layer, which imports everything else when it is needed."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from hwsim.errors import HwsimError, MissingToolError


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 success, 1 bad input or a difference found, 2 usage, 130 Ctrl-C.

    An expected error is one line on stderr; only a fault of hwsim itself shows a traceback.
    """
    from hwsim.cli.app import app

    try:
        app(args=arguments, prog_name="hwsim")
    except (HwsimError, MissingToolError, OSError) as error:
        print(f"hwsim: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
