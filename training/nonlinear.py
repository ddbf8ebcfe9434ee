"""IQ4_NL, llama.cpp's 4-bit weights on a grid that is finer near zero: half the bytes of Q8_0, which decoding reads.

gguf reads this format, but does not write it. A block is 32 weights: a float16 scale, then for each weight the
number of its grid value, the first sixteen in the low halves of as many bytes and the others in the high ones
(ggml-quants.c, quantize_row_iq4_nl_impl).
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

BLOCK = 32
GRID = np.array(
    [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113],
    np.float32,
)
_NEAREST = np.abs(np.arange(-128, 128, dtype=np.float32)[:, None] - GRID).argmin(axis=1).astype(np.uint8)
"""The number of the grid value nearest to each whole number from -128 to 127."""
_ENDS = (-127.0, -118.0, -109.0, 113.0, 105.0, 97.0)
"""Where on the grid a block's largest weight is tried: the scale that errs least is kept."""
_ROWS = 1 << 15
"""Blocks at a time, so that what is worked out in between stays in the cache."""


def quantize(weights: Floats) -> npt.NDArray[np.uint8]:
    """The rows of `weights` (rows, columns), columns a multiple of 32, as packed bytes (rows, columns / 32 · 18)."""
    rows, columns = weights.shape
    if columns % BLOCK:
        raise ValueError(f"IQ4_NL packs 32 weights at a time; a row has {columns}")
    blocks = weights.reshape(-1, BLOCK)
    with ThreadPoolExecutor() as pool:
        packed = pool.map(_packed, [blocks[at : at + _ROWS] for at in range(0, len(blocks), _ROWS)])
        return np.concatenate(list(packed)).reshape(rows, -1)


def _packed(blocks: Floats) -> npt.NDArray[np.uint8]:
    largest = np.take_along_axis(blocks, np.abs(blocks).argmax(axis=1)[:, None], axis=1)
    scale, least = np.zeros_like(largest), np.full_like(largest, np.inf)
    for end in _ENDS:
        values = GRID[_numbers(blocks, largest / end)]
        # Of all scales of these values the one with the least squares.
        fitted = (values * blocks).sum(axis=1, keepdims=True) / (values * values).sum(axis=1, keepdims=True)
        error = np.square(fitted * values - blocks).sum(axis=1, keepdims=True)
        better = error < least
        scale, least = np.where(better, fitted, scale), np.where(better, error, least)
    halves = scale.astype(np.float16)
    numbers = _numbers(blocks, halves.astype(np.float32))
    paired = numbers[:, : BLOCK // 2] | (numbers[:, BLOCK // 2 :] << 4)
    return np.concatenate([halves.view(np.uint8), paired], axis=1)


def _numbers(blocks: Floats, scale: Floats) -> npt.NDArray[np.uint8]:
    """The number of the nearest grid value of each weight at `scale` (blocks, 1)."""
    inverse = np.divide(1, scale, out=np.zeros_like(scale), where=scale != 0)
    whole = np.clip(np.rint(blocks * inverse), -128, 127).astype(np.int16) + 128
    return _NEAREST[whole]
