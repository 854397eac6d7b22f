-- This Source Code Form is subject to the terms of the Mozilla Public
-- License, v. 2.0. If a copy of the MPL was not distributed with this
-- file, You can obtain one at http://mozilla.org/MPL/2.0/.

--[[
# Request latency percentiles

How long did requests take, per interval and group (a server, a method, ...): the median, the slow tail, the slowest?

Durations are counted in buckets that grow by a constant factor, eight to each doubling. A percentile is the upper
edge of its bucket: never too low, and at most 9.1 % too high. That costs a few kilobytes per interval and group,
however many requests there are, and counts of several servers could be added up, which percentiles cannot.

## Configuration

    interval    = 60   -- seconds in a row of the report
    grace       = 60   -- seconds to wait for late messages after an interval has ended
    time_field  = "Fields[request_time]"
    time_unit   = 1    -- seconds in one unit of time_field: 1, 0.001, ...
    group_by    = nil  -- a header or field, e.g. "Hostname"; nil: no groups
    max_groups  = 50   -- the groups after these, in one interval, are counted as "(other)"

## Injects

Payload `tsv`, "request_latency", with a row for every interval that is over and has not been reported: interval
(RFC 3339, UTC), group, requests, p50_ms, p90_ms, p99_ms, max_ms. Open intervals are reported at shutdown only when
data is not preserved; otherwise they are continued after the restart.

## Failures

A message without a finite, not negative number in time_field fails. A message whose interval has been reported
already, or lies in the future, is left out; the report ends with the number of those: `# left out`.
--]]

require "math"
require "os"
require "string"
require "table"

local INTERVAL   = read_config("interval") or 60
local GRACE      = read_config("grace") or 60
local TIME_FIELD = read_config("time_field") or "Fields[request_time]"
local TIME_UNIT  = read_config("time_unit") or 1
local GROUP_BY   = read_config("group_by")
local MAX_GROUPS = read_config("max_groups") or 50
local PRESERVED  = read_config("preserve_data")

local PER_DOUBLING = 8
local SMALLEST     = 0.1 -- ms; everything below is in bucket 0
local LAST_BUCKET  = 30 * PER_DOUBLING -- 0.1 ms * 2^30 is more than a day
local PERCENTILES  = {0.50, 0.90, 0.99}
local MAX_OPEN     = 120 -- intervals kept at a time

_PRESERVATION_VERSION = INTERVAL

-- Globals are preserved. intervals[start in seconds] = {group_count =, groups = {[name] = {n =, max =, buckets =}}}
intervals   = {}
open_count  = 0
reported_to = 0 -- intervals that start earlier are closed
left_out    = 0

local floor, log = math.floor, math.log
local LOG2 = log(2)


local function bucket_of(ms)
    if ms <= SMALLEST then return 0 end
    local res = math.ceil(log(ms / SMALLEST) / LOG2 * PER_DOUBLING)
    return res < LAST_BUCKET and res or LAST_BUCKET
end


local function upper_edge(bucket)
    return SMALLEST * 2 ^ (bucket / PER_DOUBLING)
end


local function group_of(interval)
    local name = GROUP_BY and tostring(read_message(GROUP_BY) or "(none)"):sub(1, 64) or "(all)"
    local group = interval.groups[name]
    if group then return group end

    if interval.group_count >= MAX_GROUPS then
        name = "(other)"
        group = interval.groups[name]
        if group then return group end
    end
    group = {n = 0, max = 0, buckets = {}}
    interval.groups[name] = group
    interval.group_count = interval.group_count + 1
    return group
end


function process_message()
    local time = read_message(TIME_FIELD)
    -- the comparisons are false for NaN
    if type(time) ~= "number" or not (time >= 0 and time < 1e9) then
        return -1, "the request time is missing or not a duration"
    end

    local start = floor(read_message("Timestamp") / 1e9 / INTERVAL) * INTERVAL
    local interval = intervals[start]
    if not interval then
        if start < reported_to or open_count >= MAX_OPEN then
            left_out = left_out + 1
            return 0
        end
        interval = {group_count = 0, groups = {}}
        intervals[start] = interval
        open_count = open_count + 1
    end

    local ms     = time * TIME_UNIT * 1000
    local group  = group_of(interval)
    local bucket = bucket_of(ms)
    group.n = group.n + 1
    group.buckets[bucket] = (group.buckets[bucket] or 0) + 1
    if ms > group.max then group.max = ms end
    return 0
end


local function sorted_keys(t)
    local res = {}
    for k in pairs(t) do res[#res + 1] = k end
    table.sort(res)
    return res
end


local function add_row(start, name, group)
    local edges, seen, at = {}, 0, 0
    local buckets = sorted_keys(group.buckets)
    for i, p in ipairs(PERCENTILES) do
        local rank = math.ceil(p * group.n)
        while seen < rank do
            at = at + 1
            seen = seen + group.buckets[buckets[at]]
        end
        -- nothing was slower than the slowest
        edges[i] = string.format("%.1f", math.min(upper_edge(buckets[at]), group.max))
    end
    add_to_payload(os.date("!%Y-%m-%dT%H:%M:%SZ", start), "\t", name:gsub("%c", " "), "\t", group.n, "\t",
                   table.concat(edges, "\t"), "\t", string.format("%.1f", group.max), "\n")
end


local function close(start)
    intervals[start] = nil
    open_count = open_count - 1
end


function timer_event(ns, shutdown)
    local now      = ns / 1e9
    local flush    = shutdown and not PRESERVED
    local has_rows = false
    for _, start in ipairs(sorted_keys(intervals)) do
        if flush or start + INTERVAL + GRACE <= now then
            if not has_rows then
                add_to_payload("interval\tgroup\trequests\tp50_ms\tp90_ms\tp99_ms\tmax_ms\n")
                has_rows = true
            end
            local groups = intervals[start].groups
            for _, name in ipairs(sorted_keys(groups)) do
                add_row(start, name, groups[name])
            end
            close(start)
        elseif start > now + INTERVAL then
            -- it would stay open until its time has come, and too many of them would take the place of real ones
            for _, group in pairs(intervals[start].groups) do left_out = left_out + group.n end
            close(start)
        end
    end
    reported_to = math.max(reported_to, floor((now - GRACE) / INTERVAL) * INTERVAL)
    if has_rows then
        if left_out > 0 then
            add_to_payload("# left out\t", left_out, "\n")
            left_out = 0
        end
        inject_payload("tsv", "request_latency")
    end
end
