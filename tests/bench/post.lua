-- Load for wrk: POSTs the content of a file. Arguments: the file, then headers as "Name: value".
-- The last line printed is the result as JSON.

function init(args)
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/json"
  for number = 2, #args do
    local name, value = args[number]:match("^([^:]+): (.*)$")
    wrk.headers[name] = value
  end
  wrk.body = io.open(args[1]):read("*a")
end

function done(summary, _, _)
  local errors = summary.errors
  io.write(string.format(
    '\n{"answers": %d, "seconds": %.6f, "refused": %d, "failed": %d}\n',
    summary.requests, summary.duration / 1e6, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout))
end
