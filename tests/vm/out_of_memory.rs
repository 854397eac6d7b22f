//! Every allocation of every call a script can make fails in turn.

use std::fs;

use cepshim::{
    modules,
    sandbox::{AnalysisPlugin, CreateError, Preserved},
};

use crate::support::{create, full_message, on_deep_stack, process, text};

/// More allocations than any call here makes.
const MOST: u64 = 3000;

const SETUP: &str = r#"
require "string" require "table" require "math" require "os"
text = "key=value, other=thing"
list = {3, 1, 2}
object = setmetatable({}, {__index = function(_, key) return key .. "!" end, __tostring = function() return "an object" end})
print = print or function() end
"#;

/// A sandbox whose `process_message` runs `body`, and the folder where it finds its modules.
fn plugin(setup: &str, body: &str) -> (AnalysisPlugin, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a scratch folder");
    fs::write(
        folder.path().join("extra.lua"),
        "local M = {} setfenv(1, M) function twice(x) return x .. x end return M",
    )
    .expect("a module");
    fs::write(folder.path().join("broken.lua"), "this is no Lua").expect("a module");
    let script =
        format!("{setup}\nfunction process_message()\n{body}\nreturn 0\nend\nfunction timer_event() end\n");
    let plugin = create(folder.path(), &script, "", None);
    (plugin.unwrap_or_else(|error| panic!("{body}: {}", text(&error.text()))), folder)
}

/// Lets the body's first, second, ... allocation and all after it fail, until none fails. Each time the sandbox ends with
/// Lua's words, or the script caught them; put back, it does what it does with enough memory.
#[track_caller]
fn check(setup: &str, body: &str) {
    let raw = full_message();
    let (mut plugin, _folder) = plugin(setup, body);
    let before = plugin.snapshot().expect("nothing pins it");
    let (status, said) = process(&mut plugin, &raw);
    assert!(status <= 0, "{body}: {}", text(plugin.error()));
    let after = plugin.snapshot().expect("nothing pins it");
    for allocations in 0..MOST {
        plugin.restore(&before);
        plugin.fail_after(allocations);
        let (status, heard) = process(&mut plugin, &raw);
        plugin.fail_after(u64::MAX);
        let error = text(plugin.error());
        if status > 0 {
            // A collected userdata may need memory in its finalizer; production exits there.
            let is_expected = error == "process_message() not enough memory"
                || error.starts_with("process_message() OutOfMemory: not enough memory (")
                || error.ends_with("a finalizer raised an error in a garbage collection");
            assert!(is_expected, "{body}: after {allocations} allocations: {error:?}");
            assert!(plugin.is_terminated() && plugin.doom().is_none_or(|_| error.contains("finalizer")));
        } else if plugin.snapshot().expect("nothing pins it").difference(&after).is_none() {
            assert_eq!(heard, said, "{body}");
            return;
        }
        plugin.restore(&before);
        let (status, heard) = process(&mut plugin, &raw);
        assert!(status <= 0, "{body}: restored after {allocations} allocations: {}", text(plugin.error()));
        assert_eq!(heard, said, "{body}: restored after {allocations} allocations");
        assert_eq!(
            plugin.snapshot().expect("nothing pins it").difference(&after),
            None,
            "{body}: after {allocations} allocations"
        );
    }
    panic!("{body}: never gets enough memory");
}

fn check_all(setup: &str, bodies: &[&str]) {
    on_deep_stack(|| bodies.iter().for_each(|body| check(setup, body)));
}

#[test]
fn strings() {
    check_all(
        SETUP,
        &[
            "local a, b, c = string.find(text, '(%w+)=')",
            "local a = string.find(text, 'other', 1, true)",
            "local a, b = string.match(text, '(%w+)=(%w+)')",
            "local a = string.match(text, '()x?()')",
            "for k, v in string.gmatch(text, '(%w+)=(%w+)') do list[k] = v end",
            "local a = string.gsub(text, '%w+', '<%0>')",
            "local a = string.gsub(text, '%w+', {key = 'schluessel'})",
            "local a = string.gsub(text, '%w+', function(it) return it .. it end)",
            "local a = string.gsub(text, '%w+', object)",
            "local a = string.gsub((' x'):rep(500), '%w', 'a long replacement text')",
            "local a = string.rep(text, 100)",
            "local a = string.rep('x', 300)",
            "local a = string.format('%5.2f %d %x %s %q %c %i %g', 1.5, 2, 3, text, 'a\"b\\n\\0', 65, 4, 0.1)",
            "local a = string.format('%s', ('x'):rep(1000))",
            "local a = string.format('%q', ('\"'):rep(1000))",
            "local a = tostring(1/3) .. tostring({}) .. tostring(object) .. tostring(print) .. tostring(nil)",
            "local a = string.upper(text) .. string.lower(text) .. string.reverse(text)",
            "local a = string.sub(text, 2, 5) .. string.char(65, 66, 67)",
            "local a = {string.byte(text, 1, -1)}",
            "local a = string.len(text) .. #text",
            "local a = text .. 1 .. 2.5 .. text",
            "local a = '10' + 1",
        ],
    );
}

