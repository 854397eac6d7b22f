//! What both halves share: a thread with enough stack, a message, a sandbox, what it injected.

use std::{fs, path::Path, thread};

use cepshim::{
    event::Sent,
    message::{FieldValues, Message, MessageIndex, OwnedField, OwnedMessage},
    modules,
    sandbox::{AnalysisOptions, AnalysisPlugin, CreateError, NativeModules, Sink, StateFile},
    vm::Place,
};

/// Nested calls from Lua into host functions and back need more than a thread's usual stack.
const STACK: usize = 64 << 20;

/// Runs `test` on a thread fit for VMs.
pub fn on_deep_stack(test: impl FnOnce() + Send) {
    thread::scope(|scope| {
        let runner = thread::Builder::new().stack_size(STACK).spawn_scoped(scope, test);
        if let Err(panic) = runner.expect("a thread starts").join() {
            std::panic::resume_unwind(panic);
        }
    });
}

/// The bytes of a message with every header and a field of every type.
pub fn full_message() -> Vec<u8> {
    let some = |it: &str| Some(it.as_bytes().to_vec());
    let field = |name: &str, value| OwnedField { name: name.into(), representation: some("unit"), value };
    let mut raw = Vec::new();
    OwnedMessage {
        uuid: *b"0123456789abcdef",
        timestamp: 1_700_000_000_000_000_000,
        type_: some("type"),
        logger: some("logger"),
        severity: Some(3),
        payload: some("a payload that is long enough to be worth referring to"),
        env_version: some("env"),
        pid: Some(42),
        hostname: some("host"),
        fields: vec![
            field("text", FieldValues::String(vec![b"one".to_vec(), b"two".to_vec()])),
            field("bytes", FieldValues::Bytes(vec![b"\0\xff".to_vec()])),
            field("integer", FieldValues::Integer(vec![-1, 300])),
            field("double", FieldValues::Double(vec![0.5, 1e300])),
            field("bool", FieldValues::Bool(vec![true, false])),
        ],
    }
    .encode(&mut raw);
    raw
}

/// What a call said.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Heard {
    pub messages: Vec<Vec<u8>>,
    pub logs: Vec<Vec<u8>>,
    /// Module, destination and bytes.
    pub sent: Vec<(String, Vec<u8>, Vec<u8>)>,
}

impl Sink for Heard {
    fn injected(&mut self, message: &[u8], _: Place) {
        self.messages.push(message.to_vec());
    }

    fn sent(&mut self, sent: Sent<'_>, _: Place) {
        self.sent.push((sent.module.to_owned(), sent.destination.to_vec(), sent.bytes.to_vec()));
    }

    fn log(&mut self, _: u8, _: &[u8], text: &[u8]) {
        self.logs.push(text.to_vec());
    }
}

/// Writes `script` to `folder` and creates a sandbox for it.
pub fn create(
    folder: &Path,
    script: &str,
    config: &str,
    state: Option<&[u8]>,
) -> Result<AnalysisPlugin, CreateError> {
    let file = folder.join("filter.lua");
    fs::write(&file, script).expect("the folder is writable");
    let config = format!(
        "path = [[{}/?.lua]]\ncpath = 'modules/?.so;io_modules/?.so'\nlog_level = 7\noutput_limit = 100000\n{config}",
        folder.display()
    );
    let options = AnalysisOptions {
        lua_file: file.to_str().expect("a UTF-8 path"),
        config: config.as_bytes(),
        state: Some(StateFile { name: "state", content: state }),
        hostname: "test.example",
        seed: 1,
        c_steps: 10_000_000,
        modules: modules::BUILTIN,
        native_modules: &NativeModules::BuiltIn,
        first_slot: 2000,
        start_ns: 1_700_000_000_000_000_000,
    };
    AnalysisPlugin::create(&options, &mut ())
}

/// Shows `raw` to the filter.
pub fn process(plugin: &mut AnalysisPlugin, raw: &[u8]) -> (i32, Heard) {
    let mut index = MessageIndex::default();
    index.decode(raw).expect("a message");
    let mut heard = Heard::default();
    let status = plugin.process_message(Message::new(raw, &index), 100, &mut heard);
    (status, heard)
}

/// Bytes for a person.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
