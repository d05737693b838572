"""The bound of the edge: one trivial FastAPI route on the same server, ``python -m infra.bench.edge_bare PORT``."""

import sys

import uvicorn
from fastapi import FastAPI, Response

from infra.lifeline import stop_with_parent

BODY = b'{"status":"alive"}'


def build() -> FastAPI:
    """Return an app with one route that does nothing."""
    app = FastAPI(openapi_url=None)

    @app.get("/bare")
    async def bare() -> Response:
        return Response(BODY, media_type="application/json")

    return app


def main() -> None:
    """Serve on the loopback interface until the parent ends."""
    stop_with_parent()
    uvicorn.run(build(), host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", access_log=False, ws="none")


if __name__ == "__main__":
    main()
