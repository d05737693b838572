from typing import get_args

from hypothesis import strategies as st

from schemas.devices import DEVICE_CATEGORIES, Device
from schemas.diagnoses import DiagnoseFault
from schemas.inspections import Box, DefectKind, Finding

NOW_TICKET = "T-00001"


def question(
    complaint: str, category: str = "laptop", *findings: Finding, age_years: float | None = None
) -> DiagnoseFault:
    device = Device.model_validate({"category": category, "age_years": age_years})
    return DiagnoseFault(ticket_id=NOW_TICKET, device=device, complaint=complaint, findings=findings)


def finding(kind: str, confidence: float = 0.95, severity: str = "high") -> Finding:
    return Finding.model_validate(
        {
            "kind": kind,
            "confidence": confidence,
            "severity": severity,
            "photo": 0,
            "box": Box(x_px=1, y_px=1, width_px=5, height_px=5),
            "area_px": 25,
        }
    )


findings = st.builds(
    finding,
    st.sampled_from(get_args(DefectKind)),
    st.floats(0, 1),
    st.sampled_from(["low", "medium", "high"]),
)
complaints = st.text(min_size=1, max_size=300)  # surrogates are excluded by hypothesis; controls are not
devices = st.builds(
    lambda category, age: Device.model_validate({"category": category, "age_years": age}),
    st.sampled_from(DEVICE_CATEGORIES),
    st.none() | st.floats(0, 120),
)
