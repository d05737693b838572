from infra.bench.fuzz import in_process, over_sockets


async def test_bent_requests_end_no_more_than_their_connection() -> None:
    result = await in_process(4_000, seed=20_240_101)
    assert result["findings"] == {}
    assert result["outcomes"]["answers"] > 500
    assert result["outcomes"]["connections closed by the broker"] > 500


async def test_bent_requests_over_sockets_leave_the_process_well() -> None:
    assert (await over_sockets(400, seed=3))["findings"] == {}
