"""A real gRPC server of another implementation: the services of Protos/test and of the showcase, by grpcio.

    grpc_server.py GENERATED_FOLDER [--port N] [--option name=value]…

Prints the port that it listens on as its first line. SIGTERM stops it: calls in flight get a grace period,
and each connection a GOAWAY.
"""

import argparse
import base64
import collections
import concurrent.futures
import hashlib
import signal
import sys
import threading
import time

GRACE_SECONDS = 5
HANG_SECONDS = 60


def parse_arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("generated", help="folder of the generated Python modules")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--option", action="append", default=[], metavar="name=value")
    return parser.parse_args()


ARGUMENTS = parse_arguments()
sys.path.insert(0, ARGUMENTS.generated)

import byte_service  # noqa: E402
import echo_pb2  # noqa: E402
import echo_pb2_grpc  # noqa: E402
import everything_pb2  # noqa: E402
import grpc  # noqa: E402
import legacy_pb2_grpc  # noqa: E402
import routes_pb2  # noqa: E402
import routes_pb2_grpc  # noqa: E402
import showcase_pb2  # noqa: E402
import showcase_pb2_grpc  # noqa: E402
from google.api import httpbody_pb2  # noqa: E402
from google.protobuf import any_pb2, duration_pb2, empty_pb2  # noqa: E402
from google.rpc import error_details_pb2, status_pb2  # noqa: E402


class Watch:
    """Observations of calls by the keys that they carry, and of their peers."""

    def __init__(self):
        self.changed = threading.Condition()
        self.observations = {}
        self.observed = collections.Counter()
        self.peers = set()
        self.calls = 0

    def note_peer(self, context):
        with self.changed:
            self.peers.add(context.peer())
            self.calls += 1

    def begin(self, key, context):
        """Records a call and follows it to its end; the event is set when it has ended."""
        self.note_peer(context)
        over = threading.Event()
        observation = echo_pb2.Observation(state=echo_pb2.Observation.STATE_RUNNING)
        left = time_left(context)
        if left is not None:
            observation.remaining.CopyFrom(left)
        with self.changed:
            self.observations[key] = observation

        def ended():
            with self.changed:
                if observation.state == echo_pb2.Observation.STATE_RUNNING:
                    left = context.time_remaining()
                    expired = left is not None and left <= 0
                    observation.state = (
                        echo_pb2.Observation.STATE_EXPIRED
                        if expired
                        else echo_pb2.Observation.STATE_CANCELLED
                    )
                self.changed.notify_all()
            over.set()

        if not context.add_callback(ended):
            ended()
        return observation, over

    def finish(self, observation):
        with self.changed:
            if observation.state == echo_pb2.Observation.STATE_RUNNING:
                observation.state = echo_pb2.Observation.STATE_FINISHED

    def observe(self, key):
        with self.changed:
            self.observed[key] += 1
            self.changed.notify_all()
            copy = echo_pb2.Observation()
            if key in self.observations:
                copy.CopyFrom(self.observations[key])
            return copy

    def wait_until_observed(self, key, times, over):
        with self.changed:
            return self.changed.wait_for(
                lambda: over.is_set() or self.observed[key] >= times, HANG_SECONDS
            )


WATCH = Watch()


def time_left(context):
    """The remaining time until the deadline, as a Duration; None without a deadline."""
    left = context.time_remaining()
    # grpcio returns a huge number if there is no deadline.
    if left is None or left > 10 * 365 * 86400:
        return None
    duration = duration_pb2.Duration()
    duration.FromNanoseconds(int(left * 1e9))
    return duration


def seconds(duration):
    return duration.ToNanoseconds() / 1e9


class Echo(echo_pb2_grpc.EchoServiceServicer):
    def __init__(self):
        self.kept = {}

    def Echo(self, request, context):
        WATCH.note_peer(context)
        if request.key:
            self.kept[request.key] = request
        return request

    def Recall(self, request, context):
        WATCH.note_peer(context)
        kept = self.kept.get(request.key)
        if kept is None:
            context.abort(grpc.StatusCode.NOT_FOUND, f"nothing is kept as {request.key!r}")
        return kept

    def Big(self, request, context):
        return echo_pb2.BigReply(data=b"\xa5" * request.size)

    def Mirror(self, request, context):
        return request

    def File(self, request, context):
        return request

    def Pieces(self, request, context):
        _, over = WATCH.begin(request.key, context)
        for index in range(request.count):
            if request.HasField("fail_after") and index == request.fail_after:
                context.abort(grpc.StatusCode.DATA_LOSS, "lost a piece")
            if index > 0 and request.on_observe:
                WATCH.wait_until_observed(request.key, index, over)
            # The content type of the first one is that of the body.
            kind = "application/x-piece" if index == 0 else "text/ignored"
            yield httpbody_pb2.HttpBody(content_type=kind, data=b"<%d>" % index)

    def Collect(self, requests, context):
        count = sum(1 for _ in requests)
        return everything_pb2.Nested(number=count)


