//! C modules from shared libraries: a sandbox that has loaded one cannot go back, and Lua's errors jump over their
//! frames as over ours.
#![cfg(target_os = "linux")]

use std::{fs, path::Path, process::Command};

use cepshim::{
    modules,
    sandbox::{AnalysisOptions, AnalysisPlugin, NativeModules, Pinned},
};

use crate::support::{Heard, on_deep_stack, text};

/// A userdata with an output function that raises when it is told to.
const MODULE: &str = r#"
#include <stddef.h>
typedef struct lua_State lua_State;
typedef int (*lua_CFunction)(lua_State *);
extern void *lua_newuserdata(lua_State *, size_t);
extern void *lua_touserdata(lua_State *, int);
extern int luaL_error(lua_State *, const char *, ...);
extern void lua_createtable(lua_State *, int, int);
extern void lua_setfield(lua_State *, int, const char *);
extern int lua_toboolean(lua_State *, int);
extern void lua_pushcclosure(lua_State *, lua_CFunction, int);
extern void lua_pushlstring(lua_State *, const char *, size_t);
extern void lua_replace(lua_State *, int);
extern void lua_settop(lua_State *, int);
extern const char *lsb_outputs(void *, const char *, size_t);
extern void lsb_add_output_function(lua_State *, lua_CFunction);

static int new(lua_State *lua) {
  int raises = lua_toboolean(lua, 1);
  *(int *)lua_newuserdata(lua, sizeof(int)) = raises;
  return 1;
}
static int output(lua_State *lua) {
  void *buffer = lua_touserdata(lua, -1);
  if (lsb_outputs(buffer, "guest", 5)) return 1;
  if (*(int *)lua_touserdata(lua, -2)) return luaL_error(lua, "raised in output");
  lua_pushlstring(lua, "some text that is new each time", 31);
  lua_settop(lua, -2);
  return 0;
}
int luaopen_guest(lua_State *lua) {
  lua_createtable(lua, 0, 0);
  lsb_add_output_function(lua, output);
  lua_replace(lua, -10001);
  lua_createtable(lua, 0, 1);
  lua_pushcclosure(lua, new, 0);
  lua_setfield(lua, -2, "new");
  return 1;
}
"#;

const FILTER: &str = r#"
local guest
function process_message() return 0 end
function timer_event(ns, shutdown)
    guest = guest or require "guest"
    add_to_payload("a ", guest.new(), " b ")
    if shutdown then add_to_payload(pcall(add_to_payload, "c ", guest.new(true))) end
    inject_payload("txt", "guest")
end
"#;

fn create(folder: &Path, filter: &str) -> AnalysisPlugin {
    let file = folder.join("filter.lua");
    fs::write(&file, filter).expect("written");
    if !folder.join("guest.so").exists() {
        compile(folder);
    }
    let folder = folder.display();
    let config = format!("path = [[{folder}/?.lua]]\ncpath = [[{folder}/?.so]]\noutput_limit = 300\n");
    let options = AnalysisOptions {
        lua_file: file.to_str().expect("a UTF-8 path"),
        config: config.as_bytes(),
        state: None,
        hostname: "test.example",
        seed: 1,
        c_steps: 10_000_000,
        modules: modules::BUILTIN,
        native_modules: &NativeModules::Load,
        first_slot: 3100,
        start_ns: 0,
    };
    AnalysisPlugin::create(&options, &mut ()).unwrap_or_else(|it| panic!("{}", text(&it.text())))
}

fn compile(folder: &Path) {
    fs::write(folder.join("guest.c"), MODULE).expect("written");
    let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
    let compiled = Command::new(compiler)
        .current_dir(folder)
        .args(["-shared", "-fPIC", "-O1", "-o", "guest.so", "guest.c"])
        .output()
        .expect("there is a C compiler, which building cepshim needs as well");
    assert!(compiled.status.success(), "{}", text(&compiled.stderr));
}

fn payload(heard: &Heard) -> String {
    heard.messages.iter().map(|it| text(it)).collect()
}

#[test]
fn a_native_module_pins_its_sandbox() {
    on_deep_stack(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let mut plugin = create(folder.path(), FILTER);
        assert!(plugin.snapshot().is_ok());
        let mut heard = Heard::default();
        assert!(plugin.timer_event(1, true, 1, &mut heard), "{}", text(plugin.error()));
        // What a raising function wrote is not kept.
        let payload = payload(&heard);
        assert!(payload.contains("a guest b c falseraised in output"), "{payload}");
        assert_eq!(plugin.snapshot().err(), Some(Pinned("a native module")));
    });
}

#[test]
fn running_out_of_memory_jumps_over_c_frames() {
    on_deep_stack(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let mut completed = false;
        for allocations in 0..200 {
            let mut plugin = create(folder.path(), FILTER);
            plugin.fail_after(allocations);
            if plugin.timer_event(1, false, 1, &mut ()) {
                completed = true;
                break;
            }
            let error = text(plugin.error());
            assert!(error.contains("not enough memory"), "{allocations}: {error}");
        }
        assert!(completed, "two hundred allocations are enough");
    });
}

#[test]
fn the_output_limit_is_kept_in_the_modules_buffer() {
    on_deep_stack(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let filter = FILTER.replace("\"a \"", "require(\"string\").rep(\"x\", 295)");
        let mut plugin = create(folder.path(), &filter);
        assert!(!plugin.timer_event(1, false, 1, &mut ()));
        assert!(text(plugin.error()).contains("output_limit exceeded"), "{}", text(plugin.error()));
    });
}
