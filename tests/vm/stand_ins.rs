//! Stand-ins as scripts see them, and what they record.

use cepshim::{
    event::Sent,
    message::{Message, MessageIndex, OwnedMessage},
    modules::BUILTIN,
    sandbox::{AnalysisOptions, AnalysisPlugin, Kind, Sink},
    vm::Place,
};

/// What a script sent and logged.
#[derive(Default)]
struct Heard {
    sent: Vec<String>,
    said: Vec<String>,
}

impl Sink for Heard {
    fn injected(&mut self, _: &[u8], _: Place) {}

    fn sent(&mut self, sent: Sent<'_>, place: Place) {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let parameters: Vec<String> =
            sent.parameters.iter().map(|(name, value)| format!(" {name}={}", text(value))).collect();
        let parameters = parameters.concat();
        self.sent.push(format!(
            "{} {} {} [{}]{parameters} :{}",
            sent.module,
            sent.action,
            text(sent.destination),
            text(sent.bytes),
            place.line
        ));
    }

    fn log(&mut self, _: u8, _: &[u8], text: &[u8]) {
        self.said.push(String::from_utf8_lossy(text).into_owned());
    }
}

/// Runs `body` in `process_message`, line 2 of the script, over a message whose Payload is `payload`.
fn run(body: &str) -> Heard {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let file = folder.path().join("script.lua");
    let script = format!(
        "require 'string' require 'table' require 'cjson' function process_message()\n{body} return 0 end \
         function timer_event() end"
    );
    std::fs::write(&file, script).expect("the script is written");
    let options = AnalysisOptions {
        lua_file: file.to_str().expect("a path in UTF-8"),
        config: b"path = 'modules/?.lua' cpath = 'io_modules/?.so' log_level = 7",
        state: None,
        hostname: "",
        seed: 1,
        c_steps: 1_000_000,
        modules: BUILTIN,
        native_modules: &cepshim::sandbox::search::NativeModules::BuiltIn,
        first_slot: 0,
        start_ns: 1_500_000_000,
    };
    let mut plugin = AnalysisPlugin::create(&options, &mut ())
        .unwrap_or_else(|error| panic!("{body}: {}", String::from_utf8_lossy(&error.text())));
    let mut raw = Vec::new();
    OwnedMessage { payload: Some(b"payload".to_vec()), ..OwnedMessage::default() }.encode(&mut raw);
    let mut index = MessageIndex::default();
    index.decode(&raw).expect("a message");
    let mut heard = Heard::default();
    let before = plugin.snapshot().expect("nothing pins it");
    let status = plugin.process_message(Message::new(&raw, &index), 0, &mut heard);
    assert!(status <= 0, "{body}: {}", String::from_utf8_lossy(plugin.error()));
    // Nothing is held: the call can be taken back and made again.
    let after = plugin.snapshot().expect("nothing pins it");
    plugin.restore(&before);
    let mut again = Heard::default();
    plugin.process_message(Message::new(&raw, &index), 0, &mut again);
    assert_eq!((again.sent, again.said), (heard.sent.clone(), heard.said.clone()), "{body}");
    assert_eq!(plugin.snapshot().expect("nothing pins it").difference(&after), None, "{body}");
    heard
}

#[track_caller]
fn check(body: &str, sent: &[&str], said: &[&str]) {
    let heard = run(body);
    assert_eq!(heard.sent, sent, "{body}");
    let said: Vec<String> = said.iter().map(|it| (*it).to_owned()).collect();
    assert_eq!(heard.said, said, "{body}");
}

#[test]
fn every_stand_in_loads_and_keeps_out_of_preservation() {
    for module in BUILTIN.iter().filter(|it| it.kind == Kind::StandIn) {
        check(&format!("print(type(require '{}'))", module.name), &[], &["table"]);
    }
}

