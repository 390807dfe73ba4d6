"""A simulator of a Nacos server: its HTTP API of versions 1 to 3 and its gRPC, in this process.

It follows the registry's own sources and clients; `test_nacos_simulator.py` verifies it with the vendor's
own client. Tests change it through its methods while it runs.
"""

import base64
import concurrent.futures
import hashlib
import hmac
import http.server
import itertools
import json
import queue
import socket
import threading
import time
import urllib.parse

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

GRPC_OFFSET = 1000
TEXT, MESSAGE = 9, 11
ONE, MANY = 1, 3


def _payload_class():
    """`Payload`, by its field numbers."""
    file = descriptor_pb2.FileDescriptorProto(name="simulator/payload.proto", package="simulator")
    any_ = file.message_type.add(name="Any")
    any_.field.add(name="type_url", number=1, type=TEXT, label=ONE)
    any_.field.add(name="value", number=2, type=12, label=ONE)
    metadata = file.message_type.add(name="Metadata")
    metadata.field.add(name="type", number=3, type=TEXT, label=ONE)
    entry = metadata.nested_type.add(name="HeadersEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, type=TEXT, label=ONE)
    entry.field.add(name="value", number=2, type=TEXT, label=ONE)
    metadata.field.add(
        name="headers", number=7, type=MESSAGE, label=MANY,
        type_name=".simulator.Metadata.HeadersEntry",
    )  # fmt: skip
    metadata.field.add(name="clientIp", number=8, type=TEXT, label=ONE)
    payload = file.message_type.add(name="Payload")
    payload.field.add(
        name="metadata", number=2, type=MESSAGE, label=ONE, type_name=".simulator.Metadata"
    )
    payload.field.add(name="body", number=3, type=MESSAGE, label=ONE, type_name=".simulator.Any")
    file.syntax = "proto3"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("simulator.Payload"))


Payload = _payload_class()


def pack(kind, body):
    payload = Payload()
    payload.metadata.type = kind
    payload.body.value = json.dumps(body).encode()
    return payload


def unpack(payload):
    """Type, body and header fields."""
    body = json.loads(payload.body.value or b"{}")
    return payload.metadata.type, body, dict(payload.metadata.headers)


def reply(**more):
    return {"resultCode": 200, "errorCode": 0, "message": "success", "success": True, **more}


def refusal(code, message):
    return "ErrorResponse", {
        "resultCode": 500, "errorCode": code, "message": message, "success": False,
    }  # fmt: skip


def ports():
    """Two free ports, the second a thousand above the first."""
    for _ in range(200):
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1]
            if port + GRPC_OFFSET > 65535:
                continue
            try:
                second.bind(("127.0.0.1", port + GRPC_OFFSET))
            except OSError:
                continue
            return port
    raise AssertionError("no two free ports a thousand apart")


class Session:
    """A client's gRPC connection. The server identifies it only by its socket."""

    def __init__(self, peer, setup):
        self.peer = peer
        self.setup = setup
        self.outgoing = queue.Queue()
        self.subscriptions = set()
        self.owned = set()
        self.pending = {}  # request id: (when it was sent, kind, body)
        self.responses = []  # (kind, body)
        self.is_forgotten = False

    def send(self, kind, body):
        if "requestId" in body:
            self.pending[body["requestId"]] = (time.monotonic(), kind, body)
        self.outgoing.put(pack(kind, body))


