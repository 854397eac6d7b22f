//! `--sent`: what a filter tried to send to the outside.

use serde_json::{Value, json};

use crate::scratch::Scratch;

/// The paths of an installation; nothing needs to be there.
const HINDSIGHT: &str = r#"output_path = "out"
output_size = 1024
sandbox_load_path = "load"
sandbox_run_path = "run"
analysis_lua_path = "modules/?.lua;io_modules/?.lua"
analysis_lua_cpath = "modules/?.so;io_modules/?.so"
io_lua_path = "modules/?.lua;io_modules/?.lua"
io_lua_cpath = "modules/?.so;io_modules/?.so"
input_defaults = {}
analysis_defaults = {}
output_defaults = {}
"#;

/// Sends every message to a broker and a summary of it over a connection.
const SENDS: &str = r#"require "cjson"
require "kafka"
local socket = require "socket"

local producer = kafka.producer("broker.example:9092", {["batch.num.messages"] = 200})
producer:create_topic("messages")
local connection

function process_message()
    producer:poll()
    if producer:send("messages", -1, cjson.null, read_message("raw")) ~= 0 then return -1, "queue full" end
    if not connection then
        connection = assert(socket.tcp())
        assert(connection:connect("carbon.example", 2003))
    end
    assert(connection:send(read_message("Type") .. " caf\195\169\n"))
    return 0
end

function timer_event(ns, shutdown)
    if not shutdown then return end
    local answer, problem = connection:receive("*l")
    inject_payload("txt", "answer", answer, " ", problem)
    local consumer = kafka.consumer("broker.example:9092", {"messages"}, {["group.id"] = "g"})
    consumer:receive()
end
"#;

fn lines(scratch: &Scratch, name: &str) -> Vec<Value> {
    let text = String::from_utf8(scratch.read(name)).expect("text");
    text.lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect()
}

#[test]
fn a_filter_that_sends() {
    let scratch = Scratch::with(&["basic.hpb"]);
    scratch.write("hindsight.cfg", HINDSIGHT).filter("sends", SENDS, "message_matcher = \"Type == 't1'\"");
    let arguments = ["replay", "sends.cfg", "basic.hpb", "--hindsight-cfg", "hindsight.cfg"];
    let run = scratch
        .run(
            &[&arguments[..], &["--sent", "sent.jsonl", "--report", "report.json", "--format", "jsonl"]]
                .concat(),
        )
        .ends(6);
    let sent = lines(&scratch, "sent.jsonl");
    assert_eq!(sent.len(), 6, "{run}");
    let (message, text) = (&sent[2], &sent[3]);
    assert!(message["bytes"]["base64"].is_string() || message["bytes"].is_string(), "{message}");
    assert_eq!(
        [&message["module"], &message["action"], &message["destination"], &message["parameters"]],
        [
            &json!("kafka"),
            &json!("producer:send"),
            &json!("broker.example:9092/messages"),
            &json!({"topic": "messages", "partition": "-1"})
        ]
    );
    let record = message["record"].clone();
    assert_eq!(
        *text,
        json!({"module": "socket", "action": "tcp:send", "destination": "carbon.example:2003",
               "filter": "analysis.sends", "callback": "process_message", "record": record,
               "script": "sends.lua", "line": 16, "parameters": {}, "bytes": "t1 caf\u{e9}\n"})
    );
    // Where an answer is needed, there is none, and that is said.
    let answer = run.payloads();
    assert_eq!(
        answer,
        ["nil socket tcp:receive(): cepshim has a stand-in for socket, which cannot answer offline"]
    );
    assert!(
        run.err().contains(
            "kafka consumer:receive(): cepshim has a stand-in for kafka, which cannot answer offline"
        ),
        "{run}"
    );
    assert!(run.err().contains(", 6 sent ("), "{run}");
    let report = scratch.report("report.json");
    assert_eq!(report["filters"][0]["sent"], 6);
    assert!(report["filters"][0]["sent_bytes"].as_u64().is_some_and(|it| it > 30), "{report}");
}

#[test]
fn the_file_is_complete_or_not_there() {
    let scratch = Scratch::with(&["basic.hpb"]);
    let script = "function process_message() return 0 end\nfunction timer_event() end\n";
    scratch.filter("quiet", script, "message_matcher = 'TRUE'");
    scratch.run(&["replay", "quiet.cfg", "basic.hpb", "--sent", "sent.jsonl"]).ends(0);
    assert!(scratch.read("sent.jsonl").is_empty());
    let again = scratch.run(&["replay", "quiet.cfg", "basic.hpb", "--sent", "sent.jsonl"]).ends(7);
    assert!(again.err().contains("sent.jsonl: already exists"), "{again}");
    scratch.run(&["replay", "quiet.cfg", "basic.hpb", "--sent", "sent.jsonl.gz", "--force"]).ends(0);
    assert_eq!(scratch.files(), ["basic.hpb", "quiet.cfg", "quiet.lua", "sent.jsonl", "sent.jsonl.gz"]);
}
