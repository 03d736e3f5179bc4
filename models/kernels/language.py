"""The language of the kernels: Gluon, Triton with layouts, on a GPU; plain Triton where a CPU interprets it.

A layout says which thread holds which element of a tile. Triton's own choice follows the loads and stores and
differs between its versions; the kernels need one where each loaded number meets many others in registers.
What the two languages call differently has one name here: positions, empty tiles, and the scratch, a list of
vectors in shared memory, through which a program passes tiles between its threads.
"""

from __future__ import annotations

from typing import Any

import triton
from triton.language import constexpr, debug_barrier

INTERPRETED = triton.knobs.runtime.interpret
THREADS = 16
"""A tile is shared by THREADS x THREADS threads, and each side of it is a multiple of that."""
WARPS = THREADS * THREADS // 32
SCRATCHES = constexpr(4)
"""Of one program, at most."""
ROOM = constexpr(128 * 128)
"""Numbers in a scratch, at most."""

if INTERPRETED:
    import triton.language as gl

    jit: Any = triton.jit
    BY_ROWS = BY_COLUMNS = constexpr(None)

    def tile_layout(rows: int, columns: int) -> Any:
        """The interpreter has no threads."""
        return

    @jit
    def positions(count: constexpr, axis: constexpr, layout: constexpr):
        """0..count-1 along the rows (axis 0) or the columns (axis 1) of a tile."""
        return gl.arange(0, count)

    @jit
    def empty(rows: constexpr, columns: constexpr, kind: constexpr, layout: constexpr):
        """A tile of zeros."""
        return gl.zeros([rows, columns], kind)

    @jit
    def vector(rows: constexpr, layout: constexpr):
        """Zeros over the rows of a tile."""
        return gl.zeros([rows], gl.float32)

    @jit
    def as_rows_of(x, layout: constexpr):
        """A vector over the rows of one tile for another with the same rows."""
        return x

    @jit
    def scratch_of(
        memory, index: constexpr, vectors: constexpr, length: constexpr, kind: constexpr = gl.float32
    ):
        """Room for `vectors` of `length` numbers, the program's own."""
        room = memory + (gl.program_id(0) * SCRATCHES + index) * ROOM
        return room.to(gl.pointer_type(kind), bitcast=True)

    @jit
    def keep_rows(scratch, tile):
        """Put a tile into a scratch, a vector a row."""
        rows, columns = gl.arange(0, tile.shape[0]), gl.arange(0, tile.shape[1])
        gl.store(scratch + rows[:, None] * tile.shape[1] + columns[None, :], tile)

    @jit
    def keep_columns(scratch, tile):
        """Put a tile into a scratch, a vector a column."""
        rows, columns = gl.arange(0, tile.shape[0]), gl.arange(0, tile.shape[1])
        gl.store(scratch + columns[None, :] * tile.shape[0] + rows[:, None], tile)

    @jit
    def kept(scratch, index, length: constexpr, axis: constexpr, layout: constexpr):
        """A vector of a scratch along the rows (axis 0) or the columns (axis 1) of a tile."""
        return gl.load(scratch + index * length + gl.arange(0, length))

else:
    from triton.experimental import gluon
    from triton.experimental.gluon import language as gl

    jit = gluon.jit
    BY_ROWS = constexpr(gl.BlockedLayout([1, 4], [2, 16], [WARPS, 1], [1, 0]))
    """For `keep_rows`: threads side by side load neighbours in memory, and store them so."""
    BY_COLUMNS = constexpr(gl.BlockedLayout([1, 4], [32, 1], [2, WARPS // 2], [1, 0]))
    """For `keep_columns`: threads side by side store neighbours, so no two meet in a bank."""

    def tile_layout(rows: int, columns: int) -> Any:
        """Up to 4 x 4 neighbours for a thread, for loads of 16 bytes; repeated over a larger tile."""
        block = [max(1, min(4, side // THREADS)) for side in (rows, columns)]
        return gl.BlockedLayout(block, [4, 8], [4, 2], [1, 0])

    @jit
    def positions(count: constexpr, axis: constexpr, layout: constexpr):
        """0..count-1 along the rows (axis 0) or the columns (axis 1) of a tile."""
        return gl.arange(0, count, layout=gl.SliceLayout(1 - axis, layout))

    @jit
    def empty(rows: constexpr, columns: constexpr, kind: constexpr, layout: constexpr):
        """A tile of zeros."""
        return gl.full([rows, columns], 0, kind, layout)

    @jit
    def vector(rows: constexpr, layout: constexpr):
        """Zeros over the rows of a tile."""
        return gl.full([rows], 0, gl.float32, gl.SliceLayout(1, layout))

    @jit
    def as_rows_of(x, layout: constexpr):
        """A vector over the rows of one tile for another with the same rows."""
        return gl.convert_layout(x, gl.SliceLayout(1, layout))

    @jit
    def scratch_of(
        memory, index: constexpr, vectors: constexpr, length: constexpr, kind: constexpr = gl.float32
    ):
        """Room for `vectors` of `length` numbers, the program's own: shared memory, until its last use."""
        layout: constexpr = gl.SwizzledSharedLayout(1, 1, 1, [1, 0])
        return gl.allocate_shared_memory(kind, [vectors, length], layout)

    @jit
    def keep_rows(scratch, tile):
        """Put a tile into a scratch, a vector a row."""
        debug_barrier()
        scratch.store(tile)
        debug_barrier()  # here, or the compiler puts one into each loop that reads the scratch

    @jit
    def keep_columns(scratch, tile):
        """Put a tile into a scratch, a vector a column."""
        keep_rows(scratch.permute([1, 0]), tile)

    if hasattr(gl.shared_memory_descriptor, "reinterpret"):

        @jit
        def vectors_of(scratch, layout: constexpr):
            """A scratch as its vectors."""
            return scratch.reinterpret(scratch.dtype, scratch.shape, layout)

    else:  # its name before Triton 3.7

        @jit
        def vectors_of(scratch, layout: constexpr):
            """A scratch as its vectors."""
            return scratch._reinterpret(scratch.dtype, scratch.shape, layout)

    @jit
    def kept(scratch, index, length: constexpr, axis: constexpr, layout: constexpr):
        """A vector of a scratch along the rows (axis 0) or the columns (axis 1) of a tile."""
        plain: constexpr = gl.SwizzledSharedLayout(1, 1, 1, [0])
        return vectors_of(scratch, plain).index(index).load(gl.SliceLayout(1 - axis, layout))
