-- A steady load: each connection waits between its requests. wrk hands the rest of its arguments on:
-- milliseconds between two requests of a connection.
wrk.method = "POST"
wrk.body = '{"aString":"x"}'
wrk.headers["Content-Type"] = "application/json"

local pause = 0

-- Answers that are neither 200 nor 503. Counted in the thread, read at the end.
strange = 0

local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

function response(status)
  if status ~= 200 and status ~= 503 then strange = strange + 1 end
end

function init(arguments)
  pause = tonumber(arguments[1])
end

function delay()
  return pause
end

function done(summary, latency)
  local errors = summary.errors
  local strange = 0
  for _, thread in ipairs(threads) do strange = strange + thread:get("strange") end
  io.write(string.format(
    '{"requests": %d, "seconds": %.3f, "refused": %d, "connect": %d, "read": %d, "write": %d, ' ..
    '"timeout": %d, "strange": %d, "p50": %.1f, "p99": %.1f, "longest": %.1f}\n',
    summary.requests, summary.duration / 1e6, errors.status, errors.connect, errors.read,
    errors.write, errors.timeout, strange, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    latency.max / 1e3))
end
