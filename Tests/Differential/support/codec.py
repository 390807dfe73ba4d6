"""The codec under test, as a process: the testee of the conformance suite."""

import os
import select
import struct
import subprocess

# ConformanceRequest.test_category of tests in which unknown members are ignored.
IGNORING_UNKNOWN = 3


class Refused(Exception):
    """The codec rejects an input."""


class Codec:
    """A testee that handles requests sequentially; restarted after it has ended."""

    def __init__(self, program, descriptor_set, types, folder, options=()):
        self.arguments = [program, *options, descriptor_set]
        self.request = types["conformance.ConformanceRequest"]
        self.response = types["conformance.ConformanceResponse"]
        self.log = folder / f"testee{''.join(options)}.log"
        self.process = None

    def to_wire(self, name, text, ignoring_unknown=False):
        """The wire form of JSON text, which is of type bytes."""
        request = self.request(message_type=name, requested_output_format="PROTOBUF")
        # The field is a string, but the codec must also receive bytes that aren't UTF-8.
        request.test_category = IGNORING_UNKNOWN if ignoring_unknown else 2
        head = request.SerializeToString()
        return self.ask(head + b"\x12" + varint(len(text)) + text, "protobuf_payload")

    def to_json(self, name, wire):
        """The JSON text, of type bytes, of a message's wire form."""
        request = self.request(message_type=name, requested_output_format="JSON")
        request.protobuf_payload = wire
        return self.ask(request.SerializeToString(), "json_payload").encode()

    def ask(self, request, member):
        if self.process is None:
            self.start()
        try:
            self.process.stdin.write(struct.pack("<I", len(request)) + request)
            self.process.stdin.flush()
            size = struct.unpack("<I", self.read(4))[0]
            response = self.response.FromString(self.read(size))
        except (BrokenPipeError, EOFError, TimeoutError) as error:
            raise AssertionError(f"the codec's process {self.end_of(error)}") from None
        got = response.WhichOneof("result")
        if got in ("parse_error", "serialize_error"):
            raise Refused(getattr(response, got))
        assert got == member, f"{got}: {getattr(response, got)}"
        return getattr(response, member)

    def read(self, count, seconds=60):
        parts = []
        while count > 0:
            if not select.select([self.process.stdout], [], [], seconds)[0]:
                raise TimeoutError
            part = os.read(self.process.stdout.fileno(), count)
            if not part:
                raise EOFError
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    def start(self):
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(
                self.arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log
            )

    def end_of(self, error):
        """Describes how the process ended, and lets the next request start another."""
        if isinstance(error, TimeoutError):
            self.process.kill()
        code = self.process.wait()
        self.process = None
        what = "didn't respond" if isinstance(error, TimeoutError) else f"ended with {code}"
        return f"{what}\n{self.log.read_text(errors='replace')[-4000:]}"

    def stop(self):
        """Ends the process, which must not have failed before."""
        if self.process is not None:
            self.process.stdin.close()
            code = self.process.wait(timeout=20)
            self.process.stdout.close()
            assert code == 0, f"the codec's process ended with {code}"


def varint(value):
    """The shortest varint."""
    result = bytearray()
    while value >= 0x80:
        result.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*result, value])
