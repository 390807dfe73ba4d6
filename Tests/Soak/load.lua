-- A steady load: each connection waits between its requests. wrk hands the rest of its arguments on:
-- milliseconds between two requests of a connection.
wrk.method = "POST"
wrk.body = '{"aString":"x"}'
wrk.headers["Content-Type"] = "application/json"

local pause = 0

function init(arguments)
  pause = tonumber(arguments[1])
end

function delay()
  return pause
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"requests": %d, "seconds": %.3f, "refused": %d, "connect": %d, "read": %d, "write": %d, ' ..
    '"timeout": %d, "p50": %.1f, "p99": %.1f, "longest": %.1f}\n',
    summary.requests, summary.duration / 1e6, errors.status, errors.connect, errors.read,
    errors.write, errors.timeout, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    latency.max / 1e3))
end
