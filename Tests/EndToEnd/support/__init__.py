"""What the end-to-end tests share: processes, the bridge, the gRPC peers, raw HTTP/1.1."""
