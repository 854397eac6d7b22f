-- This Source Code Form is subject to the terms of the Mozilla Public
-- License, v. 2.0. If a copy of the MPL was not distributed with this
-- file, You can obtain one at http://mozilla.org/MPL/2.0/.

--[[
# Telemetry pings by channel and docType

How many pings of each docType arrive from each channel on each day, and is one of them missing or new?

## Configuration

    channel_field = "Fields[normalizedChannel]"
    type_field    = "Fields[docType]"
    day_field     = "Fields[submissionDate]"  -- YYYYMMDD; where it is absent, the day of the Timestamp
    max_days      = 3    -- days kept; the oldest makes room for a newer one
    max_types     = 40   -- docTypes of a day after these are counted as "(other)": the name comes from clients
    max_channels  = 20   -- channels likewise

## Injects

Payload `tsv`, "telemetry_channels", with a table for every day that has changed since the last one: a row for each
channel, a column for each docType, and the totals. The numbers are those of the whole day so far.

## Failures

A message without docType fails. A message without channel is counted as "(none)". A message of a day older than
those kept fails. A day in the future takes one of the places until it comes.
--]]

require "os"
require "string"
require "table"

local CHANNEL_FIELD = read_config("channel_field") or "Fields[normalizedChannel]"
local TYPE_FIELD    = read_config("type_field") or "Fields[docType]"
local DAY_FIELD     = read_config("day_field") or "Fields[submissionDate]"
local MAX_DAYS      = read_config("max_days") or 3
local MAX_TYPES     = read_config("max_types") or 40
local MAX_CHANNELS  = read_config("max_channels") or 20

_PRESERVATION_VERSION = 1

-- Globals are preserved. days["20260303"] = {types = {n =, names = {}}, channels = {n =, names = {}}, is_new = bool,
-- counts = {[channel] = {[docType] = count}}}
days      = {}
day_count = 0


local function sorted_keys(t)
    local res = {}
    for k in pairs(t) do res[#res + 1] = k end
    table.sort(res)
    return res
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
    day = {types = {n = 0, names = {}}, channels = {n = 0, names = {}}, counts = {}, is_new = true}
    days[name] = day
    day_count = day_count + 1
    return day
end


-- The name under which a value is counted, when only `max` different ones are.
local function bounded(seen, value, max)
    -- what separates cells and rows of the report must not be in one
    local name = value:gsub("%c", " "):sub(1, 64)
    if seen.names[name] then return name end
    if seen.n >= max then name = "(other)" end
    if not seen.names[name] then
        seen.names[name] = true
        seen.n = seen.n + 1
    end
    return name
end


function process_message()
    local doc_type = read_message(TYPE_FIELD)
    if type(doc_type) ~= "string" or doc_type == "" then
        return -1, "no docType"
    end
    local channel = read_message(CHANNEL_FIELD)
    if type(channel) ~= "string" or channel == "" then channel = "(none)" end

    local day = day_of()
    if not day then
        return -1, "the day is older than the days kept"
    end
    doc_type = bounded(day.types, doc_type, MAX_TYPES)
    channel  = bounded(day.channels, channel, MAX_CHANNELS)

    local counts = day.counts[channel]
    if not counts then
        counts = {}
        day.counts[channel] = counts
    end
    counts[doc_type] = (counts[doc_type] or 0) + 1
    day.is_new = true
    return 0
end


local function add_row(label, types, counts)
    local sum = 0
    for i, name in ipairs(types) do sum = sum + (counts[name] or 0) end
    add_to_payload(label, "\t", sum)
    for i, name in ipairs(types) do add_to_payload("\t", counts[name] or 0) end
    add_to_payload("\n")
end


local function add_table(name, day)
    local types  = sorted_keys(day.types.names)
    local totals = {}
    add_to_payload(name, "\ttotal\t", table.concat(types, "\t"), "\n")
    for _, channel in ipairs(sorted_keys(day.counts)) do
        local counts = day.counts[channel]
        add_row(channel, types, counts)
        for doc_type, n in pairs(counts) do totals[doc_type] = (totals[doc_type] or 0) + n end
    end
    add_row("total", types, totals)
end


function timer_event(ns, shutdown)
    for _, name in ipairs(sorted_keys(days)) do
        local day = days[name]
        if day.is_new then
            day.is_new = false
            add_table(name, day)
        end
    end
    -- without any change there is nothing to inject, and nothing is
    inject_payload("tsv", "telemetry_channels")
end
