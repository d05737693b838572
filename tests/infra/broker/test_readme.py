import re
from pathlib import Path

from kio.index import load_request_schema

import infra.broker
from infra.broker.handlers import APIS


def test_readme_names_every_api_with_its_versions() -> None:
    readme = (Path(infra.broker.__file__).parent / "README.md").read_text(encoding="utf-8")
    written = re.findall(r"\| (\d+) (\w+) (\d+)-(\d+) (?=\|)", readme)
    spoken = []
    for key, api in sorted(APIS.items()):
        name = load_request_schema(key, api.max_version).__name__.removesuffix("Request")
        spoken.append((str(key), name, str(api.min_version), str(api.max_version)))
    assert written == spoken
