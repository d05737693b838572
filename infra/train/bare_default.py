"""Trains the shipped model of bare-board defects on drawn boards alone, so that it owes nothing to anybody's pictures.

``python -m infra.train.bare_default`` writes ``default.npz`` and its card beside ``processors/vision/bare/model.py``.
"""

import logging

from connectors.clock.clock import SystemClock
from infra.train.bare import TrainPlan, train
from infra.train.bare_card import write_model
from processors.vision.bare.model import DEFAULT


def main() -> None:
    """Train and write; takes some minutes."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    plan = TrainPlan()
    trained = train((), plan, logging.getLogger(__name__).info)
    write_model(DEFAULT, trained, plan, SystemClock().now().date().isoformat())


if __name__ == "__main__":
    main()
