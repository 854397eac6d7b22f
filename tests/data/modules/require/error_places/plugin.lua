-- Which errors of require have the caller's place in front, called from Lua and not through pcall itself.
local function attempt(name)
    local _, text = pcall(function()
        local found = require(name)
        return found
    end)
    add_to_payload(name, ": ", text, "\n")
end

function process_message() return 0 end

function timer_event(ns, shutdown)
    if not shutdown then return end
    for _, name in ipairs({"mods_syntax", "mods_failing", "a/b", "io", "nosuch", "mods_failing"}) do
        attempt(name)
    end
    inject_payload("txt", "places")
end
