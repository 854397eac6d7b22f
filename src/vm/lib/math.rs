//! `math` as production has it: with `erf` and `erfc`, and random numbers that are glibc's.
//!
//! Production draws from the process-wide `rand()`, seeded from `/dev/urandom`. Here the generator is the same, but
//! its state belongs to the VM: seeded deterministically, part of every snapshot, and `math.randomseed(42)` gives the
//! numbers production gives.
#![allow(unsafe_code)]

use super::{HostFn, Lua, host_call, library, stock_functions};
use crate::vm::rand::{self, RandomError};

unsafe extern "C" {
    safe fn erf(x: f64) -> f64;
    safe fn erfc(x: f64) -> f64;
}

library! {
    pub fn open_math = c"math", functions(), then |lua| {
        lua.push_number(std::f64::consts::PI);
        lua.set_field(-2, c"pi");
        lua.push_number(f64::INFINITY);
        lua.set_field(-2, c"huge");
        lua.get_field(-1, c"fmod");
        lua.set_field(-2, c"mod");
    }
}

fn functions() -> Vec<(&'static std::ffi::CStr, HostFn)> {
    let mut res = stock_functions(
        "math",
        &[c"abs", c"acos", c"asin", c"atan2", c"atan", c"ceil", c"cosh", c"cos", c"deg"],
    );
    res.push((c"erf", math_erf));
    res.push((c"erfc", math_erfc));
    res.extend(stock_functions(
        "math",
        &[
            c"exp", c"floor", c"fmod", c"frexp", c"ldexp", c"log10", c"log", c"max", c"min", c"modf", c"pow",
            c"rad",
        ],
    ));
    res.push((c"random", math_random));
    res.push((c"randomseed", math_randomseed));
    res.extend(stock_functions("math", &[c"sinh", c"sin", c"sqrt", c"tanh", c"tan"]));
    res
}

host_call! {
    fn math_erf(lua) {
        lua.push_number(erf(lua.check_number(1)));
        1
    }
}

host_call! {
    fn math_erfc(lua) {
        lua.push_number(erfc(lua.check_number(1)));
        1
    }
}

host_call! {
    /// `math.random` (`lmathlib.c`): the draw comes before the arguments are looked at.
    fn math_random(lua) {
        let unit = lua.context().meter.random.unit();
        let answer = match lua.top() {
            0 => Ok(unit),
            1 => rand::up_to(unit, lua.check_int(1)),
            2 => rand::between(unit, lua.check_int(1), lua.check_int(2)),
            _ => Err(RandomError::ArgumentCount),
        };
        match answer {
            Ok(number) => lua.push_number(number),
            Err(RandomError::EmptyInterval { argument }) => {
                lua.arg_error(argument as std::ffi::c_int, c"interval is empty")
            }
            Err(error) => lua.raise(format_args!("{}", error.text())),
        }
        1
    }
}

host_call! {
    /// `math.randomseed`: the number cut to C's int.
    fn math_randomseed(lua) {
        let seed = lua.check_int(1);
        lua.context().meter.random.seed(seed as u32);
        0
    }
}
