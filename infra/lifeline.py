"""How a child process of the supervisor begins, and that it does not outlive it."""

import logging
import os
import signal
import sys
import threading


def stop_with_parent() -> None:
    """Send SIGTERM to this process when its standard input closes, as it does when the supervisor dies."""

    def watch() -> None:
        # Not by way of sys.stdin: a thread that waits inside of its buffer aborts the interpreter at exit.
        while os.read(0, 1024):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="lifeline", daemon=True).start()


def begin() -> None:
    """Begin as a child of the supervisor: log to standard error, and end with the parent."""
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname).1s %(name)s: %(message)s"
    )
    for chatty in ("aiokafka", "faust", "mode"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    stop_with_parent()
