-- One payload for wrk, chosen by the environment; prints one line that bench.py reads.
wrk.method = os.getenv("BENCH_METHOD")
local accept = os.getenv("BENCH_ACCEPT")
if accept and accept ~= "" then wrk.headers["Accept"] = accept end
local path = os.getenv("BENCH_BODY")
if path and path ~= "" then
  local file = assert(io.open(path, "rb"))
  wrk.body = file:read("*a")
  file:close()
  wrk.headers["Content-Type"] = "application/json"
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    "bench requests=%d microseconds=%d p50=%d p99=%d bytes=%d"
      .. " connect=%d read=%d write=%d timeout=%d status=%d\n",
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    summary.bytes, errors.connect, errors.read, errors.write, errors.timeout, errors.status))
end
