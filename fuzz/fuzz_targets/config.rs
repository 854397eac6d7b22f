//! Any text as configuration: of a sandbox and of the host. Values or an error; never a panic.
//!
//! Loops end at an instruction limit, but slowly: inputs with one are passed over.
#![no_main]

use std::path::Path;

use cepshim::{
    pipeline::HostConfig,
    sandbox::{SandboxConfig, config},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    let has = |word: &[u8]| text.windows(word.len()).any(|it| it == word);
    if [&b"while"[..], b"for", b"repeat", b"function"].iter().any(|it| has(it)) {
        return;
    }
    let values = config::evaluate(text, None);
    match SandboxConfig::load(text, &mut ()) {
        Ok(config) => {
            assert!(values.is_ok());
            for name in ["output_limit", "memory_limit", "instruction_limit", "log_level"] {
                assert!(config.values.get(name).is_some());
            }
        }
        Err(error) => assert!(!error.text().is_empty() || values.is_err()),
    }
    let _ = HostConfig::load(Path::new("hindsight.cfg"), text, &mut |_, _| {});
});
