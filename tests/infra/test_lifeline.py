import subprocess
import sys

PROGRAM = """
import signal
from infra.lifeline import stop_with_parent
stop_with_parent()
print("up", flush=True)
{rest}
"""


def start(rest: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-c", PROGRAM.format(rest=rest)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_a_child_that_is_done_leaves_in_peace_while_its_parent_lives() -> None:
    child = start("")
    assert child.stdin is not None
    assert child.stderr is not None
    with child.stdin, child.stderr:
        assert child.wait(20) == 0, child.stderr.read()


def test_a_child_ends_when_its_parent_does() -> None:
    child = start("signal.pause()")
    assert child.stdin is not None
    assert child.stdout is not None
    assert child.stdout.readline() == b"up\n"
    child.stdin.close()
    assert child.wait(20) == -15