#[test]
fn the_base_library() {
    check_all(
        SETUP,
        &[
            "local a = {tonumber('0x1f'), tonumber('12', 8), tonumber('x')}",
            "local a = {pairs(list)} for k, v in pairs(list) do list[k] = tostring(v) end",
            "for i, v in ipairs(list) do list['n' .. i] = v end",
            "local a = {unpack(list)}",
            "local a = {select('#', 1, 2), select(2, 1, 2, 3)}",
            "local a = {pcall(error, 'text')}",
            "local a = {pcall(error, {code = 1})}",
            "local a = {pcall(error)}",
            "local a = {pcall(string.rep)}",
            "local a = {pcall(string.find, text, '%')}",
            "local a = {xpcall(function() error('x') end, function(it) return it .. '?' end)}",
            "local a = {pcall(assert, false, 'asserted')}",
            "local a = {pcall(assert, nil)}",
            "local a = rawget(list, 1) rawset(list, 'x', {}) local b = rawequal(list, list)",
            "local a = getmetatable(object) setmetatable(list, {__newindex = function() end})",
            "local f = function() return text end setfenv(f, {text = 1}) local a = getfenv(f)",
            "local a = {type(1), type(nil), type(print)}",
            "local a = next({x = 1}) local b = _VERSION .. gcinfo()",
            "local function f(n) if n == 0 then return {} end return {f(n - 1)} end f(30)",
            "local a = {} for i = 1, 200 do a[i] = {i} end",
            "local a = {} for i = 1, 200 do a['k' .. i] = i end",
            "local f = {} for i = 1, 20 do f[i] = function() return i end end",
            "local function f(...) return select('#', ...) end f(unpack(list))",
            "print('a', 1, nil, true, list ~= nil)",
            "print(object)",
            "print(('x'):rep(5000))",
        ],
    );
}

#[test]
fn tables_numbers_and_time() {
    check_all(
        SETUP,
        &[
            "local a = table.concat({1, 'x', 2.5}, ', ')",
            "local a = {} for i = 1, 50 do a[i] = text end local b = table.concat(a)",
            "table.sort(list)",
            "table.sort(list, function(a, b) return tostring(a) > tostring(b) end)",
            "table.insert(list, 4) table.insert(list, 1, 0) local a = table.remove(list)",
            "local a = table.maxn(list) + table.getn(list)",
            "table.foreach(list, function(k, v) object[v] = k end)",
            "table.foreachi(list, function(i, v) if i == 2 then return {v} end end)",
            "local a = {math.abs(-1), math.ceil(.5), math.floor(.5), math.max(1, 2), math.min(1, 2), math.sqrt(2)}",
            "local a = {math.sin(1), math.cos(1), math.exp(1), math.log(2), math.pow(2, 3), math.fmod(5, 3), math.modf(1.5)}",
            "math.randomseed(5) local a = {math.random(), math.random(10), math.random(5, 6)}",
            "local a = {pcall(math.random, 0)}",
            "local a = {math.frexp(5), math.ldexp(1, 3), math.deg(1), math.rad(1), math.huge, math.pi}",
            "local a = os.date('%Y-%m-%d %H:%M:%S %A %c', 0)",
            "local a = os.date('*t', 0)",
            "local a = os.date('!*t')",
            "local a = os.date()",
            "local a = os.time{year = 2026, month = 1, day = 1, hour = 0}",
            "local a = {os.time(), os.clock(), os.difftime(2, 1)}",
            "local a = {pcall(os.time, {})}",
        ],
    );
}

#[test]
fn messages_in() {
    check_all(
        SETUP,
        &[
            r#"local a = {read_message("Uuid"), read_message("Type"), read_message("Logger"), read_message("Payload")}"#,
            r#"local a = {read_message("Timestamp"), read_message("Severity"), read_message("Pid"), read_message("size")}"#,
            r#"local a = {read_message("EnvVersion"), read_message("Hostname")}"#,
            r#"local a = read_message("raw")"#,
            r#"local a = read_message("framed")"#,
            r#"local a = {read_message("Fields[text]"), read_message("Fields[text]", 0, 1), read_message("Fields[none]")}"#,
            r#"local a = {read_message("Fields[bytes]"), read_message("Fields[integer]"), read_message("Fields[double]"), read_message("Fields[bool]")}"#,
            r#"local a = read_message("Payload", nil, nil, true)"#,
            r#"local a = tostring(read_message("Payload", nil, nil, true))"#,
            r#"local a = read_message("raw", nil, nil, true)"#,
            r#"local a = read_message("framed", nil, nil, true)"#,
            r#"local a = {pcall(read_message, "Nothing")}"#,
            r#"local a = {pcall(read_message, "Type", -1)}"#,
            r"local a = {pcall(read_message)}",
            r#"local a = decode_message(read_message("raw"))"#,
            r#"local a = decode_message(read_message("raw", nil, nil, true))"#,
            r#"local a = {pcall(decode_message, "no message at all, is it")}"#,
            r"local a = {pcall(decode_message, list)}",
            r#"local a = {read_config("Logger"), read_config("output_limit"), read_config("none"), read_config("path")}"#,
            r#"local a = read_config("remove_entries")"#,
        ],
    );
}

