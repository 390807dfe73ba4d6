"""Prints the vendor client's requests to the built-in processors as JSON with hexadecimal strings.

Run in its own environment; see requirements-eas.txt.
"""

import json
import sys
import types

# Imported by the package, never called here.
sys.modules["snappy"] = types.ModuleType("snappy")

from eas_prediction import TFRequest, TorchRequest  # noqa: E402
from eas_prediction import onnx_processor_data_pb2 as onnx  # noqa: E402

tensorflow = TFRequest("predict_images")
tensorflow.add_feed("images", [1, 2], TFRequest.DT_FLOAT, [1.0, 2.0])
tensorflow.add_fetch("scores")

torch = TorchRequest()
torch.add_feed(0, [1, 2], TorchRequest.DT_FLOAT, [1.0, 2.0])
torch.add_feed(1, [3], TorchRequest.DT_INT64, [1, -2, 1 << 40])
torch.add_fetch(0)
torch.add_fetch(3)

data = onnx.DataProto(
    tensors=[onnx.TensorProto(name="x", dims=[1, 2], data_type=1, raw_data=b"\0\0\x80?\0\0\0@")]
)

messages = {"tensorflow": tensorflow.to_string(), "pytorch": torch.to_string(),
            "onnx": data.SerializeToString()}  # fmt: skip
print(json.dumps({name: bytes(message).hex() for name, message in messages.items()}))
