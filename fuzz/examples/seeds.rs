//! Fills `corpus/` from the repository's test data: `cargo run --example seeds` in this folder.
//!
//! A file larger than fuzzing likes is left out, and every seed's name is its content's place in the test data.

use std::{
    fs,
    path::{Path, PathBuf},
};

use cepshim::{
    archive::FrameReader,
    message::{Message, MessageIndex, render},
};

const MAX_SEED: usize = 16 << 10;

struct Seeds {
    root: PathBuf,
}

impl Seeds {
    fn put(&self, target: &str, name: &str, parts: &[&[u8]]) {
        let bytes = parts.concat();
        if bytes.len() > MAX_SEED {
            return;
        }
        let folder = self.root.join(target);
        fs::create_dir_all(&folder).expect("a corpus folder");
        fs::write(folder.join(name), bytes).expect("a seed");
    }
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.map(|it| it.expect("an entry").path()) {
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
}

fn main() {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    let data = own.join("../tests/data");
    let seeds = Seeds { root: own.join("corpus") };
    let mut found = Vec::new();
    files(&data, &mut found);
    found.sort();
    for (number, path) in found.iter().enumerate() {
        let bytes = fs::read(path).expect("readable");
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        let name = format!("{number}-{file}");
        match path.extension().and_then(|it| it.to_str()) {
            Some("hpb" | "damaged") => stream(&seeds, &name, &bytes),
            Some("cfg") => {
                seeds.put("config", &name, &[&bytes]);
                matcher(&seeds, &name, &String::from_utf8_lossy(&bytes));
            }
            Some("data") => seeds.put("state_file", &name, &[&bytes]),
            Some("json") if file == "expected.json" => state(&seeds, &name, &bytes),
            Some("lua") => patterns(&seeds, &name, &String::from_utf8_lossy(&bytes)),
            Some("jsonl" | "json") => seeds.put("json_lines", &name, &[&bytes]),
            _ => {}
        }
    }
    sketches(&seeds);
    for (name, text) in [
        (
            "nested",
            "_G[\"a\"] = {}\n_G[\"a\"][1] = \"x\\\ny\\0\"\n_G[\"a\"][2] = _G[\"a\"]\n_G[\"e\"] = {nil}\n",
        ),
        (
            "buffer",
            "if _PRESERVATION_VERSION and _PRESERVATION_VERSION ~= 1 then return end\n\
             if _G[\"c\"] == nil then _G[\"c\"] = circular_buffer.new(4, 2, 60) end\n\
             _G[\"c\"]:set_header(1, \"Column_1\", \"count\", \"sum\")\n\
             _G[\"c\"]:fromstring(\"300 2 nan nan 1 2 nan 0.3 nan nan\")\n\
             _G[\"c\"]:annotate(3e+11, 2, \"alert\", \"x\", false)\n",
        ),
    ] {
        seeds.put("state_file", name, &[text.as_bytes()]);
    }
}

/// Operations of every kind, with keys and texts between them (`fuzz_targets/sketches.rs`).
fn sketches(seeds: &Seeds) {
    for (number, first) in (0..8_u8).enumerate() {
        let mut bytes = Vec::new();
        for n in 0..60 {
            let length = (n * 7 + first) % 23;
            bytes.extend_from_slice(&[n.wrapping_mul(5).wrapping_add(first), length]);
            bytes.extend((0..length).map(|it| it.wrapping_mul(n) ^ first));
        }
        seeds.put("sketches", &format!("operations-{number}"), &[&bytes]);
    }
}

/// A stream of frames: seeds of its own, and so are its messages in several forms.
fn stream(seeds: &Seeds, name: &str, bytes: &[u8]) {
    seeds.put("frame", name, &[b"\x03\xff", bytes]);
    seeds.put("codec", name, &[bytes]);
    let mut reader = FrameReader::new(bytes, "in".into(), 1 << 20);
    let mut number = 0;
    while let Some(frame) = reader.next().expect("readable") {
        number += 1;
        if number > 20 {
            break;
        }
        let name = format!("{name}-{number}");
        let raw = frame.message.raw();
        seeds.put("message_decode", &name, &[raw]);
        seeds.put("frame", &name, &[b"\x01\x40", frame.bytes]);
        let expression = b"Type =~ '^a.-b' || Fields[a] == 1";
        seeds.put("matcher", &name, &[&[expression.len() as u8], expression, raw]);
        let mut index = MessageIndex::default();
        index.decode(raw).expect("a message");
        let mut line = Vec::new();
        render::json(Message::new(raw, &index), &mut line);
        seeds.put("json_lines", &name, &[&line]);
        seeds.put("codec", &format!("{name}.json"), &[&line, b"\n", &line]);
    }
}

/// The matcher of a plugin's configuration.
fn matcher(seeds: &Seeds, name: &str, text: &str) {
    let Some(at) = text.find("message_matcher") else { return };
    let line = text[at..].lines().next().unwrap_or_default();
    let (Some(start), Some(end)) = (line.find(['"', '\'']), line.rfind(['"', '\''])) else { return };
    let expression = line.get(start + 1..end).unwrap_or_default().as_bytes();
    if let Ok(length) = u8::try_from(expression.len()) {
        seeds.put("matcher", name, &[&[length], expression, b"some text"]);
    }
}

/// The state that a recorded case left.
fn state(seeds: &Seeds, name: &str, text: &[u8]) {
    // The file is one JSON object; its state is a string of it, which a message's payload reads just as well.
    let text = String::from_utf8_lossy(text);
    let Some(at) = text.find("\"state\": \"") else { return };
    let rest = &text[at + 10..];
    let end = rest.find("\",\n").or_else(|| rest.find("\"\n")).unwrap_or(rest.len());
    let state = rest[..end].replace("\\n", "\n").replace("\\\"", "\"").replace("\\\\", "\\");
    seeds.put("state_file", name, &[state.as_bytes()]);
}

/// Quoted texts of a script that look like patterns.
fn patterns(seeds: &Seeds, name: &str, text: &str) {
    for (number, quoted) in text.split(['"', '\'']).filter(|it| it.contains(['%', '[', '^'])).enumerate() {
        if let (Ok(length), false) = (u8::try_from(quoted.len()), quoted.contains('\n')) {
            seeds.put(
                "lua_pattern",
                &format!("{name}-{number}"),
                &[&[length], quoted.as_bytes(), b"key=value 12:30 (x(y))"],
            );
        }
    }
}
