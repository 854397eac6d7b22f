//! C modules from shared libraries, compiled here: Lua's functions, and those production adds, come from the program.
#![cfg(target_os = "linux")]

use std::process::Command;

use crate::scratch::{Scratch, matches};

/// Counts, shows itself in payloads and state files, and fails on demand. Declares what it uses, as no headers of Lua
/// need be installed.
const TALLY: &str = r#"
#include <stddef.h>
#include <string.h>
typedef struct lua_State lua_State;
typedef int (*lua_CFunction)(lua_State *);
typedef struct { char *buf; size_t maxsize, size, pos; } lsb_output_buffer;
extern void *lua_newuserdata(lua_State *, size_t);
extern void *lua_touserdata(lua_State *, int);
extern void *luaL_checkudata(lua_State *, int, const char *);
extern int luaL_newmetatable(lua_State *, const char *);
extern double luaL_checknumber(lua_State *, int);
extern int luaL_error(lua_State *, const char *, ...);
extern void lua_createtable(lua_State *, int, int);
extern void lua_getfield(lua_State *, int, const char *);
extern void lua_setfield(lua_State *, int, const char *);
extern int lua_setmetatable(lua_State *, int);
extern void lua_pushcclosure(lua_State *, lua_CFunction, int);
extern void lua_pushnumber(lua_State *, double);
extern void lua_pushvalue(lua_State *, int);
extern void lua_replace(lua_State *, int);
extern int lua_tabletype(lua_State *, int);
extern const char *lsb_outputf(lsb_output_buffer *, const char *, ...);
extern const char *lsb_outputd(lsb_output_buffer *, double);
extern const char *lsb_outputs(lsb_output_buffer *, const char *, size_t);
extern void lsb_add_output_function(lua_State *, lua_CFunction);
extern void lsb_add_serialize_function(lua_State *, lua_CFunction);

static int add(lua_State *lua) {
  double *sum = luaL_checkudata(lua, 1, "test.tally");
  double number = luaL_checknumber(lua, 2);
  if (number < 0) return luaL_error(lua, "%s cannot be added", "less than nothing");
  *sum += number;
  return 0;
}
static int new(lua_State *lua) {
  *(double *)lua_newuserdata(lua, sizeof(double)) = 0;
  lua_getfield(lua, -10000, "test.tally");
  lua_setmetatable(lua, -2);
  return 1;
}
static int kind(lua_State *lua) {
  lua_pushnumber(lua, lua_tabletype(lua, 1));
  return 1;
}
static int output(lua_State *lua) {
  lsb_output_buffer *buffer = lua_touserdata(lua, -1);
  double *sum = lua_touserdata(lua, -2);
  size_t before = buffer->pos;
  if (lsb_outputf(buffer, "<%s %d ", "tally", (int)before) || lsb_outputd(buffer, *sum)) return 1;
  if (lsb_outputs(buffer, ">??", 3)) return 1;
  buffer->pos -= 2;
  return buffer->buf[buffer->pos - 1] == '>' ? 0 : 1;
}
static int serialize(lua_State *lua) {
  lsb_output_buffer *buffer = lua_touserdata(lua, -1);
  const char *key = lua_touserdata(lua, -2);
  double *sum = lua_touserdata(lua, -3);
  return lsb_outputf(buffer, "if %s == nil then %s = tally.new() end\n%s:add(%.17g)\n", key, key, key, *sum) != NULL;
}
int luaopen_tally(lua_State *lua) {
  lua_createtable(lua, 0, 0);
  lsb_add_output_function(lua, output);
  lsb_add_serialize_function(lua, serialize);
  lua_replace(lua, -10001);
  luaL_newmetatable(lua, "test.tally");
  lua_pushvalue(lua, -1);
  lua_setfield(lua, -2, "__index");
  lua_pushcclosure(lua, add, 0);
  lua_setfield(lua, -2, "add");
  lua_createtable(lua, 0, 2);
  lua_pushcclosure(lua, new, 0);
  lua_setfield(lua, -2, "new");
  lua_pushcclosure(lua, kind, 0);
  lua_setfield(lua, -2, "kind");
  lua_pushvalue(lua, -1);
  lua_setfield(lua, -10002, "tally");
  return 1;
}
int luaopen_tally_part(lua_State *lua) {
  lua_pushnumber(lua, 7);
  return 1;
}
int luaopen_cjson(lua_State *lua) {
  lua_createtable(lua, 0, 1);
  lua_pushnumber(lua, 99);
  lua_setfield(lua, -2, "_VERSION");
  return 1;
}
"#;

const FILTER: &str = r#"require "tally"
require "string"
sum = sum or tally.new()
calls = calls or 0
function process_message()
    sum:add(read_message("Pid") + 0.5)
    calls = calls + 1
    return 0
end
function timer_event(ns, shutdown)
    add_to_payload("text ", sum, " behind\n")
    add_to_payload(select(2, pcall(sum.add, sum, -1)), "\n")
    add_to_payload(select(2, pcall(sum.add, {}, 1)), "\n")
    add_to_payload(tally.kind({}), tally.kind({1}), tally.kind({a = 1}), tally.kind({1, a = 1}), " ", require "tally.part", "\n")
    inject_payload("txt", "tally")
    inject_message({Fields = {sum = {value = sum, representation = "tally"}}})
