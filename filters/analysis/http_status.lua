-- This Source Code Form is subject to the terms of the Mozilla Public
-- License, v. 2.0. If a copy of the MPL was not distributed with this
-- file, You can obtain one at http://mozilla.org/MPL/2.0/.

--[[
# HTTP status and error rate

How many requests were answered, with which class of status, and is the share of server errors (5xx) too high?

## Configuration

    rows             = 1440  -- rows of the circular buffer
    sec_per_row      = 60    -- seconds in a row
    publish_interval = 0     -- seconds between two injections of the whole buffer; 0: at every tick
    error_share      = 0.05  -- an alert is raised when more than this share of a row's requests are 5xx ...
    min_requests     = 50    -- ... of at least so many requests
    status_field     = "Fields[status]"

The ticker decides how soon an alert is raised, `publish_interval` how often a dashboard is refreshed.

## Injects

- payload `cbuf`, "HTTP Status": requests, success (1xx and 2xx), redirect (3xx), client_error (4xx), server_error
  (5xx), error_pct (server_error as a percentage of requests). Raised and cleared alerts are its annotations.
- message of Type `alert` when the share of server errors passes `error_share`, and again when it is back below it;
  Fields: id, state (raised or cleared), row (RFC 3339), requests, server_errors, share.

## Failures

A message without a number from 100 to 599 as status is counted as failed. A Timestamp older than the buffer is
ignored; one from the future moves the buffer and clears what it skips, so keep wrong clocks out with the matcher.
--]]

require "circular_buffer"
require "math"
require "os"
require "string"

local ROWS             = read_config("rows") or 1440
local SEC_PER_ROW      = read_config("sec_per_row") or 60
local PUBLISH_INTERVAL = read_config("publish_interval") or 0
local ERROR_SHARE      = read_config("error_share") or 0.05
local MIN_REQUESTS     = read_config("min_requests") or 50
local STATUS_FIELD     = read_config("status_field") or "Fields[status]"

assert(ERROR_SHARE > 0 and ERROR_SHARE <= 1, "error_share must be above 0 and at most 1")
assert(ROWS <= 9999 and SEC_PER_ROW <= 99999, "rows or sec_per_row is too large")

-- A saved buffer only fits into one of the same shape, so the shape is part of the version.
_PRESERVATION_VERSION = ROWS * 1e5 + SEC_PER_ROW

local REQUESTS, SUCCESS, REDIRECT, CLIENT_ERROR, SERVER_ERROR, ERROR_PCT = 1, 2, 3, 4, 5, 6
-- Alerts in one tick, below production's default timer_event_inject_limit of 10; the rest is raised at the next.
local MAX_ALERTS = 8

local CLASS = {SUCCESS, SUCCESS, REDIRECT, CLIENT_ERROR, SERVER_ERROR}

-- Globals are preserved.
status = circular_buffer.new(ROWS, 6, SEC_PER_ROW)
status:set_header(REQUESTS, "requests")
status:set_header(SUCCESS, "success")
status:set_header(REDIRECT, "redirect")
status:set_header(CLIENT_ERROR, "client_error")
status:set_header(SERVER_ERROR, "server_error")
status:set_header(ERROR_PCT, "error_pct", "percent", "none")
is_raised  = false
checked_to = 0 -- start of the first row that has not been judged, in seconds

local has_seen_any = false
local last_publish
local floor = math.floor


function process_message()
    local code  = read_message(STATUS_FIELD)
    local class = type(code) == "number" and CLASS[floor(code / 100)]
    if not class then
        return -1, "the status is missing or not a number from 100 to 599"
    end

    local ts = read_message("Timestamp")
    if status:add(ts, REQUESTS, 1) then
        status:add(ts, class, 1)
        has_seen_any = true
    end
    return 0
end


local function alert(state, row, requests, errors)
    local share = errors / requests
    local text  = string.format("%s: %d of %d requests (%.1f%%) failed in the %d seconds from %s", state, errors,
                                requests, share * 100, SEC_PER_ROW, os.date("!%Y-%m-%dT%H:%M:%SZ", row))
    status:annotate(row * 1e9, SERVER_ERROR, "alert", text)
    inject_message({
        Type     = "alert",
        Severity = state == "raised" and 1 or 5,
        Payload  = text,
        -- an array, because the order of a hash is not the order it is written in
        Fields   = {
            {name = "id", value = "http_status.server_errors"},
            {name = "state", value = state},
            {name = "row", value = os.date("!%Y-%m-%dT%H:%M:%SZ", row)},
            {name = "requests", value = requests, value_type = 2},
            {name = "server_errors", value = errors, value_type = 2},
            {name = "share", value = share},
        }
    })
end


-- Fills in the percentages and judges the rows that ended since the last time. The newest row is judged while it is
-- still growing, but only to raise an alert: an outage should not wait for its row to end.
local function judge(now)
    local newest   = floor(status:current_time() / 1e9)
    local oldest   = newest - (ROWS - 1) * SEC_PER_ROW
    local requests = status:get_range(REQUESTS)
    local errors   = status:get_range(SERVER_ERROR)
    local alerts   = 0
    local next_row = math.min(newest, floor(now / SEC_PER_ROW) * SEC_PER_ROW)
    for i = 1, ROWS do
        local row, n = oldest + (i - 1) * SEC_PER_ROW, requests[i]
        if n == n then -- a row without requests is NaN
            local failed = errors[i] == errors[i] and errors[i] or 0
            status:set(row * 1e9, ERROR_PCT, floor(failed / n * 10000 + 0.5) / 100)
            if row >= checked_to and n >= MIN_REQUESTS then
                local is_high   = failed / n > ERROR_SHARE
                local has_ended = row + SEC_PER_ROW <= now
                if is_high ~= is_raised and (is_high or has_ended) then
                    if alerts < MAX_ALERTS then
                        alerts    = alerts + 1
                        is_raised = is_high
                        alert(is_high and "raised" or "cleared", row, n, failed)
                    else
                        next_row = math.min(next_row, row)
                    end
                end
            end
        end
    end
    checked_to = math.max(checked_to, next_row)
end


function timer_event(ns, shutdown)
    if not has_seen_any then return end

    local now = ns / 1e9
    judge(now)

    last_publish = last_publish or now
    if shutdown or now - last_publish >= PUBLISH_INTERVAL then
        last_publish = now
        inject_payload("cbuf", "HTTP Status", status)
    end
end
