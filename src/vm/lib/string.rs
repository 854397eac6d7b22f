//! `string` as production has it, with the functions that search replaced by ours.
//!
//! The stock matcher evades every hook, can run for ever and can overflow the C stack; ours counts its steps and is
//! bounded in depth (see [`crate::vm::pattern`]), with the results and error texts of PUC 5.1. It runs in
//! [`Lua::work`], because it may own memory; what goes back and forth is plain data.

use std::ffi::c_int;

use super::{HostFn, Lua, host_call, library, stock_functions};
use crate::vm::{
    Context, Doom, Type,
    lua::{Buffer, upvalue},
    pattern::{
        CaptureValue, Captures, GsubCursor, Matcher, PatternError, Span, expand_replacement, has_specials,
        plain_find, start_offset,
    },
};

/// A scratch buffer larger than this is given back after use.
const SCRATCH_KEPT: usize = 1 << 20;

library! {
    pub fn open_string = c"string", functions(), then |lua| {
        // All strings share a metatable whose index is the library.
        lua.new_table(0, 1);
        lua.push_bytes(b"");
        lua.push_value(-2);
        lua.set_metatable(-2);
        lua.pop(1);
        lua.push_value(-2);
        lua.set_field(-2, c"__index");
        lua.pop(1);
    }
}

fn functions() -> Vec<(&'static std::ffi::CStr, HostFn)> {
    let mut res = stock_functions(
        "string",
        &[
            c"byte", c"char", c"dump", c"find", c"format", c"gfind", c"gmatch", c"gsub", c"len", c"lower",
            c"match", c"rep", c"reverse", c"sub", c"upper",
        ],
    );
    for (name, ours) in
        [(c"find", find as HostFn), (c"gmatch", gmatch), (c"gsub", gsub), (c"match", match_), (c"rep", rep)]
    {
        if let Some(entry) = res.iter_mut().find(|(it, _)| *it == name) {
            entry.1 = ours;
        }
    }
    res
}

/// Raises what a pattern error means: a text, or the end of the callback.
#[cold]
fn raise(lua: Lua<'_>, error: PatternError) -> ! {
    let doom = match error {
        PatternError::StepsExhausted => Doom::Steps,
        PatternError::TooDeep => Doom::Depth,
        other => lua.raise(format_args!("{}", other.text())),
    };
    lua.context().meter.set_doom(doom);
    lua.doom()
}

/// A match and its captures.
#[derive(Clone, Copy)]
struct Found {
    span: Span,
    captures: Captures,
}

