"""The process that measures: ``python -m bonag.profiling.worker SETUP``, in which threads are set for it alone.

It reads an architecture's string per line, and writes a timing, or an error, per line as JSON.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict

from bonag.profiling.runtimes import Run, make_loader
from bonag.profiling.timing import Stopwatch
from search_spaces import get_space


def main(setup: dict, lines: Iterable[str], reply: Callable[[dict], None]) -> None:
    """Time the network of each line, one after the other.

    setup: space (a name that can be imported), runtime, threads, num_classes, image_size (pixels); reference, an
    architecture's string; patience, seconds for a network.
    """
    import torch

    torch.set_num_threads(setup["threads"])
    torch.set_num_interop_threads(1)
    space = get_space(setup["space"])

    def loader(text: str) -> Callable[[], Run]:
        torch.manual_seed(0)
        network = space.build(space.parse(text), setup["num_classes"])
        return make_loader(network, setup["image_size"], setup["runtime"], setup["threads"])

    stopwatch: Stopwatch | None = None
    for line in lines:
        try:
            stopwatch = stopwatch or Stopwatch(loader(setup["reference"])(), setup["patience"])
            reply(asdict(stopwatch.time(loader(line.rstrip("\n")))))
        except Exception as error:  # networks are users' code; whoever asks says what went wrong
            reply({"error": " ".join(f"{type(error).__name__}: {error}".split())})


def _private_output() -> Callable[[dict], None]:
    """Replies on standard output, which nobody else writes to any more: what networks print goes to stderr."""
    output = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def reply(found: dict) -> None:
        print(json.dumps(found), file=output, flush=True)

    return reply


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever asks is interrupted, and ends this process
    main(json.loads(sys.argv[1]), sys.stdin, _private_output())
