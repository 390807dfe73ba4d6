"""The payloads of the benchmark: the JSON to send, the expected reply, and its wire bytes."""

import dataclasses
import json
import random
import struct
import subprocess

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

SERVICE = "bench.Bench"
TENSOR_SIZE = 10_000
STREAM_LENGTH = 100


@dataclasses.dataclass
class Payload:
    name: str
    about: str
    method: str
    target: str
    # The JSON body; None for a request without a body.
    body: bytes | None
    # The path of the gRPC method, its reply message in wire format, and the number of messages.
    rpc: str
    reply: bytes
    count: int
    # The reply as a message object, for comparison.
    message: object
    is_stream: bool
    # The Accept field; None: not sent.
    accept: str | None = None


def compile_descriptor_set(protos, schemas, target):
    """bench.proto with all its imports, as loaded by both proxies."""
    subprocess.run(
        ["protoc", f"-I{protos}", f"-I{schemas}", "--include_imports",
         f"--descriptor_set_out={target}", "bench.proto"],
        check=True, timeout=60,
    )  # fmt: skip
    return target


def message_classes(descriptor_set):
    files = descriptor_pb2.FileDescriptorSet.FromString(descriptor_set.read_bytes())
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)
    return message_factory.GetMessageClassesForFiles(["bench.proto"], pool)


def compact(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def single(value):
    """A double with the shortest decimal form of a float32, as clients send it."""
    exact = struct.unpack("<f", struct.pack("<f", value))[0]
    for digits in range(6, 10):
        text = f"{exact:.{digits}g}"
        if struct.unpack("<f", struct.pack("<f", float(text)))[0] == exact:
            return float(text)
    raise AssertionError(value)


def echo():
    return {
        "id": "5f0c6e1a-77", "text": "the quick brown fox jumps over", "sequence": 4711,
        "urgent": True, "sentAtMillis": "1718000000123",
    }  # fmt: skip


def money(units, nanos):
    return {"currency": "CURRENCY_EUR", "units": str(units), "nanos": nanos}


def address(kind):
    return {
        "name": f"Ada Lovelace ({kind})",
        "lines": ["c/o The Analytical Engine Works Ltd", "12 Gear Lane"],
        "city": "Zürich", "postalCode": "8005", "countryCode": "CH",
    }  # fmt: skip


def order_line(index):
    return {
        "lineId": str(9007199254740993 + index),
        "sku": f"SKU-{1000 + index}-XL",
        "title": f"Brass gear, {index + 8} teeth, \"hardened\", 40 mm",
        "quantity": index + 1,
        "unitPrice": money(12 + index, 990000000),
        "total": money((12 + index) * (index + 1), 900000000),
        "weightKg": 0.35 + index / 8,
        "attributes": {"finish": "polished", "batch": f"B{index}-2024", "origin": "Müllheim"},
        "serialNumbers": [str(770000000000 + index * 10 + each) for each in range(4)],
        "giftWrap": index % 2 == 0,
    }


def order():
    states = ["ORDER_STATE_PLACED", "ORDER_STATE_PAID", "ORDER_STATE_SHIPPED"]
    return {
        "orderId": "9223372036854775807",
        "reference": "WEB-2024-000123",
        "state": "ORDER_STATE_PAID",
        "customer": {
            "id": "4503599627370497", "email": "ada@example.com", "displayName": "Ada Lovelace",
            "billing": address("billing"), "shipping": address("shipping"),
            "createdAt": "2019-05-04T10:00:00Z",
        },
        "lines": [order_line(index) for index in range(7)],
        "history": [
            {"state": state, "at": f"2024-06-1{index}T08:15:30.{index}00Z", "by": "checkout"}
            for index, state in enumerate(states)
        ],
        "labels": {"channel": "web", "campaign": "spring", "segment": "b2b"},
        "counters": {"views": "12345678901", "retries": "2"},
        "grandTotal": money(1234, 560000000),
        "placedAt": "2024-06-10T08:15:30.250Z",
        "promisedBy": "2024-06-20T00:00:00Z",
        "paid": True,
        "discountRate": 0.125,
    }  # fmt: skip


def tensor(name, seed):
    values = random.Random(seed)
    return {
        "name": name, "datatype": "FP32", "shape": [str(TENSOR_SIZE)],
        "fp32Contents": [single(round(values.uniform(-1, 1), 7)) for _ in range(TENSOR_SIZE)],
    }  # fmt: skip


def tick():
    return {
        "sequence": "1234567890123", "symbol": "XETR:ABCD", "price": 1234.5625,
        "at": "2024-06-10T08:15:30.250Z",
    }  # fmt: skip


def build(descriptor_set):
    """All payloads, in the order of the table."""
    classes = message_classes(descriptor_set)

    def payload(name, about, target, rpc, request, reply_type, reply, count=1, accept=None):
        message = json_format.ParseDict(reply, classes[f"bench.{reply_type}"]())
        return Payload(
            name=name, about=about, method="GET" if request is None else "POST", target=target,
            body=None if request is None else compact(request), rpc=f"/{SERVICE}/{rpc}",
            reply=message.SerializeToString(deterministic=True), count=count, message=message,
            is_stream=count > 1, accept=accept,
        )  # fmt: skip

    return [
        payload("echo", "a small message each way", "/v1/echo", "Echo", echo(), "EchoMessage",
                echo()),
        payload("order", "nested, maps, times, 64-bit integers", "/v1/orders", "PlaceOrder",
                order(), "Order", order()),
        payload("infer", f"a tensor of {TENSOR_SIZE:,} floats each way", "/v1/models/line:infer",
                "Infer", {"id": "call-1", "inputs": [tensor("x", 1)]}, "InferReply",
                {"modelName": "line", "id": "call-1", "outputs": [tensor("y", 2)]}),
        *(
            payload(name, f"{STREAM_LENGTH} small messages down, {about}", "/v1/watch/XETR", "Watch",
                    None, "Tick", tick(), STREAM_LENGTH, accept)
            for name, about, accept in (
                ("stream", "a line each", None),
                ("stream-array", "one array", "application/json"),
                ("stream-events", "server-sent events", "text/event-stream"),
            )
        ),
    ]  # fmt: skip
