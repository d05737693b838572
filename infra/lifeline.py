"""A child process that does not outlive its supervisor."""

import os
import signal
import sys
import threading


def stop_with_parent() -> None:
    """Send SIGTERM to this process when its standard input closes, as it does when the supervisor dies."""

    def watch() -> None:
        # Not through sys.stdin's buffer: a process that ends by itself would find its lock held, and abort.
        while os.read(sys.stdin.fileno(), 1024):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="lifeline", daemon=True).start()
