//! What `doctor --modules` lists, and what is said beside a `require` that failed.

use crate::scratch::{Scratch, matches};

/// A project with modules of its own: one in Lua with a version, one in the place of one that is built in, C modules.
fn project() -> Scratch {
    let scratch = Scratch::with(&["basic.hpb"]);
    scratch
        .write("cepshim.toml", "lua_path = 'lua/?.lua'\nlua_cpath = 'native/?.so'\n")
        .write("lua/util.lua", "local M = {_VERSION = 1}\nM._VERSION = \"2.1\"\nreturn M\n")
        .write("lua/deep/er.lua", "return {}\n")
        .write("lua/circular_buffer.lua", "return {}\n")
        .write("native/mine.so", "")
        .write("native/cjson.so", "");
    scratch
}

#[test]
fn doctor_lists_modules() {
    let scratch = project();
    let run = scratch.run(&["doctor", "--modules"]).ends(0);
    let listed = run.out();
    // Other modules that are built in come and go with versions of cepshim.
    for line in [
        "built in\n",
        "  circular_buffer ",
        "(lua/circular_buffer.lua is found first)\n",
        "  cjson  ",
        "Lua modules on lua_path\n",
        "lua/deep/er.lua\n",
        "C modules on lua_cpath\n",
        "native/cjson.so  (cepshim's own is used, unless --allow-native-modules=cjson)\n",
        "native/mine.so  (loaded with --allow-native-modules)\n",
    ] {
        assert!(listed.contains(line), "{line:?}: {run}");
    }
    let lua: Vec<&str> = listed.lines().skip_while(|it| !it.starts_with("Lua modules")).collect();
    assert_eq!(lua[3].split_whitespace().collect::<Vec<_>>(), ["util", "2.1", "lua/util.lua"], "{run}");
    let run = scratch.run(&["doctor", "--modules", "--format", "json", "--lua-path", "x/?.lua"]).ends(0);
    let json: serde_json::Value = serde_json::from_slice(&run.stdout).expect("JSON");
    assert_eq!(json["version"], 1);
    let modules = json["modules"].as_array().expect("modules");
    let of = |name: &str, kind: &str| {
        let found = modules.iter().find(|it| it["name"] == name && it["kind"] == kind);
        found.unwrap_or_else(|| panic!("no {kind} {name}: {run}")).to_string()
    };
    assert_eq!(
        of("circular_buffer", "built_in"),
        r#"{"name":"circular_buffer","kind":"built_in","group":"modules","version":"1.0.2","file":null,"found":true,"note":null}"#
    );
    assert_eq!(
        of("mine", "native"),
        r#"{"name":"mine","kind":"native","group":null,"version":null,"file":"native/mine.so","found":false,"note":"loaded with --allow-native-modules"}"#
    );
    assert!(!modules.iter().any(|it| it["kind"] == "lua"), "{run}");
    scratch.run(&["doctor", "--format", "json"]).ends(2);
}

#[test]
fn a_failed_require_has_a_remedy() {
    let scratch = project();
    scratch.filter(
        "pcall",
        "pcall(require, 'absent')\nrequire 'deep.er'\nerror('other')",
        "message_matcher = 'TRUE'",
    );
    scratch.filter("late", "function process_message() require 'lpeg.uri' end", "message_matcher = 'TRUE'");
    scratch.write("lua/inner.lua", "require 'mine'\n");
    scratch.filter("nested", "require 'inner'", "message_matcher = 'TRUE'");
    // Only what ended the filter is explained.
    let run = scratch.run(&["replay", "pcall.cfg", "basic.hpb"]).ends(3);
    assert!(!run.err().contains("hint"), "{run}");
    matches("modules_late", &scratch.run(&["replay", "late.cfg", "basic.hpb"]).ends(6));
    matches("modules_nested", &scratch.run(&["replay", "nested.cfg", "basic.hpb"]).ends(3));
    matches("modules_check", &scratch.run(&["check", "nested.cfg"]).ends(1));
}
