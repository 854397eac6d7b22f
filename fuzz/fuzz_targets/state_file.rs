//! Any bytes as the preserved state of a small filter: it starts and runs, or an error says why not.
//!
//! Restoring runs without limits, as in production, so a state file with an endless loop hangs there and here. Inputs
//! with a loop or a function in them are passed over.
#![no_main]

use std::sync::OnceLock;

use cepshim::{
    modules,
    sandbox::{AnalysisOptions, AnalysisPlugin, NativeModules, StateFile},
};
use libfuzzer_sys::fuzz_target;

const SCRIPT: &str = "
_PRESERVATION_VERSION = 1
require 'string' require 'circular_buffer' require 'hyperloglog'
require 'bloom_filter' require 'cuckoo_filter' require 'cuckoo_filter_expire' require 'sax'
require 'streaming_algorithms.p2' require 'streaming_algorithms.running_stats' require 'streaming_algorithms.matrix'
require 'streaming_algorithms.cm_sketch' require 'streaming_algorithms.time_series'
data = {1, 2} name = 'x' c = circular_buffer.new(4, 2, 60)
function process_message() return 0 end
function timer_event() add_to_payload(type(data), tostring(name), type(c)) inject_payload() end
";

fn script() -> &'static str {
    static PATH: OnceLock<String> = OnceLock::new();
    PATH.get_or_init(|| {
        let path = std::env::temp_dir().join(format!("cepshim-fuzz-{}.lua", std::process::id()));
        std::fs::write(&path, SCRIPT).expect("the folder is writable");
        path.to_string_lossy().into_owned()
    })
}

fuzz_target!(|state: &[u8]| {
    let has = |word: &[u8]| state.windows(word.len()).any(|it| it == word);
    if [&b"while"[..], b"for ", b"for\t", b"for\n", b"for_", b"repeat", b"function"].iter().any(|it| has(it))
    {
        return;
    }
    let options = AnalysisOptions {
        lua_file: script(),
        config: b"memory_limit = 1000000\noutput_limit = 100000\npath = ''\ncpath = 'modules/?.so'\n",
        state: Some(StateFile { name: "state.data", content: Some(state) }),
        hostname: "host",
        seed: 1,
        c_steps: 100_000,
        modules: modules::BUILTIN,
        native_modules: &NativeModules::BuiltIn,
        first_slot: 0,
        start_ns: 0,
    };
    match AnalysisPlugin::create(&options, &mut ()) {
        Ok(mut plugin) => {
            let _ = plugin.timer_event(1, false, 10, &mut ());
            let before = plugin.snapshot().expect("nothing pins it");
            let _ = plugin.timer_event(2, false, 10, &mut ());
            let after = plugin.snapshot().expect("nothing pins it");
            plugin.restore(&before);
            let _ = plugin.timer_event(2, false, 10, &mut ());
            assert_eq!(plugin.snapshot().expect("nothing pins it").difference(&after), None);
            let _ = plugin.destroy();
        }
        Err(error) => assert!(!error.text().is_empty()),
    }
});
