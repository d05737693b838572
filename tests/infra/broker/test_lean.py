import subprocess
import sys

PROGRAM = """
import sys
import infra.broker.__main__
assert "hypothesis" not in sys.modules
import hypothesis.strategies
"""


def test_a_broker_starts_without_the_test_tools_and_leaves_them_to_tests() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=50)
    assert done.returncode == 0, done.stderr
