//! What cargo cannot say in `Cargo.toml`: the one function that must be C, and which symbols shared libraries may use.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/sandbox/outputf.c");
    cc::Build::new().file("src/sandbox/outputf.c").compile("cepshim_outputf");
    // Native Lua modules take Lua and the sandbox's functions from the program that loads them. Where the linker is not
    // told so, `vm::dynamic` finds that out when the program runs and says it.
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|it| it == "linux") {
        for symbols in ["lua_*", "luaL_*", "lsb_*", "LSB_ERR_*"] {
            println!("cargo::rustc-link-arg=-Wl,--export-dynamic-symbol={symbols}");
        }
    }
}
