"""A gRPC server whose services come only from a descriptor set, and that offers reflection.

    reflection_server.py SET [--port N] [--versions v1,v1alpha] [--services a.B,c.D] [--manner NAME]
                         [--about NAME] [--token TEXT] [--certificate PEM --key PEM]

Every method returns its request; those whose names start with Slow take some seconds. `--manner` selects
how it responds to reflection requests, see `Reflection`; `package` leaves them to grpcio-reflection, which
only supports v1alpha. Prints its port as its first line, and a line when a slow call arrives. SIGTERM stops
it as grpcio does.
"""

import argparse
import concurrent.futures
import itertools
import os
import pathlib
import signal
import threading
import time

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool
from grpc_reflection.v1alpha import reflection, reflection_pb2

NAMES = {
    "v1": "grpc.reflection.v1.ServerReflection",
    "v1alpha": "grpc.reflection.v1alpha.ServerReflection",
}
MANY = 10_000


def parse_arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("set", type=pathlib.Path)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--versions", default="v1,v1alpha")
    parser.add_argument("--services", default="")
    parser.add_argument("--manner", default="whole")
    parser.add_argument("--about", default="", help="the file or service that the manner is about")
    parser.add_argument("--token", default="", help="required value of the authorization header")
    parser.add_argument("--certificate", type=pathlib.Path, help="speaks TLS with it")
    parser.add_argument("--key", type=pathlib.Path)
    return parser.parse_args()


class Reflection:
    """Responds to reflection requests in one of these manners:

    whole      a file is sent with all its imports
    single     a file is sent without its imports
    silent     no response
    garbage    bytes that aren't a valid message
    endless    responses are sent even without requests
    many       a file is sent with ten thousand others
    lost       the file `about` is reported missing, and never sent with others
    undescribed  the service `about` is reported missing
    differing  the file `about` differs each time it's sent
    wrong      every response is a list of services
    """

    def __init__(self, files, services, arguments):
        self.files = {file.name: file for file in files}
        self.services = services
        self.manner = arguments.manner
        self.about = arguments.about
        self.token = arguments.token
        self.times = itertools.count()

    def respond(self, requests, context):
        metadata = dict(context.invocation_metadata())
        if self.token and metadata.get("authorization") != self.token:
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "who are you?")
        if self.manner == "endless":
            while context.is_active():
                yield self.list_services().SerializeToString()
        for data in requests:
            if self.manner == "silent":
                while context.is_active():
                    time.sleep(0.05)
                return
            if self.manner == "garbage":
                yield os.urandom(200)
                continue
            request = reflection_pb2.ServerReflectionRequest.FromString(data)
            response = self.one(request)
            response.original_request.CopyFrom(request)
            yield response.SerializeToString()

    def one(self, request):
        kind = request.WhichOneof("message_request")
        if kind == "list_services" or self.manner == "wrong":
            return self.list_services()
        if kind == "file_by_filename":
            return self.whole(request.file_by_filename)
        symbol = request.file_containing_symbol
        if self.manner == "undescribed" and symbol == self.about:
            return self.error(f"no symbol {symbol}")
        for file in self.files.values():
            if symbol in declared(file):
                return self.whole(file.name)
        return self.error(f"no symbol {symbol}")

    def list_services(self):
        response = reflection_pb2.ServerReflectionResponse()
        for name in self.services:
            response.list_services_response.service.add(name=name)
        return response

    def whole(self, name):
        if name not in self.files or (self.manner == "lost" and name == self.about):
            return self.error(f"no file {name}")
        names = [name]
        if self.manner != "single":
            for each in names:
                more = self.files[each].dependency
                names += [one for one in more if one not in names and one in self.files]
        response = reflection_pb2.ServerReflectionResponse()
        content = response.file_descriptor_response.file_descriptor_proto
        for each in names:
            if self.manner == "lost" and each == self.about:
                continue
            file = self.files[each]
            if self.manner == "differing" and each == self.about:
                file = descriptor_pb2.FileDescriptorProto.FromString(file.SerializeToString())
                file.message_type.add(name=f"Added{next(self.times)}")
            content.append(file.SerializeToString())
        if self.manner == "many":
            for index in range(MANY):
                file = descriptor_pb2.FileDescriptorProto(name=f"many/{index}.proto")
                content.append(file.SerializeToString())
        return response

    @staticmethod
    def error(message):
        response = reflection_pb2.ServerReflectionResponse()
        response.error_response.error_code = grpc.StatusCode.NOT_FOUND.value[0]
        response.error_response.error_message = message
        return response


def declared(file):
    return [f"{file.package}.{service.name}".lstrip(".") for service in file.service]


def slow(request, context):
    print("a slow call has arrived", flush=True)
    time.sleep(3)
    return request


def handler(method):
    if method.client_streaming or method.server_streaming:
        return grpc.stream_stream_rpc_method_handler(lambda requests, context: requests)
    if method.name.startswith("Slow"):
        return grpc.unary_unary_rpc_method_handler(slow)
    return grpc.unary_unary_rpc_method_handler(lambda request, context: request)


def main():
    arguments = parse_arguments()
    files = descriptor_pb2.FileDescriptorSet.FromString(arguments.set.read_bytes()).file
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(max_workers=16))
    services = []
    for file in files:
        for name, service in zip(declared(file), file.service):
            services.append(name)
            handlers = {method.name: handler(method) for method in service.method}
            server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(name, handlers)])
    versions = [NAMES[version] for version in arguments.versions.split(",") if version]
    offered = arguments.services.split(",") if arguments.services else services
    if arguments.manner == "package":
        pool = descriptor_pool.DescriptorPool()
        for file in files:
            pool.Add(file)
        versions = []
        reflection.enable_server_reflection([*offered, reflection.SERVICE_NAME], server, pool)
    service = Reflection(files, [*offered, *versions], arguments)
    for version in versions:
        handlers = {
            "ServerReflectionInfo": grpc.stream_stream_rpc_method_handler(service.respond)
        }
        server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(version, handlers)])
    address = f"127.0.0.1:{arguments.port}"
    if arguments.certificate:
        pair = (arguments.key.read_bytes(), arguments.certificate.read_bytes())
        port = server.add_secure_port(address, grpc.ssl_server_credentials([pair]))
    else:
        port = server.add_insecure_port(address)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    server.start()
    print(port, flush=True)
    stop.wait()
    server.stop(5).wait()


main()