end
"#;

/// A folder with a filter and `native/tally.so`, which has modules of other names too.
fn scratch() -> Scratch {
    let scratch = Scratch::with(&["basic.hpb"]);
    scratch.filter(
        "use",
        FILTER,
        "message_matcher = 'TRUE'\npreserve_data = true\ntimer_event_inject_limit = 2",
    );
    scratch.write("native/tally.c", TALLY);
    compile(&scratch, "native/tally.c", "native/tally.so");
    scratch
}

fn compile(scratch: &Scratch, from: &str, to: &str) {
    let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
    let compiled = Command::new(compiler)
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .arg(scratch.path(to))
        .arg(scratch.path(from))
        .output()
        .expect("there is a C compiler, which building cepshim needs as well");
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
}

const PATHS: [&str; 4] = ["--lua-path", "lua/?.lua", "--lua-cpath", "native/?.so"];

#[test]
fn a_c_module_runs_outputs_and_is_preserved() {
    let scratch = scratch();
    let replay = ["replay", "use.cfg", "basic.hpb", "--allow-native-modules", "--format", "jsonl"];
    let first = scratch.run(&[&replay[..], &PATHS, &["--state-out", "one.data"]].concat()).ends(0);
    matches("native_runs", &first);
    let state = String::from_utf8(scratch.read("one.data")).expect("text");
    assert!(state.contains("_G[\"sum\"]:add("), "{state}");
    let again = ["--state-in", "one.data", "--state-out", "two.data"];
    scratch.run(&[&replay[..], &PATHS, &again].concat()).ends(0);
    assert_ne!(scratch.read("one.data"), scratch.read("two.data"), "sums add up");
}

#[test]
fn without_the_flag_nothing_is_loaded() {
    let scratch = scratch();
    let run = scratch.run(&[&["replay", "use.cfg", "basic.hpb"][..], &PATHS].concat()).ends(3);
    matches("native_refused", &run);
}

#[test]
fn what_cannot_be_loaded_has_the_systems_words() {
    let scratch = scratch();
    std::fs::copy(scratch.path("native/tally.so"), scratch.path("native/other.so")).expect("copied");
    scratch.write("native/text.so", "no library");
    scratch.write(
        "native/lost.c",
        "extern int nowhere(void *); int luaopen_lost(void *lua) { return nowhere(lua); }",
    );
    compile(&scratch, "native/lost.c", "native/lost.so");
    for (module, expected) in [
        ("other", "file 'native/other.so':\n\tnative/other.so: undefined symbol: luaopen_other"),
        ("text", "file 'native/text.so':\n\tnative/text.so: file too short"),
        ("lost", "file 'native/lost.so':\n\tnative/lost.so: undefined symbol: nowhere"),
    ] {
        scratch.filter("use", &format!("require '{module}'"), "message_matcher = 'TRUE'");
        let replay =
            ["replay", "use.cfg", "basic.hpb", "--allow-native-modules", "--report", "r.json", "--force"];
        scratch.run(&[&replay[..], &PATHS].concat()).ends(3);
        let expected = format!("error loading module '{module}' from {expected}");
        assert_eq!(scratch.report("r.json")["filters"][0]["error"], expected);
    }
    // The root of a dotted name need not have the module.
    scratch.filter("use", "require 'tally.nosuch'", "message_matcher = 'TRUE'");
    let replay =
        ["replay", "use.cfg", "basic.hpb", "--allow-native-modules", "--report", "r.json", "--force"];
    scratch.run(&[&replay[..], &PATHS].concat()).ends(3);
    assert_eq!(
        scratch.report("r.json")["filters"][0]["error"],
        "use.lua:1: module 'tally.nosuch' not found:\n\tno file 'lua/tally/nosuch.lua'\n\tno file \
         'native/tally/nosuch.so'\n\tno module 'tally.nosuch' in file 'native/tally.so'"
    );
}

#[test]
fn names_decide_what_is_loaded() {
    let scratch = scratch();
    std::fs::copy(scratch.path("native/tally.so"), scratch.path("native/cjson.so")).expect("copied");
    let script = "local cjson = require 'cjson'
        function process_message() return 0 end
        function timer_event()
            inject_payload('txt', 'version', cjson._VERSION, ' ', (pcall(require, 'tally')))
        end";
    scratch.filter("use", script, "message_matcher = 'TRUE'");
    for (flag, expected) in [
        (None, "2.2.0 false"),
        (Some("--allow-native-modules"), "2.2.0 true"),
        (Some("--allow-native-modules=tally"), "2.2.0 true"),
        (Some("--allow-native-modules=cjson"), "99 false"),
        (Some("--allow-native-modules=tally,cjson"), "99 true"),
    ] {
        let flags: Vec<&str> = flag.into_iter().collect();
        let replay = ["replay", "use.cfg", "basic.hpb", "--format", "jsonl"];
        let run = scratch.run(&[&replay[..], &PATHS, &flags].concat()).ends(0);
        assert_eq!(run.payloads(), [expected], "{run}");
        assert_eq!(run.err().starts_with("warning: native modules"), flag.is_some(), "{run}");
    }
    scratch.run(&["replay", "use.cfg", "basic.hpb", "--allow-native-modules=../x"]).ends(2);
}
