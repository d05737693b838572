"""The knobs of the vision processor."""

from dataclasses import dataclass, field

from connectors.images.decode import DecodeLimits
from processors.vision.compare import CompareLimits
from processors.vision.gate import GateLimits
from processors.vision.labels import CodeLimits


@dataclass(frozen=True, slots=True)
class PoseLimits:
    """When a photo may be held against the golden picture.

    Drawn boards of the same pose correlate above 0.85 (zncc), with inliers all over the board. Where parts stand off
    the plane by 8 px, the correlation falls below 0.65 and 0.14 to 0.57 of the board's cells still hold inliers.
    Another board, or the other side of the same, correlates below 0.2 and holds inliers in less than 0.08 of its cells.
    With parts 10 mm tall, 1 degree of tilt makes 4 stray places or more, and 5 to 24 false differences.
    """

    min_inliers: int = 40
    min_zncc: float = 0.7
    min_spread: float = 0.25
    moved_min_inliers: int = 60
    moved_min_spread: float = 0.1
    max_stray_places: int = 2
    max_changed_share: float = 0.35
    max_findings: int = 40


@dataclass(frozen=True, slots=True)
class Policy:
    """All limits of an inspection. Picklable: it travels to the inspecting process."""

    decode: DecodeLimits = field(default_factory=DecodeLimits)
    gate: GateLimits = field(default_factory=GateLimits)
    pose: PoseLimits = field(default_factory=PoseLimits)
    compare: CompareLimits = field(default_factory=CompareLimits)
    codes: CodeLimits = field(default_factory=CodeLimits)
    max_findings_per_photo: int = 24
    annotated_side_px: int = 1600
    slider: bool = False
    """Whether to make the pictures of before and after as well."""
    golden_bucket: str = "goldens"
    image_bucket: str = "images"
