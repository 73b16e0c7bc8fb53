"""What was logged and is not written yet when the process ends.

torch's writers put every event into a queue, which a daemon thread writes to the file. An exit without `close()` would stop that thread
wherever it is; so the exit waits until the queues of the writers that were given a matrix are empty.

Only the threads are remembered, and weakly: that of a closed writer is gone, that of a writer that was dropped without `close()` goes on,
and nothing is kept alive. A forked child has the objects of its parent, but not its threads, and waits for none of them.
"""

import atexit
import os
import sys
import threading
import time
import warnings
from typing import Any
from weakref import WeakSet

MOST_SECONDS = 30.0  # then the exit goes on: a file system may hang for ever
_INTERVAL = 0.002  # seconds

_threads: "WeakSet[threading.Thread]" = WeakSet()
_child = 0  # the process, if it is one of multiprocessing and was seen to


def remember(file_writer: Any) -> None:
    """Lets the exit of this process wait for what a writer of torch will not have written; of other writers nothing is known.

    Raises:
      RuntimeError: the writer was made before this process was forked: its queue would fill up, and wait for ever.
    """
    # Inner names of TensorBoard's: where they change, an exit without close() is what it was without this module.
    queue = getattr(getattr(file_writer, "event_writer", None), "_async_writer", None)
    thread = getattr(queue, "_worker", None)
    if not isinstance(thread, threading.Thread) or not hasattr(getattr(thread, "_queue", None), "unfinished_tasks"):
        return
    if thread.is_alive():
        _threads.add(thread)
        _wait_in_a_child()
    elif not getattr(queue, "_closed", True) and getattr(thread, "exception", True) is None:
        raise RuntimeError(
            f"this SummaryWriter was made before process {os.getpid()} was forked, and only its parent can write with it; log from the "
            "parent, or make a SummaryWriter here, with a directory of its own"
        )


def wait(seconds: float = MOST_SECONDS) -> None:
    """Waits until what was logged is written, or `seconds` have passed.

    Warns:
      RuntimeWarning: something is not written yet.
    """
    deadline = time.monotonic() + seconds
    waiting = living = [thread for thread in list(_threads) if thread.is_alive()]
    while (waiting := [thread for thread in waiting if _is_busy(thread)]) and time.monotonic() < deadline:
        time.sleep(_INTERVAL)
    for thread in living:
        if thread not in waiting:
            _flush(thread)
    if waiting:
        warnings.warn(
            f"{len(waiting)} event files were not written within {seconds:g} s of the exit, which goes on; close() waits longer",
            RuntimeWarning,
            stacklevel=2,
        )


def _is_busy(thread: Any) -> bool:
    return bool(thread.is_alive() and thread._queue.unfinished_tasks)


def _flush(thread: Any) -> None:
    """What the file system holds back: on S3 it is everything since the last flush."""
    try:
        thread._record_writer.flush()
    except Exception as error:  # closed meanwhile, or out of reach: the exit is not the place to fail
        warnings.warn(f"an event file could not be written at the exit: {error}", RuntimeWarning, stacklevel=3)


def _wait_in_a_child() -> None:
    """Processes that multiprocessing forked end without `atexit`; they run finalizers of its own."""
    global _child  # noqa: PLW0603
    multiprocessing = sys.modules.get("multiprocessing")
    if _child != os.getpid() and multiprocessing is not None and multiprocessing.parent_process() is not None:
        from multiprocessing.util import Finalize

        Finalize(None, wait, exitpriority=0)
        _child = os.getpid()


atexit.register(wait)
