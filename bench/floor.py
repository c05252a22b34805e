"""The floor of receiving: a bare Sanic handler that decodes the body and puts it on disk.

Run as a program: ``python -m bench.floor PORT FILE``.
"""

from __future__ import annotations

import asyncio
import os
import sys

import msgspec
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from sanic import Request, Sanic
from sanic.response import HTTPResponse, json

from argus_lab.otlp import json_types

_decode_json = msgspec.json.Decoder(json_types.Request).decode


def main(port: int, file: str) -> None:
    """Serve until killed."""
    app = Sanic("floor", configure_logging=False)
    app.config.REQUEST_MAX_SIZE = 2**26
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    @app.post("/v1/traces")
    async def traces(request: Request) -> HTTPResponse:
        if request.content_type == "application/json":
            _decode_json(request.body)
        else:
            ExportTraceServiceRequest.FromString(request.body)
        os.write(descriptor, request.body)
        os.fdatasync(descriptor)
        return json({"accepted": 100})

    @app.get("/readyz")
    async def health(_: Request) -> HTTPResponse:
        return json({})

    async def serve() -> None:
        server = await app.create_server(port=port, host="127.0.0.1", return_asyncio_server=True)
        if server is None:
            raise RuntimeError("Sanic made no server")
        await server.startup()  # type: ignore[no-untyped-call]
        await server.serve_forever()  # type: ignore[no-untyped-call]

    import uvloop

    uvloop.install()
    asyncio.run(serve())


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
