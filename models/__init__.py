"""PyTorch side of hwsim: bit-exact training of integer tickets. Needs `pip install 'hwsim[train]'`."""

try:
    import torch as _torch  # noqa: F401
except ImportError as error:
    from hwsim.errors import MissingToolError

    raise MissingToolError("hwsim.models needs PyTorch: pip install 'hwsim[train]'") from error

from hwsim.models.model import InhibitorTransformer, emulate
from hwsim.models.operators import run_operator

__all__ = ["InhibitorTransformer", "emulate", "run_operator"]
