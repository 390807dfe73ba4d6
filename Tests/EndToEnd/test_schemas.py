"""The built-in schemas are equivalent to the published ones.

They were rewritten, so each is compiled and compared with the descriptor in the Python packages `protobuf`
and `googleapis-common-protos`: every message, field, enum value, extension, reserved range, and every
option that changes the wire format or the JSON.
"""

import importlib
import pathlib
import subprocess
import sys

import pytest
from google.api import annotations_pb2  # noqa: F401  (registers the http option)
from google.protobuf import descriptor_pb2

SCHEMAS = pathlib.Path(__file__).resolve().parents[2] / "schemas"

FILES = [
    f"{package}/{name}.proto"
    for package, names in {
        "google/protobuf": "any api descriptor duration empty field_mask source_context struct"
        " timestamp type wrappers",
        "google/api": "annotations http httpbody client field_behavior resource launch_stage"
        " routing",
        "google/rpc": "status code error_details",
    }.items()
    for name in names.split()
]

# Where an option may be used, and the related messages: only for compilers, which have them built in. (File
# options are for code generators, those of extension ranges for compilers.)
COMPILER_ONLY = {descriptor_pb2.FieldOptions: ["feature_support"]}


def compile_with_protoc(*files, include, command=("protoc",)):
    """The descriptor set of `files`, compiled with nothing but the folders given."""
    include = [f"-I{folder}" for folder in include]
    done = subprocess.run(
        [*command, *include, "--include_imports", "--descriptor_set_out=/dev/stdout", *files],
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr.decode()
    return descriptor_pb2.FileDescriptorSet.FromString(done.stdout)


@pytest.fixture(scope="module")
def ours():
    return {file.name: file for file in compile_with_protoc(*FILES, include=[SCHEMAS]).file}


def published(name):
    module = importlib.import_module(name.replace("/", ".").removesuffix(".proto") + "_pb2")
    file = descriptor_pb2.FileDescriptorProto()
    module.DESCRIPTOR.CopyToProto(file)
    return file


def camel_case(name):
    first, *rest = name.split("_")
    return first + "".join(part[:1].upper() + part[1:] for part in rest)


def facts(file):
    """The contents of a descriptor, one line per fact, in an order independent of the file's."""
    lines = {f"syntax {file.syntax or 'proto2'}", f"package {file.package}"}
    lines |= {f"import {name}" for name in file.dependency}

    def options(element):
        """Options as text."""
        value = element.options
        copy = type(value)()
        copy.CopyFrom(value)
        for name in COMPILER_ONLY.get(type(value), []):
            copy.ClearField(name)
        return " ".join(str(copy).split())

    def field(scope, it, kind="field"):
        label = descriptor_pb2.FieldDescriptorProto.Label.Name(it.label)
        type_ = descriptor_pb2.FieldDescriptorProto.Type.Name(it.type)
        oneof = it.oneof_index if it.HasField("oneof_index") else "-"
        lines.add(
            f"{kind} {scope}.{it.name} = {it.number}: {label} {type_} {it.type_name}"
            f" json={it.json_name or camel_case(it.name)} default={it.default_value!r}"
            f" oneof={oneof} optional={it.proto3_optional} extends={it.extendee}"
            f" options={options(it)}"
        )

    def enum(scope, it):
        name = f"{scope}.{it.name}"
        lines.add(f"enum {name} options={options(it)}")
        for place, value in enumerate(it.value):
            lines.add(f"value {name}.{value.name} = {value.number} {place} {options(value)}")
        lines.update(f"reserved {name} {r.start}..{r.end}" for r in it.reserved_range)
        lines.update(f"reserved {name} {reserved}" for reserved in it.reserved_name)

    def message(scope, it):
        name = f"{scope}.{it.name}"
        lines.add(f"message {name} options={options(it)}")
        lines.update(f"oneof {name} {n} {oneof.name}" for n, oneof in enumerate(it.oneof_decl))
        lines.update(f"reserved {name} {r.start}..{r.end}" for r in it.reserved_range)
        lines.update(f"reserved {name} {reserved}" for reserved in it.reserved_name)
        lines.update(f"extensions {name} {r.start}..{r.end}" for r in it.extension_range)
        for each in it.field:
            field(name, each)
        for each in it.extension:
            field(name, each, "extension")
        for each in it.nested_type:
            message(name, each)
        for each in it.enum_type:
            enum(name, each)

    for each in file.message_type:
        message(file.package, each)
    for each in file.enum_type:
        enum(file.package, each)
    for each in file.extension:
        field(file.package, each, "extension")
    return lines


@pytest.mark.parametrize("name", FILES)
def test_is_equivalent_to_the_published_schema(name, ours):
    mine, theirs = facts(ours[name]), facts(published(name))
    assert len(theirs) >= 3, "the comparison found nothing to compare"
    assert sorted(mine - theirs) == []
    assert sorted(theirs - mine) == []


def test_every_schema_is_compared():
    found = {str(path.relative_to(SCHEMAS)) for path in (SCHEMAS / "google").rglob("*.proto")}
    assert found == set(FILES)


USER_PROTO = """
syntax = "proto3";
package user;
import "google/api/annotations.proto";
import "google/api/client.proto";
import "google/api/field_behavior.proto";
import "google/protobuf/timestamp.proto";
message Request {
  string name = 1 [(google.api.field_behavior) = REQUIRED];
  google.protobuf.Timestamp at = 2;
}
service Greeter {
  option (google.api.default_host) = "greeter.example";
  rpc Greet(Request) returns (Request) {
    option (google.api.http) = {
      get: "/v1/{name=greetings/*}"
      additional_bindings { post: "/v1/greet" body: "*" }
    };
  }
}
"""

EDITION_PROTO = """
edition = "2023";
package user;
option features.field_presence = IMPLICIT;
import "google/api/annotations.proto";
import "google/protobuf/descriptor.proto";
message Request {
  string name = 1 [features.field_presence = EXPLICIT];
  repeated int32 sizes = 2 [features.repeated_field_encoding = EXPANDED];
  google.protobuf.DescriptorProto type = 3 [features.message_encoding = DELIMITED];
}
service Greeter {
  rpc Greet(Request) returns (Request) {
    option (google.api.http) = { get: "/v1/greet" };
  }
}
"""

NEWER_PROTOC = (sys.executable, "-m", "grpc_tools.protoc")


@pytest.mark.parametrize(
    ("source", "command"),
    [(USER_PROTO, ("protoc",)), (USER_PROTO, NEWER_PROTOC), (EDITION_PROTO, NEWER_PROTOC)],
    ids=["proto3 with protoc", "proto3 with a newer protoc", "edition 2023 with a newer protoc"],
)
def test_files_of_users_compile_against_only_these_schemas(source, command, tmp_path):
    (tmp_path / "user.proto").write_text(source)
    compiled = compile_with_protoc("user.proto", include=[tmp_path, SCHEMAS], command=command)
    by_name = {file.name: file for file in compiled.file}
    method = by_name["user.proto"].service[0].method[0]
    rule = method.options.Extensions[annotations_pb2.http]
    assert rule.get.startswith("/v1/")
    assert len(rule.additional_bindings) == (1 if source is USER_PROTO else 0)
