import numpy as np

from infra.train.sparse import SparseRows


def test_multiplies_as_the_full_matrix_does_with_empty_rows_and_entries_at_one_place() -> None:
    random = np.random.default_rng(5)
    rows, columns = random.choice([0, 1, 3, 6], 40), random.choice([0, 2, 3], 40)
    values = random.normal(size=40).astype(np.float32)
    full = np.zeros((8, 5), np.float32)
    np.add.at(full, (rows, columns), values)
    sparse = SparseRows((8, 5), rows, columns, values)
    right, left = random.normal(size=(5, 3)).astype(np.float32), random.normal(size=(8, 3)).astype(np.float32)
    assert np.allclose(sparse @ right, full @ right, atol=1e-5)
    assert np.allclose(sparse.T @ left, full.T @ left, atol=1e-5)
    assert sparse.T.shape == (5, 8)


def test_nothing_gives_zeros() -> None:
    nothing = SparseRows((2, 3), np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32))
    assert not (nothing @ np.ones((3, 4), np.float32)).any()
