-- This Source Code Form is subject to the terms of the Mozilla Public
-- License, v. 2.0. If a copy of the MPL was not distributed with this
-- file, You can obtain one at http://mozilla.org/MPL/2.0/.

--[[
# Message sizes by docType

How large are the documents of each docType, which share of all bytes do they have, and which were too large?

## Configuration

    limit       = 1048576  -- bytes; larger messages are named in an alert
    group_by    = "Fields[docType]"
    id_field    = "Fields[documentId]"
    max_groups  = 40   -- groups after these are counted as "(other)": the name comes from clients
    max_named   = 10   -- of the messages over the limit since the last tick, the largest so many are named

## Injects

- payload `txt`, "payload_sizes": for each group count, bytes, share of all bytes, mean and largest size, and how many
  messages were below 1 KiB, 4 KiB, 16 KiB, 64 KiB, 256 KiB, 1 MiB, 4 MiB and above; since the last tick, also at
  shutdown.
- message of Type `alert` when there were messages over the limit; its Payload names the largest of them.

The size is that of the whole message, which is what `max_message_size` and queues are about. It is known without
copying the payload into the sandbox, so this filter needs little memory whatever arrives.
--]]

require "math"
require "string"
require "table"

local LIMIT      = read_config("limit") or 1024 * 1024
local GROUP_BY   = read_config("group_by") or "Fields[docType]"
local ID_FIELD   = read_config("id_field") or "Fields[documentId]"
local MAX_GROUPS = read_config("max_groups") or 40
local MAX_NAMED  = read_config("max_named") or 10

local BOUNDS = {1024, 4096, 16384, 65536, 262144, 1048576, 4194304, math.huge}
local TITLES = {"<1K", "<4K", "<16K", "<64K", "<256K", "<1M", "<4M", ">=4M"}

-- Everything is reported at shutdown, so there is nothing to preserve.
local groups      = {}
local group_count = 0
local over_count  = 0
local over        = {} -- the largest messages over the limit, largest first: {size =, group =, id =}


local function group_of(value)
    -- it goes into a table of text and into alerts
    local name = type(value) == "string" and value ~= "" and value:gsub("%c", " "):sub(1, 32) or "(none)"
    local group = groups[name]
    if group then return group, name end
    if group_count >= MAX_GROUPS then
        name = "(other)"
        group = groups[name]
        if group then return group, name end
    end
    group = {n = 0, bytes = 0, largest = 0, below = {0, 0, 0, 0, 0, 0, 0, 0}}
    groups[name] = group
    group_count = group_count + 1
    return group, name
end


local function note(size, name)
    over_count = over_count + 1
    local at = #over + 1
    while at > 1 and over[at - 1].size < size do at = at - 1 end
    if at <= MAX_NAMED then
        local id = read_message(ID_FIELD)
        id = type(id) == "string" and id:gsub("%c", " "):sub(1, 64) or "(none)"
        table.insert(over, at, {size = size, group = name, id = id})
        over[MAX_NAMED + 1] = nil
    end
end


function process_message()
    local size = read_message("size")
    local group, name = group_of(read_message(GROUP_BY))
    group.n     = group.n + 1
    group.bytes = group.bytes + size
    if size > group.largest then group.largest = size end
    local i = 1
    while size >= BOUNDS[i] do i = i + 1 end
    group.below[i] = group.below[i] + 1
    if size > LIMIT then note(size, name) end
    return 0
end


local function report()
    local names, total = {}, 0
    for name, group in pairs(groups) do
        names[#names + 1] = name
        total = total + group.bytes
    end
    table.sort(names, function(a, b)
        local x, y = groups[a].bytes, groups[b].bytes
        if x ~= y then return x > y end
        return a < b
    end)

    add_to_payload(string.format("%-20s %8s %12s %6s %9s %9s", "docType", "count", "bytes", "share", "mean", "largest"))
    for _, title in ipairs(TITLES) do add_to_payload(string.format(" %6s", title)) end
    add_to_payload("\n")
    for _, name in ipairs(names) do
        local group = groups[name]
        add_to_payload(string.format("%-20s %8d %12d %5.1f%% %9d %9d", name, group.n, group.bytes,
                                     100 * group.bytes / total, group.bytes / group.n, group.largest))
        for _, n in ipairs(group.below) do add_to_payload(string.format(" %6s", n > 0 and n or ".")) end
        add_to_payload("\n")
    end
    inject_payload("txt", "payload_sizes")
end


local function alert()
    local lines = {string.format("messages larger than %d bytes: %d", LIMIT, over_count)}
    for _, message in ipairs(over) do
        lines[#lines + 1] = string.format("%d\t%s\t%s", message.size, message.group, message.id)
    end
    if over_count > #over then
        lines[#lines + 1] = string.format("and %d smaller ones", over_count - #over)
    end
    inject_message({
        Type     = "alert",
        Severity = 4,
        Payload  = table.concat(lines, "\n"),
        Fields   = {
            {name = "id", value = "payload_sizes.limit"},
            {name = "count", value = over_count, value_type = 2},
            {name = "largest", value = over[1].size, value_type = 2, representation = "B"},
        }
    })
end


function timer_event(ns, shutdown)
    if group_count > 0 then report() end
    if over_count > 0 then alert() end
    groups, group_count = {}, 0
    over, over_count    = {}, 0
end
