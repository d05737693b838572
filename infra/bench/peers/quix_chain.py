"""The chain on Quix Streams: three dataframes in one application, B with state in its store.

Arguments: the bootstrap address, a folder for the state, then the four topics.
"""

import os
import signal
import sys
import threading
from typing import Any

from quixstreams import Application, State  # type: ignore[import-not-found]  # of another environment


def build(bootstrap: str, folder: str, topics: list[str]) -> Application:
    """Return the application with its three dataframes."""
    app = Application(
        broker_address=bootstrap,
        consumer_group="bench-quix",
        auto_offset_reset="earliest",
        auto_create_topics=True,
        state_dir=folder,
        commit_interval=0.5,
        loglevel="ERROR",
        producer_extra_config={"acks": "all", "linger.ms": 5},
    )
    made = [app.topic(name, value_deserializer="json", value_serializer="json") for name in topics]

    def hand_on(value: dict[str, Any]) -> dict[str, Any]:
        return value | {"reason": "quix"}

    def keep(value: dict[str, Any], state: State) -> dict[str, Any]:
        state.set("entries", [*state.get("entries", []), value["reason"]])
        return value

    app.dataframe(made[0]).apply(hand_on).to_topic(made[1])
    app.dataframe(made[1]).apply(keep, stateful=True).to_topic(made[2])
    app.dataframe(made[2]).apply(hand_on).to_topic(made[3])
    return app


def end_with_parent() -> None:
    """Stop when standard input closes, as it does when the benchmark ends."""

    def watch() -> None:
        while os.read(0, 1024):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    end_with_parent()
    build(sys.argv[1], sys.argv[2], sys.argv[3:]).run()
