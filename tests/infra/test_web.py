"""The gateway's process: what it does not load before somebody needs it."""

import subprocess
import sys

LATE = {"cv2", "numpy", "faust", "jinja2", "joserfc", "segno", "reportlab", "clickhouse_connect", "minio", "twilio"}
"""Each is a good part of a start that is to take a second and a half."""


def test_starts_without_what_its_first_answers_do_not_need() -> None:
    look = f"import sys, infra.cli.main, infra.web; print(sorted({LATE!r} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", look], check=True, capture_output=True, text=True).stdout == "[]\n"
