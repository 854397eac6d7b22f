//! A sandbox that shows a filter one message twice from one snapshot.

use std::sync::OnceLock;

use cepshim::{
    message::{Message, MessageIndex, OwnedMessage},
    modules,
    sandbox::{AnalysisOptions, AnalysisPlugin, NativeModules, Sink},
    vm::Place,
};

const MEMORY_LIMIT: usize = 2_000_000;

/// What a call injected.
#[derive(Default, PartialEq, Eq)]
struct Injected(Vec<Vec<u8>>);

impl Sink for Injected {
    fn injected(&mut self, message: &[u8], _: Place) {
        self.0.push(message.to_vec());
    }

    fn log(&mut self, _: u8, _: &[u8], _: &[u8]) {}
}

fn file(script: &str) -> &'static str {
    static PATH: OnceLock<String> = OnceLock::new();
    PATH.get_or_init(|| {
        let path = std::env::temp_dir().join(format!("cepshim-fuzz-{}.lua", std::process::id()));
        std::fs::write(&path, script).expect("the folder is writable");
        path.to_string_lossy().into_owned()
    })
}

/// Runs the script over a message with these parts. A target has one script.
pub fn check(script: &str, type_: &[u8], payload: &[u8], pid: i32) {
    let mut raw = Vec::new();
    OwnedMessage {
        uuid: [0; 16],
        timestamp: 0,
        type_: Some(type_.to_vec()),
        logger: None,
        severity: None,
        payload: Some(payload.to_vec()),
        env_version: None,
        pid: Some(pid),
        hostname: None,
        fields: Vec::new(),
    }
    .encode(&mut raw);
    let mut index = MessageIndex::default();
    index.decode(&raw).expect("a message");
    let config = format!(
        "memory_limit = {MEMORY_LIMIT}\noutput_limit = 1000000\npath = ''\ncpath = 'modules/?.so;io_modules/?.so'\n"
    );
    let options = AnalysisOptions {
        lua_file: file(script),
        config: config.as_bytes(),
        state: None,
        hostname: "host",
        seed: 1,
        c_steps: 200_000_000,
        modules: modules::BUILTIN,
        native_modules: &NativeModules::BuiltIn,
        first_slot: 0,
        start_ns: 0,
    };
    let mut plugin = AnalysisPlugin::create(&options, &mut ()).expect("the script is one");
    let before = plugin.snapshot().expect("nothing pins it");
    let run = |plugin: &mut AnalysisPlugin| {
        let mut injected = Injected::default();
        let status = plugin.process_message(Message::new(&raw, &index), 100, &mut injected);
        let error = String::from_utf8_lossy(plugin.error()).into_owned();
        assert!(
            status <= 0 || error.contains("not enough memory") || error.contains("production would"),
            "{error}"
        );
        assert!(plugin.usage().memory <= MEMORY_LIMIT);
        (status, injected, error)
    };
    let first = run(&mut plugin);
    let after = plugin.snapshot();
    plugin.restore(&before);
    let second = run(&mut plugin);
    assert!(first == second, "a repeated call differs");
    if let (Ok(after), Ok(again)) = (after, plugin.snapshot()) {
        assert_eq!(again.difference(&after), None);
    }
}
