"""A reliability diagram: how often the brain was right, over how sure it was. Pure."""

from collections.abc import Mapping
from typing import Any

_SIDE, _LEFT, _TOP, _WIDTH, _HEIGHT = 300, 52, 40, 400, 400


def calibration_svg(report: Mapping[str, Any]) -> str:
    """Return the diagram as SVG: a bar for each tenth with outcomes, the diagonal where said and so are equal."""
    bars = [_bar(one) for one in report["bins"] if one["outcomes"]]
    whole = report["all"]
    below = (
        f"{whole['outcomes']} outcomes, ECE {whole['ece']:.3f}, Brier {whole['brier']:.3f}"
        if whole["outcomes"]
        else "nobody has named a fault yet"
    )
    return "".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" ',
            f'font-size="12" role="img" aria-label="Reliability of diagnoses: {below}">',
            f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>',
            f'<text x="{_LEFT}" y="22" font-size="15" font-weight="bold">How sure it was, how often right</text>',
            *bars,
            f'<path d="M{_x(0)} {_y(0)}L{_x(1)} {_y(1)}" stroke="#555" stroke-dasharray="4 4"/>',
            f'<path d="M{_x(0)} {_y(1)}V{_y(0)}H{_x(1)}" fill="none" stroke="#222"/>',
            *(_ticks(number / 5) for number in range(6)),
            f'<text x="{_x(0.5)}" y="{_y(0) + 34}" text-anchor="middle">said</text>',
            f'<text transform="translate(14 {_y(0.5)}) rotate(-90)" text-anchor="middle">was right</text>',
            f'<text x="{_x(0.5)}" y="{_HEIGHT - 6}" text-anchor="middle" fill="#555">{below}</text></svg>',
        )
    )


def _bar(one: Mapping[str, Any]) -> str:
    left, right = one["begin"], one["right"]
    width = _SIDE / 10 - 2
    return (
        f'<rect x="{_x(left) + 1:.1f}" y="{_y(right):.1f}" width="{width:.1f}" height="{_SIDE * right:.1f}" '
        f'fill="#a9c6e3"><title>said {one["said"]:.0%}, right {right:.0%}, {one["outcomes"]} outcomes</title></rect>'
        f'<text x="{_x(left) + width / 2 + 1:.1f}" y="{_y(0) - 4:.1f}" text-anchor="middle" font-size="9" '
        f'fill="#333">{one["outcomes"]}</text>'
        f'<circle cx="{_x(one["said"]):.1f}" cy="{_y(right):.1f}" r="3" fill="#b5432a"/>'
    )


def _ticks(share: float) -> str:
    return (
        f'<text x="{_x(share)}" y="{_y(0) + 16}" text-anchor="middle">{share:.0%}</text>'
        f'<text x="{_x(0) - 6}" y="{_y(share) + 4}" text-anchor="end">{share:.0%}</text>'
    )


def _x(share: float) -> float:
    return _LEFT + _SIDE * share


def _y(share: float) -> float:
    return _TOP + _SIDE * (1 - share)
