require "bloom_filter"
filter = bloom_filter.new(400, 0.01)
third = {bloom_filter.new(30, 1 / 3)}
tiny = bloom_filter.new(2, 5e-324)
none = bloom_filter.new(100, 0.9999999)
odd = {bloom_filter.new(8, .5), bloom_filter.new(8, .5)}
same = third[1]
function process_message() return 0 end
function timer_event(ns, shutdown)
    if not shutdown then return end
    for i = 1, 300 do filter:add(i) filter:add("k" .. i) none:add(i) end
    for i = 1, 10 do third[1]:add(i) end
    tiny:add("x")
    odd[1]:fromstring(-1, "\n\r")
    odd[2]:fromstring(2 ^ 32 + 7, "\"\\")
    inject_payload("txt", "result", filter:count())
end
