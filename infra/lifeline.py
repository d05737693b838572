"""A child process that does not outlive its supervisor."""

import os
import signal
import sys
import threading


def stop_with_parent() -> None:
    """Send SIGTERM to this process when its standard input closes, as it does when the supervisor dies."""

    def watch() -> None:
        # Past Python's own buffer: its lock, held by this thread, would make a clean exit a fatal error.
        while os.read(sys.stdin.fileno(), 1024):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="lifeline", daemon=True).start()
