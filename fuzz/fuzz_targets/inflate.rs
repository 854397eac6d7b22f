//! Any bytes through what decompresses them in a sandbox: within the memory limit, the same when repeated.
#![no_main]

mod sandbox;

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;

const SCRIPT: &str = "
require 'zlib' require 'snappy' require 'gzfile'
local function show(ok, text, ...)
    add_to_payload(ok, ' ', type(text) == 'string' and #text or tostring(text), ' ')
    for i = 1, select('#', ...) do add_to_payload(tostring((select(i, ...))), ' ') end
    add_to_payload('\\n')
    return ok, text
end
function process_message()
    local data, cut = read_message('Payload') or '', read_message('Pid')
    for _, window in ipairs{47, 31, 15, -15} do
        show(pcall(zlib.inflate(window), data))
        local f = zlib.inflate(window)
        show(pcall(f, data:sub(1, cut)))
        show(pcall(f, data:sub(cut + 1)))
        show(pcall(f))
    end
    local ok, text = show(pcall(snappy.uncompress, data))
    local is_valid = snappy.validate_compressed_buffer(data)
    if ok and not is_valid then error('uncompressed what is not valid') end
    if snappy.uncompress(snappy.compress(data)) ~= data then error('snappy loses something') end
    if zlib.inflate()(zlib.deflate(cut % 10)(data, 'finish')) ~= data then error('zlib loses something') end
    show(pcall(gzfile.string, FILE, 'rb', 1 + cut % 100, 100000))
    local file = gzfile.open(FILE)
    for line in file:lines(1 + cut) do add_to_payload(#line, ' ') end
    file:seek('set', cut)
    show(pcall(function() for line in file:lines_tail() do add_to_payload(#line, ' ') end end))
    file:close()
    inject_payload()
    return 0
end
function timer_event() end
";

fn file() -> &'static str {
    static PATH: OnceLock<String> = OnceLock::new();
    PATH.get_or_init(|| {
        let path = std::env::temp_dir().join(format!("cepshim-fuzz-{}.gz", std::process::id()));
        path.to_string_lossy().into_owned()
    })
}

fuzz_target!(|input: (&[u8], u16)| {
    static SOURCE: OnceLock<String> = OnceLock::new();
    let (data, cut) = input;
    std::fs::write(file(), data).expect("the folder is writable");
    let script = SOURCE.get_or_init(|| format!("FILE = [[{}]] require 'string' {SCRIPT}", file()));
    sandbox::check(script, b"", data, i32::from(cut % 300));
});
