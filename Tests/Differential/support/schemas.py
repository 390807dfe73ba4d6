"""The types of the tests: one descriptor set for the codec and for Python."""

import pathlib
import subprocess

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
PROTOC = REPOSITORY / ".build/conformance/runner/protoc"

FILES = [
    # Of the conformance suite, except the unstable edition, which Python doesn't read.
    "conformance/conformance.proto",
    "conformance/messages/test_messages_proto2.proto",
    "conformance/messages/test_messages_proto3.proto",
    "conformance/messages/test_messages_proto2_editions.proto",
    "conformance/messages/test_messages_proto3_editions.proto",
    "conformance/messages/test_messages_edition2023.proto",
    # Of Protos and schemas.
    "everything.proto",
    "legacy.proto",
    "plain2.proto",
    "plain3.proto",
    "codec.proto",
    "catalogue.proto",
    "google/rpc/status.proto",
    "google/rpc/error_details.proto",
    "google/api/http.proto",
]

TYPES = [
    "protobuf_test_messages.proto2.TestAllTypesProto2",
    "protobuf_test_messages.proto3.TestAllTypesProto3",
    "protobuf_test_messages.editions.proto2.TestAllTypesProto2",
    "protobuf_test_messages.editions.proto3.TestAllTypesProto3",
    "protobuf_test_messages.editions.TestAllTypesEdition2023",
    "bridge.test.Everything",
    "bridge.test.legacy.Legacy",
    "bridge.test.plain2.Plain",
    "bridge.test.plain3.Plain",
    "bridge.bench.Order",
    "bridge.bench.Tensor",
    "bridge.bench.Node",
    "bridge.bench.Dictionary",
    "bridge.bench.Batch",
    "demo.catalogue.v1.Product",
    "demo.catalogue.v1.ListProductsResponse",
    "demo.catalogue.v1.PriceUpdate",
    "google.rpc.Status",
    "google.api.Http",
    "google.protobuf.Any",
    "google.protobuf.Value",
]

# Types packed in Any: some with their own JSON form, some without.
PACKABLE = [
    "google.protobuf.Any",
    "google.protobuf.BytesValue",
    "google.protobuf.Duration",
    "google.protobuf.FieldMask",
    "google.protobuf.FloatValue",
    "google.protobuf.Int64Value",
    "google.protobuf.StringValue",
    "google.protobuf.Struct",
    "google.protobuf.Timestamp",
    "google.protobuf.Value",
    "google.rpc.BadRequest",
    "google.rpc.ErrorInfo",
    "bridge.bench.Order",
    "bridge.test.Nested",
    "bridge.test.legacy.Legacy",
    "demo.catalogue.v1.Product",
    "protobuf_test_messages.proto3.TestAllTypesProto3",
]


def compile_types(path):
    """Writes the descriptor set of FILES. The protoc is that of the conformance suite: Debian's is
    too old for editions."""
    folders = ["Protos/test", "Protos/bench", "schemas/demo", "schemas"]
    subprocess.run(
        [PROTOC / "_bin/protoc", f"-I{PROTOC / 'include'}",
         *(f"-I{REPOSITORY / folder}" for folder in folders),
         "--include_imports", f"--descriptor_set_out={path}", *FILES],
        check=True,
    )  # fmt: skip


class Types:
    """Message classes by their names, only from a descriptor set."""

    def __init__(self, path):
        self.pool = descriptor_pool.DescriptorPool()
        for file in descriptor_pb2.FileDescriptorSet.FromString(path.read_bytes()).file:
            self.pool.Add(file)
        self.classes = {}

    def __getitem__(self, name):
        if name not in self.classes:
            descriptor = self.pool.FindMessageTypeByName(name)
            self.classes[name] = message_factory.GetMessageClass(descriptor)
        return self.classes[name]

    def find(self, type_url):
        """The descriptor of the type that an Any's URL names."""
        return self.pool.FindMessageTypeByName(type_url.rsplit("/", 1)[-1])

    def find_extension(self, descriptor, number):
        """The extension of a type with this number; None if there is none."""
        try:
            return self.pool.FindExtensionByNumber(descriptor, number)
        except KeyError:
            return None
