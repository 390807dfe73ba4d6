"""Certificates for one run, and peers that use TLS: gRPC servers and sockets, or plaintext ones."""

import concurrent.futures
import contextlib
import datetime
import ipaddress
import os
import pathlib
import socket
import ssl
import threading

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = datetime.timedelta(days=1)


class Pair:
    """A certificate and its key, as objects and as two PEM files."""

    def __init__(self, folder, name, certificate, key, chain=()):
        self.certificate, self.key = certificate, key
        self.certificate_path = pathlib.Path(folder) / f"{name}.pem"
        self.key_path = pathlib.Path(folder) / f"{name}.key"
        self.certificate_pem = b"".join(
            each.public_bytes(serialization.Encoding.PEM) for each in (certificate, *chain)
        )
        self.key_pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        self.certificate_path.write_bytes(self.certificate_pem)
        self.key_path.write_bytes(self.key_pem)

    @property
    def der(self):
        return self.certificate.public_bytes(serialization.Encoding.DER)


def subject_name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


class Authority:
    """A certificate authority that signs any request."""

    def __init__(self, folder, name="ca", parent=None):
        self.folder, self.name = pathlib.Path(folder), name
        key = ec.generate_private_key(ec.SECP256R1())
        builder = self.builder(name, key, parent.pair if parent else None).add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True
        )
        signer = parent.pair.key if parent else key
        self.pair = Pair(folder, name, builder.sign(signer, hashes.SHA256()), key)
        self.parent = parent

    @staticmethod
    def builder(name, key, issuer, start=-DAY, end=30 * DAY):
        now = datetime.datetime.now(datetime.timezone.utc)
        return (
            x509.CertificateBuilder()
            .subject_name(subject_name(name))
            .issuer_name(issuer.certificate.subject if issuer else subject_name(name))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + start)
            .not_valid_after(now + end)
        )

    @property
    def path(self):
        return self.pair.certificate_path

    def issue(self, name, *names, start=-DAY, end=30 * DAY):
        """A pair for these hosts and addresses."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = self.builder(name, key, self.pair, start, end)
        if names:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([general_name(each) for each in names]), critical=False
            )
        chain = (self.pair.certificate,) if self.parent else ()
        certificate = builder.sign(self.pair.key, hashes.SHA256())
        return Pair(self.folder, name, certificate, key, chain)


def general_name(text):
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


class GRPCServer:
    """The echo services by grpcio, with TLS, in this process."""

    def __init__(self, stubs, pair, client_ca=None, port=0):
        options = [
            ("grpc.max_receive_message_length", -1),
            ("grpc.max_send_message_length", -1),
            ("grpc.so_reuseport", 0),
        ]
        self.server = grpc.server(concurrent.futures.ThreadPoolExecutor(16), options=options)
        stubs.echo_grpc.add_EchoServiceServicer_to_server(echo(stubs), self.server)
        stubs.echo_grpc.add_StreamServiceServicer_to_server(chat(stubs), self.server)
        address = f"127.0.0.1:{port}"
        if pair is None:
            self.port = self.server.add_insecure_port(address)
        else:
            credentials = grpc.ssl_server_credentials(
                [(pair.key_pem, pair.certificate_pem)],
                root_certificates=client_ca.path.read_bytes() if client_ca else None,
                require_client_auth=client_ca is not None,
            )
            self.port = self.server.add_secure_port(address, credentials)
        self.server.start()

    def stop(self):
        self.server.stop(0).wait(10)


def echo(stubs):
    class Echo(stubs.echo_grpc.EchoServiceServicer):
        def Echo(self, request, context):
            return request

    return Echo()


def chat(stubs):
    class Chat(stubs.echo_grpc.StreamServiceServicer):
        def Chat(self, requests, context):
            for index, request in enumerate(requests):
                yield stubs.echo.ChatMessage(text=request.text, index=index)

    return Chat()


class SocketServer:
    """Accepts connections and runs a function for each, in a separate thread."""

    def __init__(self, serve):
        self.serve = serve
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.opened = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                connection.settimeout(20)
                self.opened.append(connection)
                threading.Thread(target=self.run, args=(connection,), daemon=True).start()

    def run(self, connection):
        with contextlib.suppress(OSError):
            self.serve(connection)

    def stop(self):
        self.listener.close()
        for connection in self.opened:
            connection.close()


def server_context(pair, alpn=(), version=None):
    """The context of a TLS server of the standard library."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate_path, pair.key_path)
    if alpn:
        context.set_alpn_protocols(list(alpn))
    if version is not None:
        context.minimum_version = context.maximum_version = version
    return context


def terminator(context, port):
    """Terminates TLS and forwards to a plaintext port."""

    def serve(connection):
        secure = context.wrap_socket(connection, server_side=True)
        inner = socket.create_connection(("127.0.0.1", port), timeout=20)
        threading.Thread(target=copy, args=(inner, secure), daemon=True).start()
        copy(secure, inner)

    return SocketServer(serve)


def copy(source, sink):
    with contextlib.suppress(OSError, ValueError):
        while part := source.recv(65536):
            sink.sendall(part)
    with contextlib.suppress(OSError):
        sink.close()


def replace(path, content):
    """Replaces this file atomically by another one."""
    temporary = pathlib.Path(f"{path}.new")
    temporary.write_bytes(content)
    os.replace(temporary, path)
