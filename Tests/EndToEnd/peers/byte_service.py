"""A service without a schema, on bytes: all four kinds of call, by grpcio's generic handlers."""

import base64
import json
import threading
import time

import grpc

NAME = "bridge.hidden.Bytes"
READ = {}
CHANGED = threading.Condition()


def note_read(key, count):
    with CHANGED:
        READ[key] = READ.get(key, 0) + count


def describe(request, context):
    """The metadata of the call in order, as JSON; fields that start with `back-` are returned."""
    entries = [
        [name, base64.b64encode(value).decode() if isinstance(value, bytes) else value]
        for name, value in context.invocation_metadata()
    ]
    back = [(n, v) for n, v in context.invocation_metadata() if n.startswith("back-")]
    context.send_initial_metadata(back)
    context.set_trailing_metadata([(f"trail{name[4:]}", value) for name, value in reversed(back)])
    left = context.time_remaining()
    return json.dumps({"entries": entries, "left": left}).encode()


def echo(request, context):
    return request


def squeeze(request, context):
    context.set_compression(grpc.Compression.Gzip)
    return request


def join(requests, context):
    sizes = [len(request) for request in requests]
    return json.dumps({"messages": len(sizes), "bytes": sum(sizes)}).encode()


def early(requests, context):
    first = next(requests)
    context.set_trailing_metadata((("x-early", "yes"),))
    context.abort(grpc.StatusCode.FAILED_PRECONDITION, f"no more after {len(first)} bytes")


def lazy(requests, context):
    """Reads the first message, then nothing until released by a call of `observe`."""
    key = dict(context.invocation_metadata())["key"]
    note_read(key, len(next(requests)))
    with CHANGED:
        CHANGED.wait_for(lambda: READ.get(key + "/go"), 30)
    for request in requests:
        note_read(key, len(request))
    return json.dumps(READ[key]).encode()


def observe(request, context):
    key = request.decode()
    with CHANGED:
        CHANGED.notify_all()
        return json.dumps(READ.get(key, 0)).encode()


def go(request, context):
    with CHANGED:
        READ[request.decode() + "/go"] = 1
        CHANGED.notify_all()
    return b""


def split(request, context):
    order = json.loads(request)
    piece = b"\x5a" * order["size"]
    for _ in range(order["count"]):
        yield piece
        note_read(order.get("key", ""), len(piece))
        time.sleep(order.get("pause", 0))


def talk(requests, context):
    context.send_initial_metadata((("x-open", "yes"),))
    for request in requests:
        yield b"re: " + request


HANDLERS = {
    "Describe": grpc.unary_unary_rpc_method_handler(describe),
    "Echo": grpc.unary_unary_rpc_method_handler(echo),
    "Squeeze": grpc.unary_unary_rpc_method_handler(squeeze),
    "Observe": grpc.unary_unary_rpc_method_handler(observe),
    "Go": grpc.unary_unary_rpc_method_handler(go),
    "Join": grpc.stream_unary_rpc_method_handler(join),
    "Early": grpc.stream_unary_rpc_method_handler(early),
    "Lazy": grpc.stream_unary_rpc_method_handler(lazy),
    "Split": grpc.unary_stream_rpc_method_handler(split),
    "Talk": grpc.stream_stream_rpc_method_handler(talk),
}


def add_to(server):
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(NAME, HANDLERS),))