def was_cancelled(key, over):
    """Whether a call whose requests have ended was cancelled: its requests then end as if complete, and
    grpcio reports the cancellation a moment later. Only observed calls wait for it."""
    return bool(key) and over.wait(0.3)


class Streams(echo_pb2_grpc.StreamServiceServicer):
    def Sum(self, requests, context):
        reply = echo_pb2.SumReply()
        observation = None
        key = ""
        for request in requests:
            if observation is None:
                key = request.key
                observation, over = WATCH.begin(request.key, context)
            reply.messages += 1
            observation.sent = reply.messages
            reply.total += request.number
            reply.text_bytes += len(request.text)
            if len(reply.rooms) < 8:
                reply.rooms.append(request.room)
            if request.HasField("pause"):
                time.sleep(seconds(request.pause))
            if request.ends:
                if request.code:
                    context.abort(CODES[request.code], "ended on request")
                break
        if observation is not None and not was_cancelled(key, over):
            WATCH.finish(observation)
        return reply

    def Chat(self, requests, context):
        observation = None
        key = ""
        for index, request in enumerate(requests):
            if observation is None:
                key = request.key
                observation, over = WATCH.begin(request.key, context)
            for _ in range(max(1, request.copies)):
                observation.sent += 1
                yield echo_pb2.ChatMessage(room=request.room, text=request.text, index=index)
            if request.HasField("end_with"):
                if request.end_with:
                    context.abort(CODES[request.end_with], "ended on request")
                return
        if observation is not None and not was_cancelled(key, over):
            WATCH.finish(observation)

    def Upload(self, requests, context):
        return self.summary("", requests)

    def UploadFile(self, requests, context):
        names = []

        def files():
            for request in requests:
                names.append(request.name)
                yield request.file

        reply = self.summary("", files())
        reply.name = ",".join(name for name in names if name)
        return reply

    @staticmethod
    def summary(name, bodies):
        reply = echo_pb2.UploadReply(name=name)
        digest = hashlib.sha256()
        for body in bodies:
            if reply.parts == 0:
                reply.content_type = body.content_type
            elif body.content_type:
                reply.later_content_types += 1
            reply.parts += 1
            reply.bytes += len(body.data)
            digest.update(body.data)
        reply.sha256 = digest.hexdigest()
        return reply


def detail(kind):
    packed = any_pb2.Any()
    if kind == echo_pb2.FailRequest.DETAIL_BAD_REQUEST:
        violation = error_details_pb2.BadRequest.FieldViolation
        packed.Pack(
            error_details_pb2.BadRequest(
                field_violations=[
                    violation(field="inputs[3].shape", description="must not be empty"),
                    violation(field="name", description="ungültig ✗", reason="BAD_NAME"),
                ]
            )
        )
    elif kind == echo_pb2.FailRequest.DETAIL_ERROR_INFO:
        packed.Pack(
            error_details_pb2.ErrorInfo(
                reason="OUT_OF_STOCK", domain="test.example", metadata={"sku": "A-1", "left": "0"}
            )
        )
    elif kind == echo_pb2.FailRequest.DETAIL_NESTED:
        packed.Pack(everything_pb2.Nested(text="in detail", number=-(2**53) - 1))
    else:
        packed.type_url = "type.googleapis.com/bridge.hidden.Secret"
        packed.value = b"\x0a\x03\xff\x00\x01"
    return packed


CODES = {code.value[0]: code for code in grpc.StatusCode}


