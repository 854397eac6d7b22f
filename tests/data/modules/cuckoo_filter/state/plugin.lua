require "cuckoo_filter"
require "math"
filter = cuckoo_filter.new(1000)
moved = {cuckoo_filter.new(64)}
odd = {cuckoo_filter.new(8), cuckoo_filter.new(8)}
same = moved[1]
function process_message() return 0 end
function timer_event(ns, shutdown)
    if not shutdown then return end
    math.randomseed(7)
    for i = 1, 300 do filter:add(i) filter:add("k" .. i) end
    for i = 1, 62 do pcall(moved[1].add, moved[1], i) end
    odd[1]:fromstring(-1, "\n\r\"\\\n\r\"\\\0\1\2\3\4\5\6\7", 1)
    odd[2]:fromstring(2 ^ 32 + 2 ^ 31, "", 0)
    inject_payload("txt", "result", filter:count(), " ", moved[1]:count())
end
