"""Blocks to processes of their own, over memory that they share, and back in order."""

from __future__ import annotations

import multiprocessing
import pickle
import signal
import sys
from collections import deque
from contextlib import suppress
from itertools import cycle
from multiprocessing import resource_tracker
from multiprocessing.shared_memory import SharedMemory
from typing import TYPE_CHECKING, Any

from autodiff_cli.batch.mapping import Mapper, Piece, Plan
from autodiff_cli.errors import AdiffError, RunError
from autodiff_cli.records import replace

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

    from autodiff_cli.data.streams.records import Header

WAITING = 2
"""Blocks that a worker has before it."""
LONGEST = 1.0
"""Seconds that a worker is waited for at an early end."""


class Workers:
    """Processes at work on a plan."""

    def __init__(self, plan: Plan, header: Header, where: str, count: int) -> None:
        plan = replace(plan, settings=replace(plan.settings, on_print=say))
        # A worker that has died is told of by its name, not by a signal.
        self._on_pipe = signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        self._workers: list[Connection] = []
        self.processes: list[BaseProcess] = []
        self._at_work = False
        # It frees the memory that is shared where a signal ends us, and would warn of it.
        sys.warnoptions.append("ignore:resource_tracker")
        resource_tracker.ensure_running()
        sys.warnoptions.pop()
        context = multiprocessing.get_context("spawn")
        for _ in range(count):
            ours, theirs = context.Pipe()
            process = context.Process(target=serve, args=(theirs, plan, header, where), daemon=True)
            process.start()
            theirs.close()
            self._workers.append(ours)
            self.processes.append(process)

    def end(self) -> None:
        # They end when nobody is there to send them anything.
        for worker in self._workers:
            worker.close()
        if self._at_work:
            # A block can take long, and nobody waits for it any more.
            for process in self.processes:
                process.terminate()
        signal.signal(signal.SIGPIPE, self._on_pipe)

    def mapped(self, blocks: Iterable[Any]) -> Iterator[Piece]:
        """What blocks come to, each worked on by one of the processes, in their order.

        Raises:
            RunError: a process died.
        """
        waiting: deque[Connection] = deque()
        self._at_work = True
        try:
            for block, worker in zip(blocks, cycle(self._workers), strict=False):
                if len(waiting) == WAITING * len(self._workers):
                    yield _answer(waiting.popleft())
                with suppress(BrokenPipeError):  # a worker that is gone is told of below
                    _send(worker, block)
                waiting.append(worker)
            while waiting:
                yield _answer(waiting.popleft())
            self._at_work = False
        finally:
            for worker in waiting:
                # What nobody waits for any more is taken all the same: it is in shared memory.
                with suppress(EOFError, ConnectionError):
                    if worker.poll(LONGEST):
                        _receive(worker)


def _answer(worker: Connection) -> Piece:
    try:
        answer = _receive(worker)
    except (EOFError, ConnectionError):
        raise RunError(
            "a worker process has ended before its work", help="was there enough memory?"
        ) from None
    if isinstance(answer, AdiffError):
        raise answer
    assert isinstance(answer, Piece)
    return answer


def serve(parent: Connection, plan: Plan, header: Header, where: str) -> None:
    """Works on blocks until the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    mapper: Mapper | None = None
    with suppress(EOFError, ConnectionError):
        while True:
            block = _receive(parent)
            try:
                mapper = mapper or Mapper(plan, header, where)
                answer: Any = mapper.work(block)
            except AdiffError as error:
                answer = error
            del block
            _send(parent, answer)


def say(text: str) -> None:
    """What a program prints, from a process that has nothing else to say."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def _send(to: Connection, value: Any) -> None:
    """Sends a value through shared memory, which the receiver frees.

    A pipe holds little: two that each wait for the other to read would wait for ever.
    """
    buffers: list[pickle.PickleBuffer] = []
    content = pickle.dumps(value, 5, buffer_callback=buffers.append)
    parts = [memoryview(content), *(buffer.raw() for buffer in buffers)]
    sizes = [part.nbytes for part in parts]
    memory = SharedMemory(create=True, size=sum(sizes))
    start = 0
    assert memory.buf is not None
    for part, size in zip(parts, sizes, strict=True):
        memory.buf[start : start + size] = part
        start += size
    to.send((memory.name, sizes))
    memory.close()


def _receive(source: Connection) -> Any:
    name, sizes = source.recv()
    memory = SharedMemory(name=name)
    memory.unlink()
    parts, start = [], 0
    assert memory.buf is not None
    for size in sizes:
        parts.append(bytes(memory.buf[start : start + size]))
        start += size
    memory.close()
    return pickle.loads(parts[0], buffers=parts[1:])