#[test]
fn messages_out() {
    check_all(
        SETUP,
        &[
            r#"inject_message({Type = "t", Payload = text})"#,
            r#"inject_message({Timestamp = 5e18, Severity = 1, EnvVersion = "e", Fields = {a = 1, b = text, c = true}})"#,
            r#"inject_message({Fields = {a = {1, 2, 3}, b = {"x", "y"}, c = {true, false}}})"#,
            r#"inject_message({Fields = {a = {value = {1, 2}, value_type = 2, representation = "ms"}, b = {value = text, value_type = 1}}})"#,
            r#"inject_message({Fields = {{name = "a", value = 1}, {name = "b", value = {text, text}, representation = "r"}}})"#,
            r#"inject_message(decode_message(read_message("raw")))"#,
            r#"inject_message({Payload = ("x"):rep(20000)})"#,
            r#"inject_message({Payload = read_message("Payload", nil, nil, true)})"#,
            r#"inject_message({Fields = {a = {value = read_message("Fields[text]", nil, nil, true)}}})"#,
            r#"inject_message({Fields = {{name = "a", value = read_message("raw", nil, nil, true)}}})"#,
            r"local a = {pcall(inject_message, {Fields = {a = {{1}}}})}",
            r#"local a = {pcall(inject_message, {Fields = {a = {1, "x"}}})}"#,
            r#"local a = {pcall(inject_message, "text")}"#,
            r#"inject_payload("txt", "name", text, 1, true, nil)"#,
            r#"inject_payload("txt", ("n"):rep(300), ("x"):rep(5000))"#,
            r"inject_payload()",
            r#"inject_payload("txt", "name", read_message("Payload", nil, nil, true))"#,
            r"add_to_payload(text, 1, 2.5, true, nil) inject_payload()",
            r#"add_to_payload(("x"):rep(5000)) inject_payload("json")"#,
            r#"add_to_payload(read_message("Payload", nil, nil, true)) inject_payload("txt", "z")"#,
            r"local a = {pcall(add_to_payload, {})}",
            r#"local a = {pcall(add_to_payload, ("x"):rep(200000))}"#,
            r"local a = {pcall(inject_payload, {}, {})}",
        ],
    );
}

#[test]
fn modules() {
    check_all(
        "",
        &[
            "require 'string'",
            "require 'table'",
            "require 'math'",
            "require 'os'",
            "local a = require 'extra' x = a.twice('x')",
            "local a = {pcall(require, 'missing')}",
            "local a = {pcall(require, 'broken')}",
            "local a = {pcall(require, 'io')}",
            "local a = {pcall(require)}",
            "module('fresh', package.seeall) x = 1",
        ],
    );
    on_deep_stack(|| {
        for module in modules::BUILTIN {
            check("", &format!("local a = require '{}'", module.name));
        }
    });
}

#[test]
fn stand_ins() {
    check_all(
        r#"require "string" require "table" require "kafka" require "cjson" require "gcp.pubsub" require "gcp.logging"
        require "parquet" socket = require "socket" http = require "socket.http" smtp = require "socket.smtp"
        driver = require "luasql.postgres" ssl = require "ssl"
        p = kafka.producer("b:1") p:create_topic("t") c = socket.tcp() c:connect("h", 1)
        publisher = gcp.pubsub.publisher("g", "t") writer = gcp.logging.writer("g")
        con = driver.postgres():connect("dbname=a password=b")"#,
        &[
            "local a = kafka.producer('b', {a = 1, b = 'x', c = true}) a:create_topic('x', {}) local b = a:has_topic('x') a:destroy_topic('x')",
            "local a = p:send('t', -1, cjson.null, 'text') p:poll()",
            "local a = p:send('t', -1, cjson.null, read_message('Payload', nil, nil, true))",
            "local a = {pcall(p.send, p, 'none', -1, cjson.null, 'text')}",
            "local a = {c:send('text', 2, 3), c:receive(), c:getpeername()} c:close()",
            "local a = publisher:publish(cjson.null, nil, {a = 'b'}) publisher:poll()",
            "local a = writer:send_sync({logName = 'x', labels = {1, 2, {a = true}}})",
            "local a = parquet.schema('s') a:add_group('g', 'optional'):add_column('c', 'required', 'int64') a:finalize() parquet.writer('f', a):dissect_message()",
            "local a = {con:execute('insert into t'), con:execute('select 1'), con:escape(\"it's\")}",
            "local a = {http.request('http://h/p', 'body')}",
            "local a = smtp.send{from = 'a', rcpt = {'b'}, source = smtp.message{headers = {subject = 's'}, body = 'b'}}",
            "local a = {pcall(ssl.wrap(c, ssl.newcontext{}).receive)}",
            "local a = {socket.protect(function() socket.try(nil, 'broken') end)()}",
            "local a = {socket.select({c}, {c}, 1)}",
        ],
    );
}