/// Runs one search with the call's budget of steps.
fn search(
    lua: Lua<'_>,
    subject: &[u8],
    pattern: &[u8],
    run: impl FnOnce(&mut Matcher<'_>) -> Result<Option<Span>, PatternError>,
    anchors: bool,
) -> Option<Found> {
    let outcome = lua.work(|context| {
        let steps = &mut context.meter.steps_left;
        let mut matcher = if anchors {
            Matcher::new(subject, pattern, steps)
        } else {
            Matcher::for_gmatch(subject, pattern, steps)
        };
        let found = run(&mut matcher)?;
        Ok(found.map(|span| Found { span, captures: *matcher.captures() }))
    });
    match outcome {
        Ok(found) => found,
        Err(error) => raise(lua, error),
    }
}

/// Pushes value `index` of a match.
fn push_value(lua: Lua<'_>, subject: &[u8], found: &Found, index: usize) {
    match found.captures.get(index, found.span) {
        Ok(CaptureValue::Text(span)) => lua.push_bytes(&subject[span.start..span.end]),
        Ok(CaptureValue::Position(position)) => lua.push_number(position as f64),
        Err(error) => raise(lua, error),
    }
}

/// Pushes `count` values of a match; how many.
fn push_values(lua: Lua<'_>, subject: &[u8], found: &Found, count: usize) -> c_int {
    lua.check_stack(count as c_int, c"too many captures");
    for index in 0..count {
        push_value(lua, subject, found, index);
    }
    count as c_int
}

host_call! {
    fn find(lua) {
        let (subject, pattern) = (lua.check_bytes(1), lua.check_bytes(2));
        let init = start_offset(lua.opt_integer(3, 1) as isize, subject.len());
        if lua.to_boolean(4) || !has_specials(pattern) {
            let found = lua.work(|context| plain_find(subject, init, pattern, &mut context.meter.steps_left));
            match found {
                Ok(Some(at)) => {
                    lua.push_number((at + 1) as f64);
                    lua.push_number((at + pattern.len()) as f64);
                    return 2;
                }
                Ok(None) => {}
                Err(error) => raise(lua, error),
            }
        } else if let Some(found) = search(lua, subject, pattern, |it| it.find(init), true) {
            lua.push_number((found.span.start + 1) as f64);
            lua.push_number(found.span.end as f64);
            return push_values(lua, subject, &found, found.captures.level()) + 2;
        }
        lua.push_nil();
        1
    }
}

host_call! {
    fn match_(lua) {
        let (subject, pattern) = (lua.check_bytes(1), lua.check_bytes(2));
        let init = start_offset(lua.opt_integer(3, 1) as isize, subject.len());
        if let Some(found) = search(lua, subject, pattern, |it| it.find(init), true) {
            return push_values(lua, subject, &found, found.captures.values());
        }
        lua.push_nil();
        1
    }
}

host_call! {
    fn gmatch(lua) {
        lua.check_bytes(1);
        lua.check_bytes(2);
        lua.set_top(2);
        lua.push_number(0.0);
        lua.push_closure(gmatch_next, 3);
        1
    }
}

host_call! {
    fn gmatch_next(lua) {
        let subject = lua.to_bytes(upvalue(1)).unwrap_or_default();
        let pattern = lua.to_bytes(upvalue(2)).unwrap_or_default();
        let mut at = lua.to_integer(upvalue(3)) as usize;
        let at_after = &mut at;
        match search(lua, subject, pattern, |it| it.gmatch_next(at_after), false) {
            Some(found) => {
                lua.push_number(at as f64);
                lua.replace(upvalue(3));
                push_values(lua, subject, &found, found.captures.values())
            }
            None => 0,
        }
    }
}

host_call! {
    fn gsub(lua) {
        let (subject, pattern) = (lua.check_bytes(1), lua.check_bytes(2));
        let kind = lua.type_at(3);
        let max = lua.opt_int(4, GsubCursor::default_max(subject.len()));
        if !matches!(kind, Type::Number | Type::String | Type::Function | Type::Table) {
            lua.arg_error(3, c"string/function/table expected");
        }
        let mut cursor = GsubCursor::new(max);
        let mut copied = 0;
        let mut buffer = lua.buffer();
        loop {
            let cursor = &mut cursor;
            let Some(found) = search(lua, subject, pattern, |it| it.gsub_next(cursor), true) else { break };
            buffer.add(&subject[copied..found.span.start]);
            copied = found.span.end;
            add_replacement(lua, &mut buffer, kind, subject, &found);
        }
        buffer.add(&subject[copied..]);
        buffer.push();
        lua.push_number(f64::from(cursor.count));
        2
    }
}

/// Appends what takes the place of one match.
fn add_replacement(lua: Lua<'_>, buffer: &mut Buffer<'_>, kind: Type, subject: &[u8], found: &Found) {
    match kind {
        Type::Function => {
            lua.push_value(3);
            let count = push_values(lua, subject, found, found.captures.values());
            lua.call(count, 1);
        }
        Type::Table => {
            push_value(lua, subject, found, 0);
            lua.get_table(3);
        }
        _ => {
            let replacement = lua.to_bytes(3).unwrap_or_default();
            let outcome = lua.work(|context| {
                let Context { meter, scratch, .. } = context;
                scratch.clear();
                let write = &mut |bytes: &[u8]| scratch.extend_from_slice(bytes);
                expand_replacement(
                    replacement,
                    subject,
                    found.span,
                    &found.captures,
                    &mut meter.steps_left,
                    write,
                )
            });
            if let Err(error) = outcome {
                raise(lua, error);
            }
            buffer.add_scratch();
            return;
        }
    }
    if !lua.to_boolean(-1) {
        lua.pop(1);
        lua.push_bytes(&subject[found.span.start..found.span.end]);
    } else if !lua.is_string(-1) {
        lua.raise(format_args!("invalid replacement value (a {})", lua.type_at(-1).name()));
    }
    buffer.add_value();
}

host_call! {
    /// `string.rep`, refused before it is built when it cannot fit the memory limit.
    fn rep(lua) {
        let text = lua.check_bytes(1);
        let n = usize::try_from(lua.check_int(2)).unwrap_or(0);
        let len = text.len().saturating_mul(n);
        if len > 0 && lua.would_exceed_memory(len) {
            lua.raise_memory();
        }
        let is_paid = lua.work(|context| {
            let Context { meter, scratch, .. } = context;
            scratch.clear();
            // One step a piece or sixteen bytes: the work is copying.
            let cost = (n as u64).max(len as u64 / 16);
            if meter.steps_left < cost {
                return false;
            }
            meter.steps_left -= cost;
            scratch.reserve(len);
            if len > 0 {
                for _ in 0..n {
                    scratch.extend_from_slice(text);
                }
            }
            true
        });
        if !is_paid {
            raise(lua, PatternError::StepsExhausted);
        }
        lua.push_scratch();
        let scratch = &mut lua.context().scratch;
        if scratch.capacity() > SCRATCH_KEPT {
            lua.work(|context| context.scratch = Vec::new());
        }
        1
    }
}
