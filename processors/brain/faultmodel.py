"""The classifier that reads complaints: linear weights over text features, by fault family."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from processors.brain.calibration import AS_IT_IS, TopCalibration
from processors.brain.text import COLUMNS, Features, features

FORMAT = 3


@dataclass(frozen=True, slots=True)
class FaultModel:
    """Multinomial logistic regression with 8-bit weights.

    ``classes`` are family codes, the last one ``unclear``. ``idf`` has shape (COLUMNS,); ``weights``
    (COLUMNS, classes) int8, times ``scales`` (classes,) gives nats; ``by_category`` (categories, classes) and
    ``intercept`` (classes,) are nats. ``shares`` (categories, classes) are the classes' shares of the records: the
    prior of a category when nothing is said. Scores are divided by ``temperature``; ``calibration`` sets the
    probability of the first family right, and was cooled by ``cooled_by`` for a shop's own outcomes.
    """

    classes: tuple[str, ...]
    categories: tuple[str, ...]
    idf: NDArray[np.float32]
    weights: NDArray[np.int8]
    scales: NDArray[np.float32]
    by_category: NDArray[np.float32]
    intercept: NDArray[np.float32]
    shares: NDArray[np.float32]
    temperature: float
    calibration: TopCalibration = AS_IT_IS
    cooled_by: float = 1.0

    @classmethod
    def quantised(
        cls,
        classes: tuple[str, ...],
        categories: tuple[str, ...],
        idf: NDArray[np.float32],
        weights: NDArray[np.float32],
        by_category: NDArray[np.float32],
        intercept: NDArray[np.float32],
        shares: NDArray[np.float32],
        temperature: float,
        calibration: TopCalibration = AS_IT_IS,
    ) -> "FaultModel":
        """Return the model with its text weights rounded to 255 steps a class."""
        scales = np.maximum(np.abs(weights).max(axis=0), 1e-9).astype(np.float32) / np.float32(127)
        rounded = np.rint(weights / scales).astype(np.int8)
        return cls(classes, categories, idf, rounded, scales, by_category, intercept, shares, temperature, calibration)

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> "FaultModel":
        """Read the arrays of ``to_arrays``.

        Raises:
            ValueError: another format or another hash size than this code reads; says which.
        """
        found = (int(arrays["format"]), arrays["idf"].shape[0])
        if found != (FORMAT, COLUMNS):
            raise ValueError(
                f"fault model has format {found[0]} with {found[1]} columns, this code reads {FORMAT} "
                f"with {COLUMNS}; train it again"
            )
        return cls(
            classes=tuple(str(one) for one in arrays["classes"]),
            categories=tuple(str(one) for one in arrays["categories"]),
            idf=arrays["idf"].astype(np.float32),
            weights=arrays["weights"],
            scales=arrays["scales"],
            by_category=arrays["by_category"],
            intercept=arrays["intercept"],
            shares=arrays["shares"],
            temperature=float(arrays["temperature"]),
            calibration=TopCalibration(*(float(one) for one in arrays["calibration"])),
            cooled_by=float(arrays["cooled_by"]),
        )

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays that an ``.npz`` file keeps."""
        return {
            "format": np.array(FORMAT),
            "classes": np.array(self.classes),
            "categories": np.array(self.categories),
            "idf": self.idf.astype(np.float16),
            "weights": self.weights,
            "scales": self.scales,
            "by_category": self.by_category,
            "intercept": self.intercept,
            "shares": self.shares,
            "temperature": np.array(self.temperature),
            "calibration": np.array([self.calibration.intercept, self.calibration.slope, self.calibration.bend]),
            "cooled_by": np.array(self.cooled_by),
        }

    def cooled(self, temperature: float) -> "FaultModel":
        """Return the model with the log-odds of its first family divided by ``temperature``."""
        return replace(self, calibration=self.calibration.cooled(temperature), cooled_by=self.cooled_by * temperature)

    def read(self, text: str, category: str) -> Features:
        """Return the features of a text with this model's word weights; a category without records has no own part."""
        return features(text, self.idf, category if category in self.categories else None)

    def contributions(self, read: Features) -> NDArray[np.float32]:
        """Return what each feature adds to each class, shape (n, classes), in nats, temperature applied."""
        scaled = self.weights[read.indices] * (self.scales / np.float32(self.temperature))
        product: NDArray[np.float32] = scaled * read.values[:, None]
        return product

    def start(self, category: str) -> NDArray[np.float32] | None:
        """Return the scores that the text's contributions are added to, in nats, temperature applied; None for a
        category without records."""
        if category not in self.categories:
            return None
        raw: NDArray[np.float32] = self.intercept + self.by_category[self.categories.index(category)]
        return raw / np.float32(self.temperature)

    def unclear_offset(self) -> float:
        """Return by how much the class ``unclear`` starts above its log share, compared with the families, in nats.

        Useless texts have few telling words, so their class lives on its start: where a hand-set prior takes the
        place of the learned start, that head start must be kept. Averages are weighed by the records' shares.
        """
        starts = (self.intercept + self.by_category) / np.float32(self.temperature)
        above = starts - np.log(self.shares)
        mean = (above * self.shares).sum(axis=0) / self.shares.sum(axis=0)
        weights = self.shares[:, :-1].sum(axis=0)
        return float(mean[-1] - (mean[:-1] * weights).sum() / weights.sum())