#[test]
fn mail_encodings_and_chains() {
    check_all(
        "require 'string' mime = require 'mime' ltn12 = require 'ltn12' url = require 'socket.url'",
        &[
            "local a = {mime.b64('text', 'more'), mime.unb64('dGV4dA=='), mime.qp('a b\\r\\n', '='), mime.unqp('=41', 'x')}",
            "local a = {mime.wrp(3, 'abcdefgh', 3), mime.qpwrp(3, 'abcdefgh', 3), mime.eol(0, 'a\\nb'), mime.dot(2, '.a')}",
            "local a, t = ltn12.sink.table() ltn12.pump.all(ltn12.source.chain(ltn12.source.string('text'), mime.encode('base64')), a)",
            "local a = {url.parse('http://u:p@h:1/a/b;p?q#f'), url.absolute('http://a/b/c', '../d'), url.escape('a b')}",
        ],
    );
}

#[test]
fn libinjection() {
    check_all(
        "require 'libinjection' s = libinjection.sqli_state() libinjection.sqli_init(s, '1 or 1=1', 8, 0)",
        &[
            "local a = libinjection.sqli('1 or 1=1', 8, '')",
            "local a = libinjection.xss('<script>', 8)",
            "local a = libinjection.sqli_state() libinjection.sqli_init(a, 'select 1', 8, 0)",
            "local a = {libinjection.is_sqli(s), s.fingerprint, s.s, s.current.val}",
            "local a = {libinjection.sqli_fingerprint(s, 0), libinjection.sqli_get_token(s, 0).type}",
            "local a = {pcall(libinjection.is_sqli, 'x')}",
        ],
    );
}

#[test]
fn maxminddb() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/modules/maxminddb/values/city.mmdb");
    check_all(
        &format!(
            "require 'maxminddb' file = [[{folder}]] db = maxminddb.open(file) r = db:lookup('1.2.3.4')"
        ),
        &[
            "local a = maxminddb.open(file)",
            "local a = db:lookup('1.2.3.4')",
            "local a = {r:get('text'), r:get('array', '2', 'key'), r:get('double')}",
            "local a = {pcall(r.get, r, 'missing')}",
            "local a = {pcall(db.lookup, db, 'nowhere')}",
            "local a = {pcall(maxminddb.open, 'missing')}",
        ],
    );
}

#[test]
fn circular_buffers() {
    check_all(
        "text = 'a text' require 'string' require 'circular_buffer' c = circular_buffer.new(5, 2, 60) c:add(0, 1, 1)",
        &[
            "local a = circular_buffer.new(10, 3, 1)",
            "c:add(300e9, 1, 1) c:set(300e9, 2, 5) local a = {c:get(300e9, 2), c:current_time()}",
            "local a = {c:get_range(1), c:get_header(1), c:set_header(1, 'name', 'unit', 'max')}",
            "c:annotate(0, 1, 'info', text)",
            "inject_payload('cbuf', 'name', c)",
            "inject_payload('cbufd', 'name', c:format('cbufd'))",
            "inject_message({Fields = {a = {value = c}}})",
            "c:fromstring('240 4' .. (' 1'):rep(10))",
            "local a = {pcall(c.add, c, 'x', 'y', 'z')}",
        ],
    );
}

#[test]
fn hyperloglogs() {
    check_all(
        "require 'string' require 'hyperloglog' h = hyperloglog.new() g = hyperloglog.new() h:add('x') saved = tostring(h)",
        &[
            "local a = hyperloglog.new() a:add(1)",
            "local a = {h:add('a key'), h:count(), hyperloglog.count(h, g), h:merge(g), h:clear()}",
            "local a = tostring(h) .. tostring(g)",
            "h:fromstring(saved) g:fromstring(saved)",
            "inject_payload('bin', 'name', h)",
            "inject_message({Fields = {a = {value = h}}})",
            "local a = {pcall(h.fromstring, h, 'x'), pcall(h.add, h, {}), pcall(h.count, saved)}",
        ],
    );
}

