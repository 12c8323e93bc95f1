"""Blocks to processes of their own, over memory that they share, and back in order."""

from __future__ import annotations

import multiprocessing
import pickle
import signal
import sys
from collections import deque
from contextlib import suppress
from multiprocessing.shared_memory import SharedMemory
from typing import TYPE_CHECKING, Any

from autodiff_cli.batch.mapping import Mapper, Piece, Plan
from autodiff_cli.errors import AdiffError, RunError
from autodiff_cli.records import replace

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from multiprocessing.connection import Connection

WAITING = 2
"""Blocks that a worker has before it."""
LONGEST = 1.0
"""Seconds that a worker is waited for at an early end."""


def mapped(
    plan: Plan, names: Sequence[str], where: str, blocks: Iterable[Any], count: int
) -> Iterator[Piece]:
    """What the blocks come to, each worked on by one of `count` processes, in their order.

    Raises:
        RunError: a process died.
    """
    plan = replace(plan, settings=replace(plan.settings, on_print=say))
    before = signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    context = multiprocessing.get_context("spawn")
    workers: list[Connection] = []
    waiting: deque[Connection] = deque()
    try:
        for _ in range(count):
            ours, theirs = context.Pipe()
            process = context.Process(
                target=serve, args=(theirs, plan, list(names), where), daemon=True
            )
            process.start()
            theirs.close()
            workers.append(ours)
        for number, block in enumerate(blocks):
            if len(waiting) == WAITING * count:
                yield _answer(waiting.popleft())
            worker = workers[number % count]
            with suppress(BrokenPipeError):  # a worker that is gone is told of below
                _send(worker, block)
            waiting.append(worker)
        while waiting:
            yield _answer(waiting.popleft())
    finally:
        for worker in waiting:
            # What nobody waits for any more is taken all the same: it is in shared memory.
            with suppress(EOFError, ConnectionError):
                if worker.poll(LONGEST):
                    _receive(worker)
        # They end when nobody is there to send them anything.
        for worker in workers:
            worker.close()
        signal.signal(signal.SIGPIPE, before)


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


def serve(parent: Connection, plan: Plan, names: Sequence[str], where: str) -> None:
    """Works on blocks until the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    mapper: Mapper | None = None
    with suppress(EOFError, ConnectionError):
        while True:
            block = _receive(parent)
            try:
                mapper = mapper or Mapper(plan, names, where)
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
