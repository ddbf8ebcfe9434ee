"""Work for one thread, beside a language model whose own threads must not be held up."""

import sys
from contextlib import AbstractContextManager
from functools import lru_cache
from typing import Any


def single_threaded() -> AbstractContextManager[Any]:
    """OpenMP regions that this thread enters within the block run on it alone.

    A second OpenMP pool in the process, even an idle one, makes libgomp yield at every barrier of the first:
    it counts more threads than cores. The language model then decodes at two thirds of its speed, for good.
    """
    limited: AbstractContextManager[Any] = _pools(len(sys.modules)).limit(limits=1, user_api="openmp")
    return limited


@lru_cache(maxsize=1)
def _pools(_modules: int) -> Any:
    """The process's thread pools: finding them takes milliseconds, so they are sought anew only after an import."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