#[test]
fn bloom_filters() {
    check_all(
        "require 'string' require 'bloom_filter' b = bloom_filter.new(10, .1)",
        &[
            "local a = bloom_filter.new(100, .01) a:add(1)",
            "local a = {b:add('a key'), b:query('a key'), b:count(), b:clear()}",
            "b:fromstring(5, ('x'):rep(6)) b:fromstring(123456)",
            "local a = {pcall(b.fromstring, b, 'x'), pcall(b.add, b, {}), pcall(bloom_filter.new, 1, 2)}",
        ],
    );
}

#[test]
fn cuckoo_filters() {
    check_all(
        "require 'string' require 'cuckoo_filter' require 'cuckoo_filter_expire'
        c = cuckoo_filter.new(8) e = cuckoo_filter_expire.new(512, 1)",
        &[
            "local a = cuckoo_filter.new(100) a:add(1)",
            "local a = {c:add('a key'), c:query('a key'), c:count(), c:delete('a key'), c:clear()}",
            "for i = 1, 10 do pcall(c.add, c, i) end",
            "c:fromstring(5, ('x'):rep(16), 1) c:fromstring(5, 6, 7)",
            "local a = {pcall(c.fromstring, c, 1, 'x', 1), pcall(c.add, c, {}), pcall(cuckoo_filter.new, 1)}",
            "local a = cuckoo_filter_expire.new(1000, 60) a:add(1, 2e18)",
            "local a = {e:add('a key', 1e18), e:query('a key'), e:count(), e:current_interval(), e:delete('a key')}",
            "e:clear() e:fromstring(500, ('x'):rep(2560)) e:add('x', 1e18)",
            "local a = {pcall(e.fromstring, e, 1, 'x'), pcall(e.add, e, {}, 1), pcall(cuckoo_filter_expire.new, 1, 1)}",
        ],
    );
}

#[test]
fn hashes() {
    check_all(
        "require 'string' require 'xxhash'",
        &[
            "local a = {xxhash.h32('x'), xxhash.h64(1, 2), xxhash.h32(('x'):rep(1000), 3)}",
            "local a = {pcall(xxhash.h32, {}), pcall(xxhash.h64, 1, -1)}",
        ],
    );
}

#[test]
fn structs() {
    check_all(
        "require 'struct' require 'string'",
        &[
            "local a = struct.pack('>!4bhic5sc0fdx', 1, 2, 3, 'a text', 'more', 'rest', 1.5, 2.5)",
            "local a = struct.pack('s', ('x'):rep(10000))",
            "local a = struct.pack('!1024bi32bi32bi32', 1, 2, 3, 4, 5, 6)",
            "local a = {struct.unpack('>bc2sb', 'abc\\0d')}",
            "local a = {struct.unpack(('b'):rep(300), ('x'):rep(300))}",
            "local a = {struct.unpack('bc0', '\\2abc')}",
            "local a = {struct.unpack('c10', 'abcdefghijk', -2)}",
            "local a = struct.size('!bd')",
            "local a = {pcall(struct.pack, 'q')}",
            "local a = {pcall(struct.unpack, 'i33', 'x')}",
        ],
    );
}

#[test]
fn bits() {
    check_all(
        "require 'bit' bit32 = require 'bit32'",
        &[
            "local a = {bit.band(1, 2, 3), bit.tohex(255), bit.tohex(255, -4), bit.bswap(1)}",
            "local a = {pcall(bit.band, {})}",
            "local a = {bit32.band(1, 2, 3), bit32.btest(1), bit32.extract(255, 1, 3), bit32.replace(255, 1, 3)}",
            "local a = {pcall(bit32.extract, 1, 40)}",
        ],
    );
}

#[test]
fn zlib_streams() {
    check_all(
        "require 'zlib' require 'string' f, g = zlib.deflate(), zlib.inflate() whole = zlib.deflate()(('text'):rep(5000), 'finish')
        crc = zlib.crc32() g(f('begun', 'sync'))",
        &[
            "local a = {zlib.deflate(9, 31)('a text', 'finish')}",
            "local a = {zlib.inflate()(whole)}",
            "local a = {zlib.inflate()(whole:sub(1, 50))}",
            "local a = {g(f('more', 'sync'))}",
            "local a = {pcall(zlib.inflate(), 'no')}",
            "local a = {pcall(zlib.deflate, 100)}",
            "local a = {crc('text'), crc(zlib.crc32()), zlib.adler32()('x'), zlib.version()}",
            "local a = zlib.deflate() a('x') a() local b = {pcall(a, 'x')}",
        ],
    );
}

