"""The auditor as a process, killed while it works."""

from pathlib import Path

import pytest

from connectors.bus.cluster import Cluster
from connectors.bus.publisher import KafkaPublisher
from infra.auditor.keys import PublicKeys, SigningKey
from infra.children import worker_spec
from infra.supervise import Supervisor
from tests.infra.auditor.sealed import PLACE, checked, record, until_sealed


@pytest.mark.slow
async def test_a_log_sealed_under_kills_is_clean_and_sealed_to_its_end(
    shop_log: Cluster, publisher: KafkaPublisher, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    environment = {"NOIZYLAB_HOME": str(home), "NOIZYLAB_KAFKA": shop_log.bootstrap}
    supervisor = Supervisor(tmp_path / "logs", environment)
    await supervisor.start(worker_spec(["auditor"], "auditor"))
    try:
        for first in range(0, 1500, 500):
            await publisher.publish([record(n) for n in range(first, first + 500)])
            supervisor.kill("auditor")
        await until_sealed(shop_log, {PLACE: 1500})
    finally:
        await supervisor.stop_all()
    report = await checked(shop_log, PublicKeys([SigningKey.load_or_create(home).public_pem]))
    assert report.findings == []
    [place] = report.places
    assert (place.records, place.waiting) == (1500, 0)
