-- wrk script: send the requests of a file one after the other, look at every answer.
-- Arguments: file with a request a line (method, path and body, divided by tabs);
--            text that every good answer holds ('' = the body must be empty).
-- Prints one line of JSON when the load is over.
local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

function init(arguments)
  wrong, last, prepared, expected = 0, 0, {}, arguments[2]
  local form = {["Content-Type"] = "application/x-www-form-urlencoded"}
  for line in io.lines(arguments[1]) do
    local method, path, body = line:match("^(%S+)\t(%S+)\t(.*)$")
    local headers = method == "POST" and form or {}
    headers["Host"] = wrk.headers["Host"]
    table.insert(prepared, wrk.format(method, path, headers, body ~= "" and body or nil))
  end
end

function request()
  last = last % #prepared + 1
  return prepared[last]
end

function response(status, headers, body)
  local good
  if expected == "" then good = body == "" else good = body:find(expected, 1, true) end
  if status ~= 200 or not good then wrong = wrong + 1 end
end

function done(summary, latency, requests)
  local bad = 0
  for _, thread in ipairs(threads) do bad = bad + thread:get("wrong") end
  local errors = summary.errors
  print(string.format(
    '{"requests": %d, "wrong": %d, "broken": %d, "seconds": %.6f, "p50_ms": %.3f, "p99_ms": %.3f}',
    summary.requests, bad, errors.connect + errors.read + errors.write + errors.timeout,
    summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