#[test]
fn gzip_files() {
    let file = tempfile::NamedTempFile::new().expect("a scratch file");
    fs::write(file.path(), "a line\nanother line\n".repeat(600)).expect("it is writable");
    let setup = format!("require 'gzfile' name = [[{}]]", file.path().display());
    check_all(
        &setup,
        &[
            "local a = gzfile.string(name)",
            "local a = {pcall(gzfile.string, name, 'rb', 1, 10)}",
            "local a = gzfile.open(name) for line in a:lines() do x = line end a:close()",
            "local a = gzfile.open(name) for line in a:lines_tail(true) do x = line end a:seek('set', 3) a:close()",
            "local a = {gzfile.open(name .. 'none')}",
        ],
    );
}

#[test]
fn snappy_texts() {
    check_all(
        "require 'snappy' require 'string' text = ('some text '):rep(500) data = snappy.compress(text)",
        &[
            "local a = snappy.compress(text)",
            "local a = {snappy.uncompress(data), snappy.validate_compressed_buffer(data)}",
            "local a = {pcall(snappy.uncompress, 'no')}",
        ],
    );
}

#[test]
fn files_and_folders() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let setup = format!("require 'lfs' folder = [[{}]]", folder.path().display());
    check_all(
        &setup,
        &[
            "local a = lfs.attributes(folder)",
            "local a = {lfs.attributes(folder, 'mode'), lfs.attributes(folder .. '/none'), lfs.symlinkattributes(folder).mode}",
            "for name in lfs.dir(folder) do x = name end",
            "local a = {pcall(lfs.dir, folder .. '/none')}",
            "local a = {lfs.chdir(folder), lfs.currentdir(), lfs.chdir('none')}",
            "local a = {lfs.mkdir(folder), lfs.rmdir(folder .. '/none'), lfs.touch(folder .. '/none'), lfs.link('a', folder)}",
            "local a = {lfs.lock_dir(folder .. '/none')}",
            "local a = {pcall(lfs.lock, {})}",
        ],
    );
}

#[test]
fn rjson() {
    check_all(
        r#"require 'string' require 'rjson'
        d = rjson.parse('{"a":{"b":[10,"s",true,null,{"c":1.5}]},"s":"text","list":[1,2,3,4,5,6,7]}')
        m = rjson.parse('[]')
        s = rjson.parse_schema('{"required":["x"],"properties":{"a":{"type":"object"}}}')"#,
        &[
            r#"local a = rjson.parse('{"k":["text","with \\n escapes",1,2.5]}') local b = a:find("k", 1)"#,
            r#"local a = {pcall(rjson.parse, '{"k":')}"#,
            r#"local a = {d:type(), d:size(), d:value(d:find("s")), d:find("a", "b", 4, "c")}"#,
            r#"local a = {pcall(d.value, d), pcall(d.find, d, m), pcall(d.iter, d, d:find("s"))}"#,
            r#"for k, v in d:iter() do local t = d:type(v) end for i, v in d:iter(d:find("list")) do local t = i end"#,
            r#"local a = d:remove("a", "b") if a then local b = a:value(a:find(0)) end"#,
            r#"local a = {} for i = 1, 6 do a[i] = d:remove_shallow("list", 0) end"#,
            r#"m:parse('[1,{"x":"y"}]') local a = m:find(1, "x")"#,
            r"local a = {pcall(m.parse, m, '[1,')}",
            r#"local a = {rjson.parse_schema('{"type":"string","pattern":"^a"}')}"#,
            r"local a = {d:validate(s)}",
            r#"local a = {pcall(rjson.parse_schema, '{"type":')}"#,
            r#"add_to_payload(d, "x") inject_payload() inject_message({Fields = {a = d:make_field(), b = d:make_field(d:find("a"))}})"#,
            r#"local a = {pcall(rjson.parse_message, "Payload"), pcall(m.parse_message, m, "Fields[text]", 0, 1, true)}"#,
            r#"local a = {pcall(rjson.parse_message, "Fields[none]"), rjson.version()}"#,
        ],
    );
}

#[test]
fn sax() {
    check_all(
        "require 'sax' window = sax.window.new(8, 4, 6) window:add({1, 2, 3, 4, 5}) word = sax.word.new('ABC', 4)",
        &[
            "local a = {sax.window.new(64, 4, 8), sax.word.new({1, 2, 3, 4}, 2, 5), sax.word.new('ABCD', 6)}",
            "window:add(1) window:add({1, 2, 3}) local a = window:get_word()",
            "local a = tostring(window) .. tostring(word) .. sax.version()",
            "local a = {sax.mindist(window, window:get_word()), window == word}",
            "window:clear()",
            "inject_payload('txt', 'name', window, word)",
            "inject_message({Fields = {a = {value = word}}})",
            "local a = {pcall(window.add, window, {1, 'x'})}",
            "for i = 1, 300 do local a = window:get_word() end",
        ],
    );
}

