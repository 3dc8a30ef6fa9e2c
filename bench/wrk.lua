-- Arguments: "cookies" for a cookie that was never sent before in each request, "post" and a number of octets.
-- Prints one line of JSON, which is exact; what wrk prints itself is rounded for people.

function init(arguments)
    if arguments[1] == "post" then
        wrk.method = "POST"
        wrk.body = string.rep("x", tonumber(arguments[2]))
    elseif arguments[1] == "cookies" then
        local head = wrk.format():sub(1, -3) .. "Cookie: csrftoken=w3PzQ0ZKbU6mH0cVnGJvB7yq5tXe9LrD; sessionid=k2j3h4k2j3h4k23j"
        local count = 1000000000000000 -- sixteen digits from the first to the last: as long as the cookie of the other cases
        request = function()
            count = count + 1
            return head .. string.format("%.0f", count) .. "\r\n\r\n"
        end
    end
end

function done(summary, latency)
    local errors = summary.errors
    io.write(string.format(
        '{"requests": %d, "us": %d, "p50_us": %d, "p99_us": %d, "connect": %d, "read": %d, "write": %d, "timeout": %d, "status": %d}\n',
        summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
        errors.connect, errors.read, errors.write, errors.timeout, errors.status))
end
