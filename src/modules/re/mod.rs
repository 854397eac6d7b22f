//! `re`: lpeg patterns written as text (`re` 1.0.2).
//!
//! Production's is a script on the Lua path, and where that path has one it is used. For filters that come without
//! production's modules there is this one: a script too, of our own, run by our lpeg. It is compiled into the VM when it
//! is first required, as a file would be.
//!
//! The alternative was a parser in Rust. It would have had to mirror lpeg's limits on nesting, the order in which names are
//! looked up, and where in `re.lua` an error is said to be; a script has all that by itself. Statements that raise stand
//! in the lines of production's file, which scripts see in error texts.

use crate::{
    sandbox::{Kind, NativeModule, load_embedded},
    vm::host_call,
};

/// The module.
pub const MODULE: NativeModule =
    NativeModule { name: "re", version: "1.0.2", kind: Kind::BuiltIn, open, io_only: false };

const SOURCE: &str = include_str!("re.lua");

host_call! {
    fn open(lua) {
        load_embedded(lua, "re", SOURCE);
        lua.call(0, 1);
        1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_raises_stands_where_productions_does() {
        let lines: Vec<_> = SOURCE.lines().collect();
        for (line, statement) in [
            (115, "error(\"undefined name: \""),
            (134, "error(\"name '\""),
            (151, "already defined as a rule"),
            (163, "used outside a grammar"),
            (191, "return f(pattern, operand)"),
            (216, "whole:match("),
            (227, "return pattern:match("),
            (237, "= pattern:match("),
            (249, "(pattern / replacement + 1)^0"),
            (252, "return pattern:match("),
        ] {
            assert!(lines[line - 1].contains(statement), "line {line}: {}", lines[line - 1]);
        }
    }
}