#[test]
fn streaming_algorithms() {
    check_all(
        "require 'string' for _, name in ipairs{'p2', 'running_stats', 'cm_sketch', 'matrix', 'time_series'} do
            require('streaming_algorithms.' .. name)
        end
        sa = streaming_algorithms
        quantile, histogram, stats = sa.p2.quantile(0.5), sa.p2.histogram(4), sa.running_stats.new()
        sketch, ints, floats = sa.cm_sketch.new(0.1, 0.1), sa.matrix.new(3, 3), sa.matrix.new(3, 3, 'float')
        series = sa.time_series.new(32, 1) all = {quantile, histogram, stats, sketch, ints, floats, series}
        for i = 0, 31 do series:set(i, i * i % 11) end",
        &[
            "local a = {sa.p2.quantile(0.9), sa.p2.histogram(100), sa.running_stats.new(), sa.cm_sketch.new(0.01, 0.01)}",
            "local a = {sa.matrix.new(10, 10), sa.matrix.new(10, 10, 'float'), sa.time_series.new(100, 1)}",
            "for i = 1, 10 do quantile:add(i) histogram:add(i) stats:add(i) sketch:update('item' .. i) end",
            "ints:add(1, 1, 2) floats:set(2, 2, 0.5) local a = {ints:get_row(1), floats:get_row(2), ints:pcc(1)}",
            "local a = {series:get_range(nil, 32), series:stats(nil, 32, 'sd'), series:add(40, 1)}",
            "local a = {series:matrix_profile(nil, 32, 5, 100)}",
            "local a = {series:matrix_profile(nil, 32, 5, 100, 'mp'), series:matrix_profile(nil, 32, 5, 100, 'mpi')}",
            "for _, it in ipairs(all) do it:fromstring(tostring(it)) end",
            "local a = {pcall(ints.fromstring, ints, 'x'), pcall(sketch.update, sketch, {}), pcall(series.add, series, -1, 1)}",
        ],
    );
}

#[test]
fn date() {
    check_all(
        "require 'string' require 'date' fields = {year = 2017, month = 7, day = 16}",
        &[
            "local a = {date.time(), date.time(fields), date.time(fields, 'Europe/Paris')}",
            "local a = date.time('2017-07-16 17:00:00.123456', '%Y-%m-%d %H:%M:%S', 'America/Los_Angeles')",
            "local a = date.format(1500249600123456000, '%c %F %T %Z %z', 'Asia/Tokyo') .. ('x'):rep(100)",
            "local a = {date.floor(1.5e18, 'hour', 'Asia/Kolkata'), date.get(1.5e18, 'wday')}",
            "local a = date.get(1.5e18, {}, 'Europe/Berlin')",
            "local a = {pcall(date.time, 'x', '%F'), pcall(date.time, fields, 'Nowhere'), pcall(date.get, 1, 'x')}",
            "local a = {pcall(date.time, '2017-03-12 02:30:00', '%F %T', 'America/Los_Angeles')}",
        ],
    );
}

/// What a caught failure leaves behind is used further, not only put back.
#[test]
fn a_script_that_catches_goes_on() {
    on_deep_stack(|| {
        let raw = full_message();
        let setup = format!(
            r#"{SETUP}
            function attempt()
                local a = decode_message(read_message("raw"))
                inject_message({{Payload = string.rep(text, 20), Fields = {{a = a.Fields[1].value}}}})
                for k, v in string.gmatch(text, "(%w+)=(%w+)") do a[k] = v:gsub("%w", "%0%0") end
            end"#
        );
        let (mut plugin, _folder) = plugin(&setup, "has_failed = not pcall(attempt)");
        let mut caught = 0;
        for allocations in 0..MOST {
            plugin.fail_after(allocations);
            let (status, heard) = process(&mut plugin, &raw);
            plugin.fail_after(u64::MAX);
            assert!(status <= 0, "after {allocations} allocations: {}", text(plugin.error()));
            caught += 1;
            let (status, _) = process(&mut plugin, &raw);
            assert!(status <= 0, "after {allocations} allocations: {}", text(plugin.error()));
            if heard.messages.len() == 1 && allocations > 500 {
                break;
            }
        }
        assert!(caught > 100);
    });
}

