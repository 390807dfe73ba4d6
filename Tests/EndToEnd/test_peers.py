"""Verifies the gRPC server that the other tests rely on, with grpcio as the client."""

import grpc
import pytest
from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2
from grpc_status import rpc_status


def test_echoes_and_keeps(backend, stubs, key):
    sent = stubs.everything.Everything(key=key, a_int64=-(2**63), many_float=[1.5, 2.5])
    assert backend.echo.Echo(sent, timeout=10) == sent
    assert backend.echo.Recall(stubs.echo.RecallRequest(key=key), timeout=10) == sent


def test_fails_with_details(backend, stubs):
    kinds = ["BAD_REQUEST", "ERROR_INFO", "UNKNOWN_TYPE"]
    request = stubs.echo.FailRequest(
        code=9, message="höchst\nunfit", details=[f"DETAIL_{kind}" for kind in kinds]
    )
    with pytest.raises(grpc.RpcError) as error:
        backend.trouble.Fail(request, timeout=10)
    status = rpc_status.from_call(error.value)
    assert (status.code, status.message) == (9, "höchst\nunfit")
    assert [detail.TypeName() for detail in status.details] == [
        "google.rpc.BadRequest", "google.rpc.ErrorInfo", "bridge.hidden.Secret",
    ]  # fmt: skip
    info = error_details_pb2.ErrorInfo()
    assert any_pb2.Any.Unpack(status.details[1], info) and info.reason == "OUT_OF_STOCK"


def test_sees_deadlines(backend, stubs, key):
    request = stubs.echo.SlowRequest(key=key, delay=duration_pb2.Duration(seconds=20))
    with pytest.raises(grpc.RpcError) as error:
        backend.trouble.Slow(request, timeout=0.2)
    assert error.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    observation = backend.wait_for_expiry(key)
    assert 0 < observation.remaining.ToMilliseconds() <= 200


def test_knows_when_there_is_no_deadline(backend, stubs, key):
    reply = backend.trouble.Slow(stubs.echo.SlowRequest(key=key))
    assert not reply.HasField("remaining")
    backend.wait_for_state(key, "FINISHED")


def test_sees_cancellation(backend, stubs, key):
    call = backend.trouble.Hang.future(stubs.echo.HangRequest(key=key))
    backend.wait_for_state(key, "RUNNING")
    call.cancel()
    backend.wait_for_state(key, "CANCELLED")


def test_counts_and_fails_midway(backend, stubs, key):
    got = []
    with pytest.raises(grpc.RpcError) as error:
        for reply in backend.trouble.Count(
            stubs.echo.CountRequest(key=key, count=5, fail_after=3), timeout=10
        ):
            got.append(reply.index)
    assert got == [0, 1, 2]
    assert error.value.code() == grpc.StatusCode.DATA_LOSS
    assert rpc_status.from_call(error.value).message == "lost count"


def test_sends_a_message_only_when_observed(backend, stubs, key):
    replies = backend.trouble.Count(
        stubs.echo.CountRequest(key=key, count=3, on_observe=True), timeout=20
    )
    assert next(replies).index == 0
    for index in (1, 2):
        backend.observe(key)
        assert next(replies).index == index
    assert list(replies) == []


def test_returns_metadata(backend, stubs):
    request = stubs.echo.MetadataRequest(
        headers={"x-down": "a"}, trailers={"x-last": "b"}, binary_trailers={"x-raw-bin": b"\xff"}
    )
    reply, call = backend.trouble.Metadata.with_call(
        request, metadata=(("x-up", "1"), ("x-up-bin", b"\x00\xff")), timeout=10
    )
    assert dict(call.initial_metadata())["x-down"] == "a"
    assert dict(call.trailing_metadata()) == {"x-last": "b", "x-raw-bin": b"\xff"}
    entries = {entry.name: entry.value for entry in reply.entries}
    assert (entries["x-up"], entries["x-up-bin"]) == ("1", "AP8=")


def test_counts_its_callers(backend, stubs):
    before, calls = backend.peers()
    backend.echo.Echo(stubs.everything.Everything(), timeout=10)
    after, calls_after = backend.peers()
    assert calls_after == calls + 1
    assert len(after - before) <= 1


def test_every_route_returns_its_request(backend, stubs):
    request = stubs.routes.RouteRequest(id="x", sizes=[1, 2])
    for method in stubs.routes.DESCRIPTOR.services_by_name["RouteService"].methods:
        reply = getattr(backend.routes, method.name)(request, timeout=10)
        assert (reply.method, reply.request) == (method.name, request)


def test_starts_again_on_its_port(start_backend, stubs):
    first = start_backend()
    assert first.stop() == 0
    second = start_backend(port=first.port)
    assert second.port == first.port
    second.echo.Echo(stubs.everything.Everything(), timeout=10)