#[test]
fn kafka() {
    let setup = "require 'kafka' local p = kafka.producer('b:9092')";
    check(
        &format!(
            "{setup} p:create_topic('t') print(p:has_topic('t'), p:has_topic('u'), kafka.version(), type(p)) \
             print(p:send('t', 3, cjson.null, 'text')) \
             print(p:send('t', -1, cjson.null, read_message('Payload', nil, nil, true))) p:destroy_topic('t') \
             print(pcall(p.send, p, 't', -1, cjson.null, 'text'))"
        ),
        &[
            "kafka producer:send b:9092/t [text] topic=t partition=3 :2",
            "kafka producer:send b:9092/t [payload] topic=t partition=-1 :2",
        ],
        &["true\tfalse\t1.0.7\tuserdata", "0", "0", "false\tinvalid topic"],
    );
    // An output plugin's acknowledgement: once for what was sent last.
    check(
        &format!(
            "{setup} update_checkpoint = function(it, failures) print(it == cjson.null, failures) end p:create_topic('t') \
             p:poll() p:send('t', 0, cjson.null, 'a') p:send('t', 0, cjson.null, 'b') p:poll() p:poll()"
        ),
        &[
            "kafka producer:send b:9092/t [a] topic=t partition=0 :2",
            "kafka producer:send b:9092/t [b] topic=t partition=0 :2",
        ],
        &["true\t0"],
    );
    for (call, text) in [
        ("kafka.producer()", "bad argument #0 to 'producer' (incorrect number of arguments)"),
        ("kafka.producer('')", "invalid broker list"),
        ("kafka.producer('b', 1)", "bad argument #2 to 'producer' (table expected, got number)"),
        ("kafka.producer('b', {a = {}})", "invalid config value type: table"),
        ("kafka.producer('b', {1})", "invalid config key type: number"),
        ("p:send('t', 1, nil, 'x')", "invalid topic"),
        ("p:create_topic()", "calling 'create_topic' on bad self (incorrect number of arguments)"),
        ("kafka.consumer('b', {}, {})", "bad argument #2 to 'consumer' (the topics array is empty)"),
        ("kafka.consumer('b', {1}, {['group.id'] = 'g'})", "topics must be an array of strings"),
        ("kafka.consumer('b', {'t'}, {})", "group.id must be set"),
        (
            "kafka.consumer('b', {'t'}, {['group.id'] = 'g'}):receive()",
            "kafka consumer:receive(): cepshim has a stand-in for kafka, which cannot answer offline",
        ),
    ] {
        let heard = run(&format!("{setup} print(pcall(function() {call} end))"));
        assert!(
            heard.said[0].starts_with("false\t") && heard.said[0].ends_with(text),
            "{call}: {:?}",
            heard.said
        );
    }
}

#[test]
fn sockets() {
    check(
        "local socket = require 'socket' local c = socket.tcp() print(c:send('x')) print(c:settimeout(5), c:connect('h', 25)) \
         print(c:send('abcdef'), c:send('abcdef', 2, 4), c:send('abcdef', -2), c:send('')) print(c:getpeername()) \
         print(c:receive('*l')) print(c:close()) print(c:send('late'))",
        &[
            "socket tcp:send h:25 [abcdef] :2",
            "socket tcp:send h:25 [bcd] :2",
            "socket tcp:send h:25 [ef] :2",
            "socket tcp:send h:25 [] :2",
        ],
        &[
            "nil\tclosed\t0",
            "1\t1",
            "6\t4\t6\t0",
            "h\t25\tinet",
            "nil\tsocket tcp:receive(): cepshim has a stand-in for socket, which cannot answer offline\t",
            "1",
            "nil\tclosed\t0",
        ],
    );
    check(
        "local socket = require 'socket' local u = socket.udp() print(u:sendto('data', '10.0.0.1', 514)) \
         u:setpeername('h', 'syslog') print(u:send('more')) print(socket.dns.toip('h')) socket.sleep(60) \
         local r, w, e = socket.select({u}, nil, 1) print(#r, #w, e) print(socket.gettime())",
        &["socket udp:sendto 10.0.0.1:514 [data] :2", "socket udp:send h:syslog [more] :2"],
        &[
            "1",
            "1",
            "nil\tsocket dns.toip(): cepshim has a stand-in for socket, which cannot answer offline",
            "0\t0\ttimeout",
            "1.5",
        ],
    );
    check(
        "local socket, ssl = require 'socket', require 'ssl' local c = socket.tcp() c:connect('h', 443) \
         c = assert(ssl.wrap(c, assert(ssl.newcontext{mode = 'client'}))) print(c:dohandshake(), c:send('secret')) \
         local u = require 'socket.unix'.stream() u:connect('/dev/log') print(u:send('line'))",
        &["ssl conn:send h:443 [secret] :2", "socket.unix unix:send /dev/log [line] :2"],
        &["true\t6", "4"],
    );
}