#[test]
fn preserving_ends_with_a_state_or_a_reason() {
    on_deep_stack(|| {
        let setup = "text = 'x' data = {1, {2, name = 'x'}, text} data.self = data empty = {}
            require 'circular_buffer' c = circular_buffer.new(3, 1, 60) c:annotate(0, 1, 'info', 'x')";
        for allocations in 0..MOST {
            let (mut plugin, _folder) = plugin(setup, "");
            plugin.fail_after(allocations);
            match plugin.destroy() {
                Some(Preserved::Written(state)) => {
                    assert!(text(&state).contains("_G[\"data\"][\"self\"] = _G[\"data\"]"));
                    assert!(allocations > 3, "preserving allocates");
                    return;
                }
                Some(Preserved::Removed(words) | Preserved::Kept(words)) => {
                    let words = text(&words);
                    let is_expected =
                        words.contains("not enough memory") || words.contains("failed loading 'string'");
                    assert!(is_expected, "after {allocations} allocations: {words:?}");
                }
                None => panic!("a state file was given"),
            }
        }
        panic!("preserving never gets enough memory");
    });
}

/// Creating a sandbox with a `memory_limit` that ends anywhere in it, its state's restoring included.
#[test]
fn creating_ends_with_a_sandbox_or_a_reason() {
    on_deep_stack(|| {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let script = format!(
            "{SETUP} require 'circular_buffer' c = circular_buffer.new(3, 1, 60) function process_message() return 0 end"
        );
        let state = b"_G[\"list\"] = {}\n_G[\"list\"][1] = \"x\"\n";
        let (mut failures, mut successes) = (0, 0);
        for limit in (1..60_000).step_by(211) {
            let config = format!("memory_limit = {limit}");
            match create(folder.path(), &script, &config, Some(state)) {
                Ok(mut plugin) => {
                    successes += 1;
                    let (status, _) = process(&mut plugin, &full_message());
                    assert!(status <= 0 || text(plugin.error()) == "process_message() not enough memory");
                }
                Err(CreateError::Script { text: words, .. }) => {
                    failures += 1;
                    assert!(text(&words).ends_with("not enough memory"), "{limit}: {}", text(&words));
                }
                Err(other) => panic!("{limit}: {other:?}"),
            }
        }
        assert!(failures > 10 && successes > 10, "{failures} {successes}");
    });
}

#[test]
fn lpeg() {
    let setup = format!(
        "{SETUP} require 'lpeg' l = lpeg
        name = l.C(l.R('az')^1)
        pairs_ = l.Ct((l.Cg(name * '=' * name) * l.P', '^-1)^0)
        deep = l.P{{'a' * l.V(1) * 'b' + 'c'}}
        fold = l.Cf(l.Cc(0) * (l.R'09' / tonumber)^0, function(a, b) return a + b end)
        subst = l.Cs((l.P'e' / '<%0>' + l.P'a' / string.upper + l.P'o' / {{o = 0}} + 1)^0)
        timed = l.Ct((l.Cmt(l.C(1), function(s, i, c) return i, c .. c end))^0)
        back = l.Cg(name, 'n') * '=' * l.Cb'n' * l.Cp() * l.Carg(1)"
    );
    check_all(
        &setup,
        &[
            "local a = l.P'text' * l.P(3) + l.S'abc' - l.R('az', '09') ^ 2 * -l.P(1) * #l.P(1)",
            "local a = l.C(l.Cc(1, nil, 'x') * l.Cc('y')) / '%1' / 1 / print / {} * l.Cg(l.Cp(), 'n') * l.Cb'n'",
            "local a = l.P{'S', S = l.V'A' * l.V'B', A = l.C'a', B = l.Cc'b' * l.V'S' + 'x'}",
            "local a = l.B(l.P'ab') * l.P(function() return true end) * l.Cs(l.P(1)^-3) * l.Ct(1)",
            "local a = l.locale() local b = l.locale({}) l.setmaxstack(500)",
            "local a = {pcall(l.P, {l.V(1)})} local b = {pcall(l.match, l.V'x', '')} local c = {pcall(l.R, 'abc')}",
            "list = pairs_:match(text)",
            "list = {l.match(name * '=' * l.Cp(), text)}",
            "local a = deep:match(('a'):rep(390) .. 'c' .. ('b'):rep(390))",
            "l.setmaxstack(2000) local a = deep:match(('a'):rep(900) .. 'c' .. ('b'):rep(900))",
            "list = fold:match('123456')",
            "list = subst:match(text)",
            "list = timed:match(text)",
            "list = timed:match(text:rep(4))",
            "list = {back:match(text, 1, {})}",
            "list = l.Ct(l.C(1)^0):match(text:rep(5))",
        ],
    );
}

#[test]
fn re() {
    check_all(
        &format!(
            "{SETUP} require 'lpeg' re = require 're' compiled = re.compile[[ {{| ({{%a+}} '=' {{%a+}} ', '?)* |}} ]]"
        ),
        &[
            "list = compiled:match(text)",
            "list = re.compile[[ a <- 'x' b / . b <- {[0-9%s]} -> '<%1>' ]]",
            "list = {pcall(re.compile, ')')}",
            "list = re.find(text, \"'other'\")",
            "list = re.gsub(text, '[a-e]', '*')",
        ],
    );
}
