"""Support code of the end-to-end tests: processes, the bridge, the gRPC peers, raw HTTP/1.1."""