class Nacos:
    """The simulator. `version` is "1", "2" or "3"; `users` maps names to passwords."""

    def __init__(self, version="2", users=None, keys=None, negotiates=True, push_again=1.0):
        self.version = version
        self.users = dict(users or {})
        self.keys = dict(keys or {})
        self.negotiates = negotiates
        self.push_again = push_again
        self.cache_milliseconds = 10_000
        self.token_seconds = 18_000
        self.starting = False
        self.is_healthy = True
        self.protected = False
        self.status = None  # returned for every HTTP request instead
        self.lock = threading.RLock()
        self.instances = {}  # (namespace, group, service): {(ip, port, cluster): instance}
        self.made_at = {}
        self.sessions = {}
        self.tokens = {}
        self.http_calls = []
        self.grpc_calls = []  # (peer, kind, body, fields)
        self.numbers = itertools.count(1)
        self.has_ended = threading.Event()
        self.port = ports()
        self.address = f"127.0.0.1:{self.port}"
        self._start()

    # -- For tests

    def register(self, service, ip, port, group="pai-eas", namespace="public", **more):
        cluster = more.pop("clusterName", "") or "DEFAULT"
        with self.lock:
            key = (namespace, group, service)
            self.instances.setdefault(key, {})[ip, port, cluster] = {
                "instanceId": f"{ip}#{port}#{cluster}#{group}@@{service}", "ip": ip, "port": port,
                "weight": 1.0, "healthy": True, "enabled": True, "ephemeral": True,
                "clusterName": cluster, "serviceName": f"{group}@@{service}", "metadata": {},
                **more,
            }  # fmt: skip
            self._changed(key)

    def deregister(self, service, ip, port, group="pai-eas", namespace="public", cluster="DEFAULT"):
        with self.lock:
            key = (namespace, group, service)
            self.instances.get(key, {}).pop((ip, port, cluster or "DEFAULT"), None)
            self._changed(key)

    def subscribed(self):
        """The sessions with a subscription."""
        with self.lock:
            return [session for session in self.sessions.values() if session.subscriptions]

    def push_old(self, service, group="pai-eas", namespace="public"):
        """Pushes an empty list with an older timestamp than the previous push."""
        key = (namespace, group, service)
        with self.lock:
            info = {**self._service_info(key), "hosts": [], "lastRefTime": 1}
            for session in self.subscribed():
                self._push(session, key, info)

    def probe_clients(self):
        """Sends each client a keepalive request; returns the request's number."""
        number = str(next(self.numbers))
        for session in list(self.sessions.values()):
            session.send("ClientDetectionRequest", {"requestId": number, "module": "internal"})
        return number

    def redirect_clients(self, address=None):
        """Asks each client to reconnect, optionally to the named server."""
        number = str(next(self.numbers))
        body = {"requestId": number, "module": "internal"}
        if address:
            host, port = address.split(":")
            body |= {"serverIp": host, "serverPort": port}
        for session in list(self.sessions.values()):
            session.send("ConnectResetRequest", body)
        return number

    def forget_clients(self):
        """Forgets its clients and leaves their connections open."""
        with self.lock:
            for session in self.sessions.values():
                session.is_forgotten = True

    def forget_tokens(self):
        with self.lock:
            self.tokens.clear()

    def drop_clients(self):
        """Closes all streams."""
        for session in list(self.sessions.values()):
            session.outgoing.put(None)

    def responses_to(self, number):
        """The responses on streams to this request number."""
        return [
            (kind, body) for session in list(self.sessions.values())
            for kind, body in session.responses if body.get("requestId") == number
        ]  # fmt: skip

    def stop(self):
        if self.has_ended.is_set():
            return
        self.has_ended.set()
        self.drop_clients()
        self.grpc.stop(0.2).wait(5)
        self.http.shutdown()
        self.http.server_close()

    # -- State

    def _changed(self, key):
        self.made_at[key] = max(int(time.time() * 1000), self.made_at.get(key, 0) + 1)
        for session in self.sessions.values():
            if key in session.subscriptions:
                self._push(session, key, self._service_info(key))

    def _push(self, session, key, info):
        namespace, group, service = key
        session.send(
            "NotifySubscriberRequest",
            {
                "requestId": str(next(self.numbers)), "namespace": namespace,
                "serviceName": service, "groupName": group, "serviceInfo": info,
                "module": "naming",
            },
        )  # fmt: skip

    def _service_info(self, key, clusters="", name=None):
        """Over gRPC the bare name, over HTTP with its group as a prefix."""
        _, group, service = key
        wanted = [name for name in clusters.split(",") if name]
        hosts = [
            instance for instance in self.instances.get(key, {}).values()
            if not wanted or instance["clusterName"] in wanted
        ]  # fmt: skip
        return {
            "name": name or service, "groupName": group, "clusters": clusters,
            "cacheMillis": self.cache_milliseconds, "hosts": hosts,
            "lastRefTime": self.made_at.get(key, 0), "checksum": "", "allIps": False,
            "reachProtectionThreshold": self.protected, "valid": True,
        }  # fmt: skip

    def _log_in(self, name, password):
        if self.users.get(name) != password or name not in self.users:
            return None
        token = f"token-{next(self.numbers)}-of-{name}"
        with self.lock:
            self.tokens[token] = time.monotonic() + self.token_seconds
        return {
            "accessToken": token, "tokenTtl": self.token_seconds, "globalAdmin": True,
            "username": name,
        }  # fmt: skip

    def _may(self, fields):
        """Whether a client with these fields is authorized."""
        if not self.users and not self.keys:
            return True
        with self.lock:
            if self.tokens.get(fields.get("accessToken", ""), 0) > time.monotonic():
                return True
        secret = self.keys.get(fields.get("ak", ""))
        if secret is None:
            return False
        mac = hmac.new(secret.encode(), fields.get("data", "").encode(), hashlib.sha1).digest()
        return hmac.compare_digest(fields.get("signature", ""), base64.b64encode(mac).decode())

    # -- gRPC

    def _start(self):
        simulator = self

        class Handler(_Handler):
            nacos = simulator

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.http.daemon_threads = True
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()
        coding = {
            "request_deserializer": Payload.FromString,
            "response_serializer": Payload.SerializeToString,
        }
        self.grpc = grpc.server(concurrent.futures.ThreadPoolExecutor(32))
        self.grpc.add_generic_rpc_handlers((
            grpc.method_handlers_generic_handler(
                "Request",
                {"request": grpc.unary_unary_rpc_method_handler(self._request, **coding)},
            ),
            grpc.method_handlers_generic_handler(
                "BiRequestStream",
                {"requestBiStream": grpc.stream_stream_rpc_method_handler(self._stream, **coding)},
            ),
        ))  # fmt: skip
        assert self.grpc.add_insecure_port(f"127.0.0.1:{self.port + GRPC_OFFSET}")
        self.grpc.start()
        threading.Thread(target=self._push_again, daemon=True).start()

    def _push_again(self):
        """Resends unacknowledged pushes, as the registry does."""
        while not self.has_ended.wait(0.05):
            for session in list(self.sessions.values()):
                for number, (sent, kind, body) in list(session.pending.items()):
                    late = time.monotonic() - sent > self.push_again
                    if late and kind == "NotifySubscriberRequest":
                        session.send(kind, {**body, "requestId": number})

    def _stream(self, requests, context):
        kind, setup, _ = unpack(next(requests))
        if kind != "ConnectionSetupRequest":
            return
        peer = context.peer()
        session = Session(peer, setup)
        with self.lock:
            self.sessions[peer] = session
        context.add_callback(lambda: session.outgoing.put(None))
        threading.Thread(target=self._listen, args=(session, requests), daemon=True).start()
        if self.negotiates and setup.get("abilityTable") is not None:
            session.outgoing.put(
                pack(
                    "SetupAckRequest",
                    {"abilityTable": {"supportPersistentInstanceByGrpc": True}},
                )
            )
        try:
            while (payload := session.outgoing.get()) is not None:
                yield payload
            if context.is_active():
                context.abort(grpc.StatusCode.UNAVAILABLE, "dropped")
        finally:
            with self.lock:
                self.sessions.pop(peer, None)
                for key, place in session.owned:
                    self.instances.get(key, {}).pop(place, None)
                    self._changed(key)

    def _listen(self, session, requests):
        try:
            for payload in requests:
                kind, body, _ = unpack(payload)
                session.pending.pop(body.get("requestId"), None)
                session.responses.append((kind, body))
        except Exception:  # the client has disconnected
            pass

    def _request(self, payload, context):
        kind, body, fields = unpack(payload)
        peer = context.peer()
        self.grpc_calls.append((peer, kind, body, fields))
        return pack(*self._handle(peer, kind, body, fields))

    def _handle(self, peer, kind, body, fields):
        if self.starting:
            return refusal(300, "Server is starting,please try later.")
        if kind == "ServerCheckRequest":
            more = {"supportAbilityNegotiation": True} if self.negotiates else {}
            address = peer.removeprefix("ipv4:").replace(":", "_")
            return "ServerCheckResponse", reply(
                connectionId=f"{int(time.time() * 1000)}_{address}", **more
            )
        with self.lock:
            session = self.sessions.get(peer)
            if session is None or session.is_forgotten:
                return refusal(301, "Connection is unregistered.")
            if kind == "HealthCheckRequest":
                if not self.is_healthy:
                    return refusal(500, "not well")
                return "HealthCheckResponse", reply()
            if not self._may(fields):
                return refusal(403, "authorization failed!")
            key = (
                body.get("namespace") or "public", body.get("groupName") or "DEFAULT_GROUP",
                body.get("serviceName", ""),
            )  # fmt: skip
            if kind == "SubscribeServiceRequest":
                if body.get("subscribe"):
                    session.subscriptions.add(key)
                else:
                    session.subscriptions.discard(key)
                info = self._service_info(key, body.get("clusters") or "")
                return "SubscribeServiceResponse", reply(serviceInfo=info)
            if kind == "ServiceQueryRequest":
                info = self._service_info(key, body.get("cluster") or "")
                return "QueryServiceResponse", reply(serviceInfo=info)
            if kind == "InstanceRequest":
                return self._instance(session, key, body)
        return refusal(302, f"RequestHandler Not Found: {kind}")

    def _instance(self, session, key, body):
        namespace, group, service = key
        instance = dict(body["instance"])
        ip, port = instance.pop("ip"), instance.pop("port")
        cluster = instance.get("clusterName") or "DEFAULT"
        if body["type"] == "registerInstance":
            for name in ("instanceId", "serviceName"):
                instance.pop(name, None)
            self.register(service, ip, port, group, namespace, **instance)
            session.owned.add((key, (ip, port, cluster)))
        else:
            self.deregister(service, ip, port, group, namespace, cluster)
            session.owned.discard((key, (ip, port, cluster)))
        return "InstanceResponse", reply(type=body["type"])


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    nacos = None

    def log_message(self, *arguments):
        pass

    def do_GET(self):
        self.handle_any()

    do_POST = do_PUT = do_DELETE = do_GET

    def handle_any(self):
        length = int(self.headers.get("content-length", 0))
        form = self.rfile.read(length).decode() if length else ""
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(f"{url.query}&{form}", keep_blank_values=True))
        nacos = self.nacos
        if nacos.has_ended.is_set():
            self.close_connection = True
            return None
        nacos.http_calls.append((self.command, url.path, query, dict(self.headers.items())))
        if nacos.status is not None:
            return self.respond(nacos.status, b"no")
        path = url.path.removeprefix("/nacos")
        if path == url.path:
            return self.respond(404, b"not found")
        if "/auth/" in path:
            return self.log_in(path, query)
        fields = {name: self.headers.get(name, "") for name in ("ak", "data", "signature")}
        bearer = self.headers.get("authorization", "").removeprefix("Bearer ")
        fields["accessToken"] = query.get("accessToken") or self.headers.get("accessToken") or bearer
        if not nacos._may(fields):
            return self.respond(403, b'{"status":403,"error":"Forbidden","message":"user not found!"}')
        with nacos.lock:
            self.registry(path, query)

    def log_in(self, path, query):
        nacos = self.nacos
        paths = {
            "1": {"/v1/auth/users/login", "/v1/auth/login"},
            "2": {"/v1/auth/users/login", "/v1/auth/login"},
            "3": {"/v1/auth/users/login", "/v3/auth/user/login"},
        }
        if path not in paths[nacos.version]:
            return self.respond(404, b"not found")
        session = nacos._log_in(query.get("username", ""), query.get("password", ""))
        if session is None:
            return self.respond(403, b"unknown user!")
        self.json(session)

    def registry(self, path, query):
        nacos = self.nacos
        group, _, service = query.get("serviceName", "").rpartition("@@")
        group = group or query.get("groupName") or "DEFAULT_GROUP"
        namespace = query.get("namespaceId") or "public"
        key = (namespace, group, service)
        if path == "/v1/ns/instance/list":
            name = f"{group}@@{service}"
            return self.json(nacos._service_info(key, query.get("clusters", ""), name))
        if path == "/v2/ns/instance/list" and nacos.version != "1":
            if nacos.version == "3":
                return self.json({"code": 40000, "message": "API deprecated"}, 410)
            return self.enveloped(nacos._service_info(key, query.get("clusterName", "")))
        if path == "/v3/client/ns/instance/list" and nacos.version == "3":
            hosts = nacos._service_info(key, query.get("clusterName", ""))["hosts"]
            return self.enveloped([one for one in hosts if one["enabled"]])
        if path == "/v1/ns/instance" and self.command in ("POST", "DELETE"):
            ip, port, cluster = query["ip"], int(query["port"]), query.get("clusterName", "")
            if self.command == "DELETE":
                nacos.deregister(service, ip, port, group, namespace, cluster)
            else:
                nacos.register(
                    service, ip, port, group, namespace, clusterName=cluster,
                    weight=float(query.get("weight", 1)),
                    healthy=query.get("healthy", "true") == "true",
                    enabled=query.get("enabled", "true") == "true",
                )  # fmt: skip
            return self.respond(200, b"ok")
        if path == "/v1/ns/instance/beat" and self.command == "PUT":
            return self.json({"clientBeatInterval": 5000, "code": 10200, "lightBeatEnabled": True})
        self.respond(404, b"not found")

    def enveloped(self, data):
        self.json({"code": 0, "message": "success", "data": data})

    def json(self, value, status=200):
        self.respond(status, json.dumps(value).encode(), "application/json")

    def respond(self, status, body, kind="text/plain"):
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
