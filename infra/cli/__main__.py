"""``python -m infra.cli``: how the supervisor starts its children, whatever the PATH."""

from infra.cli.main import main

main()
