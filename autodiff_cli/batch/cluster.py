"""Records to the workers of a Dask cluster, and back in order. One that dies loses nothing."""

from __future__ import annotations

import dataclasses
import logging
import os
import pickle
from collections import deque
from functools import lru_cache
from threading import get_ident
from typing import TYPE_CHECKING, Any

from autodiff_cli.batch.mapping import Mapper, Piece, Plan, Totals, add_up
from autodiff_cli.batch.workers import say
from autodiff_cli.data.streams.partitions import can_part, parts_of
from autodiff_cli.errors import AdiffError, RunError, UsageError
from autodiff_cli.records import replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from autodiff_cli.data.streams.records import Header

WAITING = 2
"""Tasks that a core of the cluster has before it: what they come to is held here till its turn."""
RETRIES = 3
"""Times that a task is tried again which fails: where a worker dies, Dask gives it to another."""
GONE = ("CommClosedError", "CancelledError", "FutureCancelledError")
"""What Dask raises where there is no scheduler any more."""
SECONDS = 10
"""After which a cluster that does not answer is none."""


class Cluster:
    """The workers at an address, at work on a plan.

    Files in parts (CSV, Parquet) that all of them see are read by them; of others they are sent
    the blocks. Totals stay there, and are added up in pairs, pairs of pairs, and so on.

    Raises:
        UsageError: there is no cluster at the address, or nobody works there.
    """

    def __init__(self, plan: Plan, header: Header, where: str, address: str) -> None:
        try:
            import distributed
        except ImportError:
            raise UsageError(
                "--cluster needs Dask, which is not installed",
                help="pip install 'autodiff-cli[cluster]'",
            ) from None
        # It tells of workers that come and go, which is no business of the user's.
        for name in list(logging.root.manager.loggerDict):
            if name.startswith("distributed"):
                logging.getLogger(name).setLevel(logging.CRITICAL)
        try:
            self._client: Any = distributed.Client(address, timeout=SECONDS, set_as_default=False)
        except (OSError, ValueError) as error:
            raise UsageError(
                f"--cluster {address}: no cluster answers there",
                help="start one with `dask scheduler` and `dask worker tcp://HOST:8786`",
            ) from error
        try:
            self._client.wait_for_workers(1, timeout=SECONDS)
        except TimeoutError:
            self.end()
            raise UsageError(
                f"--cluster {address}: the cluster has no workers",
                help=f"start some with `dask worker {address}`",
            ) from None
        self._most = WAITING * sum(self._client.ncores().values())
        self._adds = bool(plan.reduce)
        plan = replace(plan, settings=replace(plan.settings, on_print=say))
        self._task = self._submit(bytes, pickle.dumps((plan, header, where)))
        self._sums: list[tuple[int, Any]] = []
        """Of the parts so far, each of 2^n of them, by n: the larger first."""

    def end(self) -> None:
        self._client.close()

    def parts(self, path: str, where: str, form: str, source: Any) -> Iterable[Any]:
        """What is to be sent for a file: its parts where the workers read it themselves."""
        if not can_part(path, form) or not self._is_seen(os.path.realpath(path)):
            return source.blocks()  # type: ignore[no-any-return]
        return parts_of(path, where, form, source, self._run)

    def _is_seen(self, path: str) -> bool:
        """Whether all workers have the same file there as we."""
        ours = seen(path)
        found = self._client.run(seen, path, on_error="ignore")  # of one that dies meanwhile
        return all(theirs == ours for theirs in found.values())

    def _run(self, function: Callable[..., Any], arguments: Iterable[Any]) -> Iterator[Any]:
        return self._answers(self._submit(attempt, function, *each) for each in arguments)

    def mapped(self, blocks: Iterable[Any]) -> Iterator[Piece]:
        """What blocks or parts come to, in their order; where they are added up, all but sums.

        Raises:
            RunError: one was given up, as workers die of it.
        """
        return self._answers(map(self._work, blocks))

    def _work(self, block: Any) -> Any:
        piece = self._submit(work, self._task, block)
        if not self._adds:
            return piece
        self._add(piece)
        return self._submit(without_totals, piece)

    def _add(self, totals: Any) -> None:
        count = 0
        while self._sums and self._sums[-1][0] == count:
            totals = self._submit(added, self._sums.pop()[1], totals)
            count += 1
        self._sums.append((count, totals))

    def totals(self) -> dict[Any, Totals]:
        """The totals of all that was mapped."""
        if not self._sums:
            return {}
        _, whole = self._sums.pop()
        while self._sums:
            whole = self._submit(added, self._sums.pop()[1], whole)
        answer: dict[Any, Totals] = self._answer(self._submit(totals_of, whole))
        return answer

    def _submit(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return self._client.submit(function, *arguments, pure=False, retries=RETRIES)

    def _answers(self, futures: Iterable[Any]) -> Iterator[Any]:
        """The results of futures, of which so many are made as the workers can have before them."""
        waiting: deque[Any] = deque()
        for future in futures:
            waiting.append(future)
            if len(waiting) > self._most:
                yield self._answer(waiting.popleft())
        while waiting:
            yield self._answer(waiting.popleft())

    def _answer(self, future: Any) -> Any:
        try:
            answer = future.result()
        except Exception as error:
            if type(error).__name__ in GONE:
                raise RunError(
                    "the cluster has gone before its work was done",
                    help="see why its scheduler ended, and start it again",
                ) from None
            raise RunError(
                f"the cluster has given up a part of the records: {type(error).__name__}",
                help="do its workers have enough memory, and the same version of adiff?",
            ) from None
        if isinstance(answer, AdiffError):
            raise answer
        return answer


# ── on a worker ───────────────────────────────────────────────────────────────────────────


def attempt(function: Callable[..., Any], *arguments: Any) -> Any:
    """What a function comes to; an error to tell the user is one too, and no reason to retry."""
    try:
        return function(*arguments)
    except AdiffError as error:
        return error


def work(task: bytes, block: Any) -> Piece | AdiffError:
    """What a block or a part comes to."""
    found: Piece | AdiffError = attempt(lambda: _mapper(task, get_ident()).work(block))
    return found


@lru_cache(maxsize=64)
def _mapper(task: bytes, thread: int) -> Mapper:
    """One for each thread, as it keeps what it has prepared."""
    return Mapper(*pickle.loads(task))


def without_totals(piece: Piece | AdiffError) -> Piece | AdiffError:
    return piece if isinstance(piece, AdiffError) else dataclasses.replace(piece, totals={})


def totals_of(found: Any) -> dict[Any, Totals]:
    """Those of a piece, or of several that are added up already."""
    if isinstance(found, Piece):
        return found.totals
    return {} if isinstance(found, AdiffError) else found


def added(one: Any, other: Any) -> dict[Any, Totals]:
    """The totals of both, in an order that does not depend on who adds them up when."""
    found: dict[Any, Totals] = {}
    for part in (one, other):
        add_up(found, totals_of(part))
    return found


def seen(path: str) -> tuple[int, int] | None:
    """What tells a file from another; None where there is none."""
    try:
        about = os.stat(path)
    except OSError:
        return None
    return about.st_size, about.st_mtime_ns
