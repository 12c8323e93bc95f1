"""Blocks to the workers of a Dask cluster, and back in order. One that dies loses nothing."""

from __future__ import annotations

import logging
import pickle
from collections import deque
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from autodiff_cli.batch.mapping import Mapper, Piece, Plan
from autodiff_cli.batch.workers import say
from autodiff_cli.errors import AdiffError, RunError, UsageError
from autodiff_cli.records import replace

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

WAITING = 4
"""Blocks that a core of the cluster has before it."""
RETRIES = 3
"""Times that a block is given to another worker when one dies of it."""
SECONDS = 10
"""After which a cluster that does not answer is none."""


def mapped(
    plan: Plan, names: Sequence[str], where: str, blocks: Iterable[Any], address: str
) -> Iterator[Piece]:
    """What the blocks come to, each worked on somewhere in the cluster, in their order.

    Raises:
        UsageError: there is no cluster at the address.
        RunError: a block was given up, as workers die of it.
    """
    try:
        import distributed
    except ImportError:
        raise UsageError(
            "--cluster needs Dask, which is not installed",
            help="pip install 'autodiff-cli[cluster]'",
        ) from None
    # It tells of workers that come and go, which is no business of the user's.
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    plan = replace(plan, settings=replace(plan.settings, on_print=say))
    task = pickle.dumps((plan, list(names), where))
    try:
        client: Any = distributed.Client(address, timeout=SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"--cluster {address}: no cluster answers there",
            help="start one with `dask scheduler` and `dask worker tcp://HOST:8786`",
        ) from error
    with client:
        most = WAITING * max(1, sum(client.ncores().values()))
        waiting: deque[Any] = deque()
        for block in blocks:
            if len(waiting) == most:
                yield _answer(waiting.popleft())
            waiting.append(client.submit(work, task, block, pure=False, retries=RETRIES))
        while waiting:
            yield _answer(waiting.popleft())


def _answer(future: Any) -> Piece:
    try:
        answer = future.result()
    except Exception as error:
        raise RunError(
            f"the cluster has given up a block of records: {type(error).__name__}",
            help="do its workers have enough memory, and the same version of adiff?",
        ) from None
    if isinstance(answer, AdiffError):
        raise answer
    assert isinstance(answer, Piece)
    return answer


def work(task: bytes, block: Any) -> Piece | AdiffError:
    """A block's work, on a worker of the cluster."""
    try:
        return _mapper(task).work(block)
    except AdiffError as error:
        return error


@lru_cache(maxsize=4)
def _mapper(task: bytes) -> Mapper:
    return Mapper(*pickle.loads(task))
