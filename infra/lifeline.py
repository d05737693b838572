"""A child process that does not outlive its supervisor."""

import os
import signal
import threading


def stop_with_parent() -> None:
    """Send SIGTERM to this process when its standard input closes, as it does when the supervisor dies."""

    def watch() -> None:
        # Not through sys.stdin: its lock, held in a read, makes an interpreter that ends abort.
        while os.read(0, 1024):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="lifeline", daemon=True).start()
