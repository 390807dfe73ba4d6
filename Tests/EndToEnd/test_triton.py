"""Real inference input: the KServe v2 schema from `tritonclient`, and a tensor to compute.

The schema is read from the package at run time. It has no HTTP rules, so methods are called by name; a copy
gets rules of the form that KServe uses for HTTP.
"""

import pathlib
import sys

import numpy
import pytest
from google.api import annotations_pb2
from google.protobuf import descriptor_pb2, json_format
from support.processes import Process
from tritonclient.grpc import service_pb2

SERVER = pathlib.Path(__file__).resolve().parent / "peers" / "triton_server.py"
SERVICE = "/inference.GRPCInferenceService"
COUNT = 10_000


def collect(file, into):
    """Adds a file to a descriptor set, after all its imports."""
    for imported in file.dependencies:
        collect(imported, into)
    if file.name not in [each.name for each in into.file]:
        file.CopyToProto(into.file.add())


@pytest.fixture(scope="module")
def published():
    """The published descriptor set of the service."""
    schemas = descriptor_pb2.FileDescriptorSet()
    collect(service_pb2.DESCRIPTOR, schemas)
    return schemas


RULES = {
    "ServerLive": {"get": "/v2/health/live"},
    "ModelMetadata": {
        "get": "/v2/models/{name}",
        "additional_bindings": [{"get": "/v2/models/{name}/versions/{version}"}],
    },
    "ModelInfer": {
        "post": "/v2/models/{model_name}/infer",
        "body": "*",
        "additional_bindings": [
            {"post": "/v2/models/{model_name}/versions/{model_version}/infer", "body": "*"}
        ],
    },
}


@pytest.fixture(scope="module")
def ruled(published):
    """The same with HTTP rules, and with the files that define them."""
    schemas = descriptor_pb2.FileDescriptorSet()
    collect(annotations_pb2.DESCRIPTOR, schemas)
    known = {file.name for file in schemas.file}
    schemas.file.extend(file for file in published.file if file.name not in known)
    file = schemas.file[-1]
    file.dependency.append("google/api/annotations.proto")
    for method in file.service[0].method:
        if method.name in RULES:
            json_format.ParseDict(
                RULES[method.name], method.options.Extensions[annotations_pb2.http]
            )
    return schemas


@pytest.fixture(scope="module")
def triton(tmp_path_factory):
    server = Process("triton", [sys.executable, SERVER], tmp_path_factory.mktemp("triton"))
    try:
        yield f"127.0.0.1:{server.wait_for_line(r'^([0-9]+)$')[1]}"
        assert server.stop() == 0
    finally:
        server.end()


@pytest.fixture
def serve(start_bridge, triton, tmp_path):
    def serve(schemas):
        path = tmp_path / "triton.binpb"
        path.write_bytes(schemas.SerializeToString())
        return start_bridge({"triton": {"schemas": [path], "endpoint": triton}})

    return serve


@pytest.fixture(scope="module")
def numbers():
    """Ten thousand float32 of all magnitudes, including extremes."""
    random = numpy.random.default_rng(20240229)
    values = random.standard_normal(COUNT) * 10.0 ** random.integers(-30, 30, COUNT)
    values[:6] = [0.0, -0.0, 1e-45, 16777217.0, 1.5e38, -1e-38]
    return values.astype(numpy.float32)


def request(numbers):
    return {
        "id": "call-1",
        "inputs": [
            {
                "name": "x", "datatype": "FP32", "shape": [str(COUNT)],
                "contents": {"fp32Contents": [float(number) for number in numbers]},
            }
        ],
        "parameters": {"priority": {"int64Param": "5"}, "note": {"stringParam": "ünï"}},
    }  # fmt: skip


def check(reply, numbers):
    assert reply.status_code == 200, reply.text[:2000]
    result = reply.json()
    assert (result["modelName"], result["id"]) == ("line", "call-1")
    assert result["parameters"] == {"scale": {"int64Param": "2"}}
    (output,) = result["outputs"]
    assert (output["name"], output["datatype"], output["shape"]) == ("y", "FP32", [str(COUNT)])
    got = output["contents"]["fp32Contents"]
    wanted = numbers * numpy.float32(2) + numpy.float32(1)
    assert len(got) == COUNT
    for index in range(COUNT):
        number = numpy.float32(got[index])
        assert number.tobytes() == wanted[index].tobytes(), f"number {index} of the tensor"
    return result


def test_a_tensor_by_the_method_s_name(serve, published, numbers, http):
    bridge = serve(published)
    body = request(numbers) | {"modelName": "line"}
    for _ in range(3):
        reply = http.post(f"{bridge.url}{SERVICE}/ModelInfer", json=body, timeout=60)
        result = check(reply, numbers)
    assert json_format.ParseDict(result, service_pb2.ModelInferResponse())


@pytest.mark.parametrize("path", ["/v2/models/line/infer", "/v2/models/line/versions/1/infer"])
def test_a_tensor_by_path(path, serve, ruled, numbers, http):
    bridge = serve(ruled)
    check(http.post(bridge.url + path, json=request(numbers), timeout=60), numbers)


def test_the_rest_of_the_service(serve, ruled, http):
    bridge = serve(ruled)
    assert http.get(f"{bridge.url}/v2/health/live", timeout=20).json() == {"live": True}
    model = http.get(f"{bridge.url}/v2/models/line/versions/2", timeout=20).json()
    assert (model["name"], model["versions"]) == ("line", ["1", "2"])
    assert model["inputs"] == [{"name": "x", "datatype": "FP32", "shape": ["-1"]}]


def test_errors_of_the_server_and_of_the_client(serve, ruled, numbers, http):
    bridge = serve(ruled)
    reply = http.post(f"{bridge.url}/v2/models/other/infer", json={}, timeout=20)
    assert (reply.status_code, reply.json()) == (404, {"code": 5, "message": "no model 'other'"})
    body = request(numbers)
    body["inputs"][0]["contents"]["fp32Contents"][5000] = "five"
    reply = http.post(f"{bridge.url}/v2/models/line/infer", json=body, timeout=20)
    assert reply.status_code == 400
    message = reply.json()["message"].replace("_", "").lower()
    assert "inputs[0].contents.fp32contents[5000]" in message
    body["inputs"][0]["contents"]["fp32Contents"].pop(5000)
    reply = http.post(f"{bridge.url}/v2/models/line/infer", json=body, timeout=20)
    assert (reply.status_code, reply.json()["message"]) == (400, "shape and contents differ")
