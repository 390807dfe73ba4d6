"""A KServe v2 inference server on grpcio that computes y = 2x + 1, with the stubs of tritonclient.

Prints the port that it listens on as its first line. SIGTERM stops it.
"""

import concurrent.futures
import signal
import threading

import grpc
import numpy
from tritonclient.grpc import service_pb2, service_pb2_grpc


class Inference(service_pb2_grpc.GRPCInferenceServiceServicer):
    def ServerLive(self, request, context):
        return service_pb2.ServerLiveResponse(live=True)

    def ModelMetadata(self, request, context):
        reply = service_pb2.ModelMetadataResponse(name=request.name, versions=["1", "2"])
        reply.inputs.add(name="x", datatype="FP32", shape=[-1])
        reply.outputs.add(name="y", datatype="FP32", shape=[-1])
        return reply

    def ModelInfer(self, request, context):
        if request.model_name != "line":
            context.abort(grpc.StatusCode.NOT_FOUND, f"no model {request.model_name!r}")
        reply = service_pb2.ModelInferResponse(
            model_name=request.model_name, model_version="1", id=request.id
        )
        reply.parameters["scale"].int64_param = 2
        for tensor in request.inputs:
            numbers = numpy.array(tensor.contents.fp32_contents, dtype=numpy.float32)
            if numbers.size != numpy.prod(tensor.shape):
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, "shape and contents differ")
            output = reply.outputs.add(name="y", datatype="FP32", shape=tensor.shape)
            output.contents.fp32_contents.extend(numbers * numpy.float32(2) + numpy.float32(1))
        return reply


def main():
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(max_workers=16))
    service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(Inference(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    server.start()
    print(port, flush=True)
    stop.wait()
    server.stop(5).wait()


main()