class Trouble(echo_pb2_grpc.TroubleServiceServicer):
    def Fail(self, request, context):
        WATCH.note_peer(context)
        if request.after_headers:
            context.send_initial_metadata((("x-sent", "yes"),))
        if request.code == 0:
            return empty_pb2.Empty()
        if request.details:
            status = status_pb2.Status(
                code=request.code,
                message=request.message,
                details=[detail(kind) for kind in request.details],
            )
            context.set_trailing_metadata(
                (("grpc-status-details-bin", status.SerializeToString()),)
            )
        context.abort(CODES[request.code], request.message)

    def Slow(self, request, context):
        observation, over = WATCH.begin(request.key, context)
        reply = echo_pb2.SlowReply()
        if observation.HasField("remaining"):
            reply.remaining.CopyFrom(observation.remaining)
        over.wait(seconds(request.delay))
        WATCH.finish(observation)
        return reply

    def Hang(self, request, context):
        _, over = WATCH.begin(request.key, context)
        over.wait(HANG_SECONDS)
        return empty_pb2.Empty()

    def Count(self, request, context):
        observation, over = WATCH.begin(request.key, context)
        for index in range(request.count):
            if request.HasField("fail_after") and index == request.fail_after:
                break
            if index > 0 and request.on_observe:
                WATCH.wait_until_observed(request.key, index, over)
            elif index > 0 and request.HasField("interval"):
                over.wait(seconds(request.interval))
            if over.is_set():
                return
            yield echo_pb2.CountReply(index=index, text="x" * request.text_size)
            with WATCH.changed:
                observation.sent += 1
        WATCH.finish(observation)
        if request.HasField("fail_after"):
            status = status_pb2.Status(
                code=grpc.StatusCode.DATA_LOSS.value[0],
                message="lost count",
                details=[detail(echo_pb2.FailRequest.DETAIL_ERROR_INFO)],
            )
            context.set_trailing_metadata(
                (("grpc-status-details-bin", status.SerializeToString()),)
            )
            context.abort(grpc.StatusCode.DATA_LOSS, "lost count")

    def Metadata(self, request, context):
        WATCH.note_peer(context)
        context.send_initial_metadata(
            (*sorted(request.headers.items()), *sorted(request.binary_headers.items()))
        )
        context.set_trailing_metadata(
            (*sorted(request.trailers.items()), *sorted(request.binary_trailers.items()))
        )
        reply = echo_pb2.MetadataReply()
        for name, value in context.invocation_metadata():
            text = base64.b64encode(value).decode() if isinstance(value, bytes) else value
            reply.entries.add(name=name, value=text)
        return reply

    def Observe(self, request, context):
        return WATCH.observe(request.key)

    def Peers(self, request, context):
        with WATCH.changed:
            return echo_pb2.PeersReply(peers=sorted(WATCH.peers), calls=WATCH.calls)


def route(name):
    def handle(self, request, context):
        WATCH.note_peer(context)
        return routes_pb2.Routed(method=name, request=request)

    return handle


ROUTE_METHODS = routes_pb2.DESCRIPTOR.services_by_name["RouteService"].methods
Route = type(
    "Route",
    (routes_pb2_grpc.RouteServiceServicer,),
    {method.name: route(method.name) for method in ROUTE_METHODS},
)


def showcase(method):
    def handle(self, request, context):
        WATCH.note_peer(context)
        if method.client_streaming:
            replies = (
                showcase_pb2.ThingReply(method=method.name, request=each) for each in request
            )
            return replies if method.server_streaming else next(replies)
        reply = showcase_pb2.ThingReply(method=method.name, request=request)
        return iter([reply]) if method.server_streaming else reply

    return handle


SHOWCASE_METHODS = showcase_pb2.DESCRIPTOR.services_by_name["Showcase"].methods
Showcase = type(
    "Showcase",
    (showcase_pb2_grpc.ShowcaseServicer,),
    {method.name: showcase(method) for method in SHOWCASE_METHODS},
)


class Legacy(legacy_pb2_grpc.LegacyServiceServicer):
    def Echo(self, request, context):
        return request


def main():
    options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    for option in ARGUMENTS.option:
        name, value = option.split("=", 1)
        options.append((name, int(value)))
    server = grpc.server(
        concurrent.futures.ThreadPoolExecutor(max_workers=128), options=options
    )
    echo_pb2_grpc.add_EchoServiceServicer_to_server(Echo(), server)
    echo_pb2_grpc.add_TroubleServiceServicer_to_server(Trouble(), server)
    routes_pb2_grpc.add_RouteServiceServicer_to_server(Route(), server)
    echo_pb2_grpc.add_StreamServiceServicer_to_server(Streams(), server)
    legacy_pb2_grpc.add_LegacyServiceServicer_to_server(Legacy(), server)
    showcase_pb2_grpc.add_ShowcaseServicer_to_server(Showcase(), server)
    byte_service.add_to(server)
    port = server.add_insecure_port(f"127.0.0.1:{ARGUMENTS.port}")
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    server.start()
    print(port, flush=True)
    stop.wait()
    server.stop(GRACE_SECONDS).wait()


main()
