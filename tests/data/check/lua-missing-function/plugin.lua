require "os"
local s = require "string"
require "table"
table.unpack = unpack

local host = os.getenv("HOST")
local code = s.dump
local a, b = table.unpack({1, 2})

function process_message()
    return 0
end

function timer_event(ns, shutdown)
end
