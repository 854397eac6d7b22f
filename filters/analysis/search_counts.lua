-- This Source Code Form is subject to the terms of the Mozilla Public
-- License, v. 2.0. If a copy of the MPL was not distributed with this
-- file, You can obtain one at http://mozilla.org/MPL/2.0/.

--[[
# Search counts per day and engine

How many searches do clients report on each day, with which engine and from where?

A main ping holds them as `payload.keyedHistograms.SEARCH_COUNTS["<engine>.<access point>"].sum`.

## Configuration

    day_field    = "Fields[submissionDate]"  -- YYYYMMDD; where it is absent, the day of the Timestamp
    max_days     = 7        -- days kept; the oldest makes room for a newer one
    max_engines  = 50       -- engines of a day after these are counted as "(other)": the name comes from clients
    max_payload  = 1048576  -- bytes; larger messages are not decoded, since their tables take several times their size
    max_searches = 10000    -- more in one ping is an error of the client

## Injects

- payload `tsv`, "search_counts": for every day that has changed since the last tick, a row for each engine: day,
  engine, pings, searches, then searches by access point. The numbers are those of the whole day so far.
- payload `tsv`, "search_errors": how many pings were not counted, by reason; since the last tick.

## Failures

A payload that is not JSON, too large or not shaped like a main ping fails, with the reason. What cjson of the sandbox
accepts is accepted: NaN, bytes that are not UTF-8. A count that is not a whole number from 0 to max_searches is
left out and counted as an error, but the rest of its ping is used. A day in the future takes one of the places until
it comes. Documents that arrive twice are counted twice; see duplicate_documents.
--]]

require "cjson"
require "os"
require "string"
require "table"

local DAY_FIELD    = read_config("day_field") or "Fields[submissionDate]"
local MAX_DAYS     = read_config("max_days") or 7
local MAX_ENGINES  = read_config("max_engines") or 50
local MAX_PAYLOAD  = read_config("max_payload") or 1024 * 1024
local MAX_SEARCHES = read_config("max_searches") or 10000

local ACCESS_POINTS = {"urlbar", "searchbar", "newtab", "abouthome", "contextmenu", "(other)"}
local KNOWN = {}
for _, name in ipairs(ACCESS_POINTS) do KNOWN[name] = true end

_PRESERVATION_VERSION = 1

-- Globals are preserved. days["20260303"] = {is_new = bool, n = engines, engines = {[name] = {pings =, total =,
-- [access point] = searches}}}
days      = {}
day_count = 0
errors    = {} -- pings by reason


local function sorted_keys(t)
    local res = {}
    for k in pairs(t) do res[#res + 1] = k end
    table.sort(res)
    return res
end


local function fail(reason, detail)
    errors[reason] = (errors[reason] or 0) + 1
    return -1, detail or reason
end


-- The day's record, or nil if it is older than the days kept.
local function day_of()
    local name = read_message(DAY_FIELD)
    if type(name) ~= "string" or not name:find("^%d%d%d%d%d%d%d%d$") then
        name = os.date("!%Y%m%d", read_message("Timestamp") / 1e9)
    end
    local day = days[name]
    if day then return day end

    if day_count >= MAX_DAYS then
        local oldest = sorted_keys(days)[1]
        if name < oldest then return nil end
        days[oldest] = nil
        day_count = day_count - 1
    end
    day = {is_new = false, n = 0, engines = {}}
    days[name] = day
    day_count = day_count + 1
    return day
end


local function engine_of(day, name)
    name = name:gsub("%c", " "):sub(1, 64)
    local engine = day.engines[name]
    if engine then return engine end
    if day.n >= MAX_ENGINES then
        name = "(other)"
        engine = day.engines[name]
        if engine then return engine end
    end
    engine = {pings = 0, total = 0}
    day.engines[name] = engine
    day.n = day.n + 1
    return engine
end


local function child(parent, name)
    return type(parent) == "table" and parent[name] or nil
end


local function count(day, searches)
    local seen = {}
    for key, histogram in pairs(searches) do
        -- an engine's name may have dots, an access point has none
        local name, access_point = string.match(key, "^(.+)%.([^.]*)$")
        local sum = child(histogram, "sum")
        if not name or type(sum) ~= "number" or sum < 0 or sum > MAX_SEARCHES or sum % 1 ~= 0 then
            errors["count left out"] = (errors["count left out"] or 0) + 1
        else
            local engine = engine_of(day, name)
            if not seen[engine] then
                seen[engine] = true
                engine.pings = engine.pings + 1
            end
            if not KNOWN[access_point] then access_point = "(other)" end
            engine[access_point] = (engine[access_point] or 0) + sum
            engine.total = engine.total + sum
            day.is_new = true
        end
    end
end


function process_message()
    if read_message("size") > MAX_PAYLOAD then
        return fail("too large")
    end
    local payload = read_message("Payload")
    if not payload then
        return fail("no payload")
    end
    local ok, document = pcall(cjson.decode, payload)
    if not ok then
        return fail("not JSON", document)
    end
    local ping = child(document, "payload")
    if type(ping) ~= "table" then
        return fail("not a main ping")
    end

    -- a client that did not search sends no SEARCH_COUNTS
    local searches = child(child(ping, "keyedHistograms"), "SEARCH_COUNTS")
    if searches == nil then return 0 end
    if type(searches) ~= "table" then
        return fail("not a main ping")
    end
    local day = day_of()
    if not day then
        return fail("the day is older than the days kept")
    end
    count(day, searches)
    return 0
end


function timer_event(ns, shutdown)
    local has_rows = false
    for _, name in ipairs(sorted_keys(days)) do
        local day = days[name]
        if day.is_new then
            day.is_new = false
            if not has_rows then
                add_to_payload("day\tengine\tpings\tsearches\t", table.concat(ACCESS_POINTS, "\t"), "\n")
                has_rows = true
            end
            for _, engine_name in ipairs(sorted_keys(day.engines)) do
                local engine = day.engines[engine_name]
                add_to_payload(name, "\t", engine_name, "\t", engine.pings, "\t", engine.total)
                for _, access_point in ipairs(ACCESS_POINTS) do
                    add_to_payload("\t", engine[access_point] or 0)
                end
                add_to_payload("\n")
            end
        end
    end
    inject_payload("tsv", "search_counts")

    for _, reason in ipairs(sorted_keys(errors)) do
        add_to_payload(reason, "\t", errors[reason], "\n")
    end
    inject_payload("tsv", "search_errors")
    errors = {}
end
