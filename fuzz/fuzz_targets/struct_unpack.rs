//! Any format and any bytes through `struct` in a sandbox: values or an error, the same when repeated.
#![no_main]

mod sandbox;

use libfuzzer_sys::fuzz_target;

const SCRIPT: &str = "
require 'struct'
local function show(ok, ...)
    add_to_payload(ok, select('#', ...))
    for i = 1, select('#', ...) do
        local value = select(i, ...)
        if i < 50 then add_to_payload(' ', type(value) == 'string' and #value or value) end
    end
    add_to_payload('\\n')
    return ok, ...
end
function process_message()
    local data, format, position = read_message('Payload') or '', read_message('Type') or '', read_message('Pid')
    show(pcall(struct.size, format))
    local function back(ok, ...)
        if ok then show(pcall(struct.pack, format, ...)) end
    end
    back(show(pcall(struct.unpack, format, data)))
    show(pcall(struct.unpack, format, data, position))
    show(pcall(struct.pack, format, data, 1, -1, data, 0.5, 1e300, data, data))
    inject_payload()
    return 0
end
function timer_event() end
";

fuzz_target!(|input: (&[u8], &[u8], i32)| {
    let (format, data, position) = input;
    sandbox::check(SCRIPT, format, data, position);
});