#[test]
fn requests_and_mail() {
    check(
        "local http = require 'socket.http' print(http.request('http://h/p', 'a=b')) \
         local source = require 'ltn12'.source.string('body') \
         print(http.request{url = 'http://h/q', method = 'PUT', headers = {a = 'b'}, source = source})",
        &[
            "socket.http request http://h/p [a=b] method=POST \
             headers={\"content-length\":3,\"content-type\":\"application/x-www-form-urlencoded\"} :2",
            "socket.http request http://h/q [body] method=PUT headers={\"a\":\"b\"} :2",
        ],
        &["nil\tsocket.http request(): cepshim has a stand-in for socket.http, which cannot answer offline";
            2],
    );
    check(
        "local smtp = require 'socket.smtp' local source = smtp.message{headers = {Subject = 's'}, body = {{body = 'one'}, \
         {headers = {['content-type'] = 'text/html'}, body = 'two'}}} \
         print(smtp.send{from = '<a>', rcpt = '<b>', server = 'mx', source = source})",
        &[
            "socket.smtp send mx:25 [content-type: multipart/mixed; boundary=\"==cepshim-1==\"\r\nsubject: s\r\n\r\n\
           \r\n--==cepshim-1==\r\n\r\none\r\n--==cepshim-1==\r\ncontent-type: text/html\r\n\r\ntwo\r\n--==cepshim-1==--\r\n\r\n] \
           from=<a> rcpt=<b> :2",
        ],
        &["1"],
    );
    check(
        "local socket, http = require 'socket', require 'socket.http' print(socket.protect(function() \
         local h = http.open('h', 9200) h:sendrequestline('POST', '/_bulk') h:sendheaders{a = 'b'} \
         h:sendbody({['content-length'] = 4}, require 'ltn12'.source.string('data')) return h:receivestatusline() end)())",
        &[
            "socket tcp:send h:9200 [POST /_bulk HTTP/1.1\r\n] :2",
            "socket tcp:send h:9200 [a: b\r\n\r\n] :2",
            "socket tcp:send h:9200 [data] :2",
        ],
        &["nil\tsocket tcp:receive(): cepshim has a stand-in for socket, which cannot answer offline"],
    );
}

#[test]
fn databases() {
    check(
        "local con = require 'luasql.postgres'.postgres():connect('dbname=d password=secret') \
         print(con:execute('create table t'), con:execute(' -- all\\nInsert into t')) print(con:escape(\"it's\")) \
         print(con:execute('SELECT 1'))",
        &[
            "luasql.postgres conn:execute dbname=d password=? [create table t] :2",
            "luasql.postgres conn:execute dbname=d password=? [ -- all\nInsert into t] :2",
            "luasql.postgres conn:execute dbname=d password=? [SELECT 1] :2",
        ],
        &[
            "0\t1",
            "it''s",
            "nil\tluasql.postgres conn:execute(): cepshim has a stand-in for luasql.postgres, which cannot answer offline",
        ],
    );
}

#[test]
fn services() {
    check(
        "require 'gcp.pubsub' local p = gcp.pubsub.publisher('g', 'projects/a/topics/b') \
         print(p:publish(cjson.null, 'text', {k = 'v'})) print(p:publish_sync(nil)) p:flush() p:poll()",
        &[
            "gcp.pubsub publisher:publish g/projects/a/topics/b [text] attributes={\"k\":\"v\"} :2",
            "gcp.pubsub publisher:publish_sync g/projects/a/topics/b [\n\u{10}\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\u{10}\u{0}2\u{7}payload] :2",
        ],
        &["-5\tnil", "0\tnil"],
    );
    check(
        "require 'aws.kinesis' local w = aws.kinesis.simple_producer() print(w:send('stream', 'data', 'key')) \
         require 'gcp.logging' print(gcp.logging.writer('g'):send_sync({logName = 'n', list = {1, true, 'x\"\\n'}}))",
        &[
            "aws.kinesis simple_producer:send stream [data] key=key :2",
            "gcp.logging writer:send_sync g [{\"list\":[1,true,\"x\\\"\\n\"],\"logName\":\"n\"}] :2",
        ],
        &["0\tnil", "0"],
    );
    check(
        "local i = require 'irc' local c = i.new('me', 'irc.example', 6697, '#c') c:write_chan('hello') c:write_raw('QUIT') \
         print(c:status().server, c:status().port)",
        &[
            "irc conn:write_chan irc.example:6697/#c [hello] :2",
            "irc conn:write_raw irc.example:6697/#c [QUIT] :2",
        ],
        &["irc.example\t6697"],
    );
    check(
        "require 'parquet' local s = parquet.schema('doc') s:add_group('g', 'optional'):add_column('c', 'required', 'int64') \
         s:finalize() local w = parquet.writer('f.parquet', s) w:dissect_record({a = {b = 1}}) w:write_rowgroup() w:close()",
        &["parquet writer:dissect_record f.parquet [{\"a\":{\"b\":1}}] :2"],
        &[],
    );
}

#[test]
fn a_table_without_end_ends() {
    let heard = run("require 'gcp.logging' local t = {} t.t = t print(gcp.logging.writer('g'):send_sync(t))");
    assert_eq!(heard.said, ["0"]);
    assert!(heard.sent[0].contains("\"...table\""), "{:?}", heard.sent);
}
