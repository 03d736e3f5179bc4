"""`python -m hwsim.models.results`."""

from hwsim.errors import HwsimError, MissingToolError
from hwsim.models.results.commands import app

try:
    app()
except (HwsimError, MissingToolError, OSError) as error:
    raise SystemExit(f"hwsim: {error}") from error
