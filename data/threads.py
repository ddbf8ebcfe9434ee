"""Work for one thread, beside a language model whose own threads must not be held up."""

from contextlib import AbstractContextManager
from typing import Any


def single_threaded() -> AbstractContextManager[Any]:
    """OpenMP regions that this thread enters within the block run on it alone.

    A second OpenMP pool in the process, even an idle one, makes libgomp yield at every barrier of the first:
    it counts more threads than cores. The language model then decodes at two thirds of its speed, for good.
    """
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1, user_api="openmp")
