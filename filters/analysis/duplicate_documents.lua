-- This Source Code Form is subject to the terms of the Mozilla Public
-- License, v. 2.0. If a copy of the MPL was not distributed with this
-- file, You can obtain one at http://mozilla.org/MPL/2.0/.

--[[
# Duplicate documents

How many documents arrive more than once, of which docType, how long after the first time, and does somebody send the
same one over and over?

Identifiers are kept in two generations. New ones go into the younger; when it is `window` old or full, it becomes the
older one and the previous older one is forgotten. So a repetition is found for at least `window` and at most twice
that, unless more than `max_ids` documents arrive in that time: then the span is shorter, and the report says so.
Unlike with a Bloom filter there are no false positives, and the time of the first arrival is known; it costs about
150 bytes an identifier, and memory_limit should be four times what two generations need, as garbage is collected late.

## Configuration

    window      = 86400   -- seconds
    max_ids     = 20000   -- identifiers in a generation; memory is bounded by two generations
    id_field    = "Fields[documentId]"
    group_by    = "Fields[docType]"
    max_groups  = 40      -- groups after these are counted as "(other)": the name comes from clients
    storm       = 10      -- a document that arrives so many times is named
    max_storms  = 20      -- of those, the first so many since the last tick

## Injects

- payload `tsv`, "duplicate_documents": a row for each docType and the total: documents, duplicates, their share, and
  the duplicates by time since the first arrival (up to a minute, an hour, a day, more); since the last tick.
- payload `tsv`, "repeated_documents": the documents named, with arrivals so far, docType and time of first arrival.

## Failures

A message without an identifier, or with one of more than 64 bytes, fails.
--]]

require "math"
require "os"
require "string"
require "table"

local WINDOW     = read_config("window") or 86400
local MAX_IDS    = read_config("max_ids") or 20000
local ID_FIELD   = read_config("id_field") or "Fields[documentId]"
local GROUP_BY   = read_config("group_by") or "Fields[docType]"
local MAX_GROUPS = read_config("max_groups") or 40
local STORM      = read_config("storm") or 10
local MAX_STORMS = read_config("max_storms") or 20

local MAX_ID = 64 -- bytes; a Uuid's text has 36
local DELAYS = {60, 3600, 86400, math.huge}

_PRESERVATION_VERSION = 1

-- Globals are preserved. The generations hold the second of the first arrival by identifier.
young, young_count, young_since = {}, 0, nil
old                             = {}
forced                          = 0  -- generations that were full before they were old enough
repeats, repeat_count           = {}, 0 -- arrivals of what arrived more than once, by identifier
groups, group_count             = {}, 0
storms                          = {} -- identifiers to be named at the next tick


local function sorted_keys(t)
    local res = {}
    for k in pairs(t) do res[#res + 1] = k end
    table.sort(res)
    return res
end


local function group_of(value)
    local name = type(value) == "string" and value ~= "" and value:gsub("%c", " "):sub(1, 64) or "(none)"
    local group = groups[name]
    if group then return group end
    if group_count >= MAX_GROUPS then
        name = "(other)"
        group = groups[name]
        if group then return group end
    end
    group = {documents = 0, delays = {0, 0, 0, 0}}
    groups[name] = group
    group_count = group_count + 1
    return group
end


-- Makes room for another identifier at this second.
local function age(now)
    -- a wrong clock must not keep the generation from ageing
    if not young_since or young_since - now > WINDOW then young_since = now end
    local is_full = young_count >= MAX_IDS
    if not is_full and now - young_since < WINDOW then return end
    if is_full and now - young_since < WINDOW then forced = forced + 1 end
    old, young = young, {}
    young_count, young_since = 0, now
    -- what nobody repeats any more is forgotten with its generation
    for id in pairs(repeats) do
        if not old[id] then
            repeats[id] = nil
            repeat_count = repeat_count - 1
        end
    end
end


local function note_repeat(id, doc_type, first)
    local arrivals = (repeats[id] or 1) + 1
    if not repeats[id] then
        if repeat_count >= MAX_IDS then return end
        repeat_count = repeat_count + 1
    end
    repeats[id] = arrivals
    if arrivals >= STORM and #storms < MAX_STORMS then
        for _, storm in ipairs(storms) do
            if storm.id == id then return end
        end
        storms[#storms + 1] = {id = id, doc_type = doc_type, first = first}
    end
end


function process_message()
    local id = read_message(ID_FIELD)
    if type(id) ~= "string" or id == "" or #id > MAX_ID then
        return -1, "the identifier is missing or too long"
    end
    local now = math.floor(read_message("Timestamp") / 1e9)
    age(now)

    local doc_type = read_message(GROUP_BY)
    local group    = group_of(doc_type)
    group.documents = group.documents + 1

    local first = young[id] or old[id]
    if not first then
        young[id] = now
        young_count = young_count + 1
        return 0
    end
    local i = 1
    while now - first > DELAYS[i] do i = i + 1 end
    group.delays[i] = group.delays[i] + 1
    note_repeat(id, doc_type, first)
    return 0
end


local function add_row(name, documents, delays)
    local duplicates = delays[1] + delays[2] + delays[3] + delays[4]
    add_to_payload(name, "\t", documents, "\t", duplicates, "\t",
                   string.format("%.2f", documents > 0 and 100 * duplicates / documents or 0), "\t",
                   table.concat(delays, "\t"), "\n")
end


function timer_event(ns, shutdown)
    if group_count == 0 then return end

    local documents, delays = 0, {0, 0, 0, 0}
    add_to_payload("docType\tdocuments\tduplicates\tpercent\t<=1min\t<=1h\t<=1d\t>1d\n")
    for _, name in ipairs(sorted_keys(groups)) do
        local group = groups[name]
        add_row(name, group.documents, group.delays)
        documents = documents + group.documents
        for i, n in ipairs(group.delays) do delays[i] = delays[i] + n end
    end
    add_row("total", documents, delays)
    if forced > 0 then
        add_to_payload("# the window was cut short: max_ids is too small, times\t", forced, "\n")
    end
    inject_payload("tsv", "duplicate_documents")

    if #storms > 0 then
        add_to_payload("arrivals\tdocType\tfirst\tdocumentId\n")
        for _, storm in ipairs(storms) do
            local doc_type = type(storm.doc_type) == "string" and storm.doc_type:gsub("%c", " ") or "(none)"
            local first    = os.date("!%Y-%m-%dT%H:%M:%SZ", storm.first)
            add_to_payload(repeats[storm.id] or STORM, "\t", doc_type, "\t", first, "\t",
                           (storm.id:gsub("%c", " ")), "\n")
        end
        inject_payload("tsv", "repeated_documents")
    end
    groups, group_count, forced, storms = {}, 0, 0, {}
end
