"""Calls a service with the vendor's client, which has its own Python environment.

    eas_client.py gateway|direct ENDPOINT SERVICE TOKEN COUNT

Prints a JSON list: the response of each call, or its status and body.
"""

import json
import logging
import sys
import types

# Imported by the package, never called here.
sys.modules["snappy"] = types.ModuleType("snappy")

from eas_prediction import PredictClient, StringRequest  # noqa: E402
from eas_prediction.exception import PredictException  # noqa: E402


def main(mode, endpoint, service, token, count):
    client = PredictClient(endpoint, service)
    if mode == "direct":
        client.set_endpoint_type("DIRECT")
    client.set_token(token)
    client.set_log_level(logging.CRITICAL)
    client.init()
    results = []
    for number in range(int(count)):
        try:
            response = client.predict(StringRequest(f'{{"number":{number}}}'))
            results.append({"response": response.response_data.decode()})
        except PredictException as error:
            body = error.message
            body = body.decode() if isinstance(body, bytes) else str(body)
            results.append({"status": error.code, "body": body})
    client.destroy()
    print(json.dumps(results))


main(*sys.argv[1:])
