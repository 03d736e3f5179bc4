"""`python -m hwsim.models.science`."""

from hwsim.errors import HwsimError, MissingToolError
from hwsim.models.science.commands import app

try:
    app()
except (HwsimError, MissingToolError, OSError) as error:
    raise SystemExit(f"hwsim: {error}") from error
