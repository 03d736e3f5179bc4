"""A ticket as one C99 file that needs no runtime: integers only, no allocation, sparse weights.

`operators.h` and `model.c` are the operators and their composition as in `hwsim.ops` and `hwsim.model`;
`source` writes the constants and puts the three together, `build` compiles and runs them.
"""

from hwsim.c99.source import Source, generate

__all__ = ["Source", "generate"]
