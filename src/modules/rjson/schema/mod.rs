//! JSON Schema as `RapidJSON` 1.1's development version understands it (draft 4), defects included.
//!
//! * [`compile`]: a schema's text made ready; [`pointer`] and [`regex`] are what it is made of besides.
//! * [`validate`]: a document held against it; [`hash`] compares values, [`report`] is what a failure tells.
//!
//! A compiled schema never changes. It stands among the sandbox's constants under its text; the userdata holds its
//! number, so a snapshot has nothing to copy and a schema that is compiled again costs a look. Work is charged to the
//! call's budget: schemas can be made whose validation takes exponential time.

mod compile;
mod hash;
mod pointer;
mod regex;
mod report;
mod validate;

use bytemuck::{Pod, Zeroable};

use self::{
    compile::{Compiled, Stop, compile},
    report::{Value, write_report},
    validate::validate as run,
};
use super::{
    document::{Document, Place, Tree, crash, steps_exceeded},
    parse::{self, ParseFailure, Source},
    raise_failure,
};
use crate::{
    modules::object::{Class, Object},
    sandbox::host::of_context,
    vm::{Lua, host_call, lua::until_nul},
};

/// Compiled schemas, as error texts name them.
pub const CLASS: Class = Class { name: c"mozsvc.rjson_schema" };

/// The userdata, of production's size.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Head {
    /// Its number among the sandbox's constants.
    number: u32,
    unused: u32,
}

/// Why a schema cannot be had.
#[derive(Clone, Copy)]
enum Refusal {
    Text(ParseFailure),
    Stop(Stop),
}

/// Ends the call.
fn stop(lua: Lua<'_>, stop: Stop) -> ! {
    match stop {
        Stop::Crash(why) => crash(lua, why),
        Stop::Steps => steps_exceeded(lua),
    }
}

host_call! {
    /// `rjson.parse_schema(json)`
    pub fn parse_schema(lua) {
        let text = until_nul(lua.check_bytes(1));
        let schema = Object::push_new(lua, &CLASS, Head::zeroed(), 0);
        let made = lua.work(|context| {
            let steps = context.meter.steps_left;
            let resources = &mut of_context(context).resources;
            let made = resources.constant(text, || read(text, steps));
            // A schema that is known already costs as much: a call that runs again must spend the same.
            let cost = match made {
                Ok(number) => resources.get_constant::<Compiled>(number).map_or(0, |it| it.cost),
                Err(_) => text.len() as u64,
            };
            let left = steps.checked_sub(cost);
            context.meter.steps_left = left.unwrap_or_default();
            if left.is_none() { Err(Refusal::Stop(Stop::Steps)) } else { made }
        });
        match made {
            Ok(number) => schema.head().set(Head { number, unused: 0 }),
            Err(Refusal::Text(failure)) => raise_failure(lua, failure),
            Err(Refusal::Stop(reason)) => stop(lua, reason),
        }
        1
    }
}

fn read(text: &[u8], steps: u64) -> Result<Compiled, Refusal> {
    let mut budget = steps.saturating_sub(text.len() as u64);
    let source = Source { text, behind: 0, validate: false, first_value_only: false };
    let (root, mut draft) = parse::parse(source).map_err(Refusal::Text)?;
    let mut res = compile(Tree::of(&mut draft), root, &mut budget).map_err(Refusal::Stop)?;
    res.cost = steps - budget;
    Ok(res)
}

host_call! {
    pub fn schema_gc(lua) {
        lua.check_userdata(1, CLASS.name);
        0
    }
}

host_call! {
    /// `document:validate(schema)`: true, or false, where and why, and a report in JSON.
    pub fn validate(lua) {
        let document = Document::check(lua, 1);
        lua.check_userdata(2, CLASS.name);
        let Some(schema) = Object::<Head>::of_protocol(lua, 2) else { return 0 };
        let number = schema.head().get().number;
        let (tree, root) = (document.tree(), document.get(Place::Root));
        let outcome = lua.work(|context| {
            let mut budget = context.meter.steps_left;
            let resources = &of_context(context).resources;
            let outcome = match resources.get_constant::<Compiled>(number) {
                Some(compiled) => run(compiled, tree, root, &mut budget),
                None => Ok(None),
            };
            context.meter.steps_left = budget;
            let Some(invalid) = outcome? else { return Ok(None) };
            let text = &mut context.scratch;
            text.clear();
            text.extend_from_slice(b"SchemaURI: ");
            text.extend_from_slice(&invalid.schema);
            text.extend_from_slice(b" Keyword: ");
            text.extend_from_slice(invalid.keyword.as_bytes());
            text.extend_from_slice(b" DocumentURI: ");
            text.extend_from_slice(&invalid.document);
            let report = text.len();
            write_report(&Value::Object(invalid.errors), text);
            Ok(Some(report))
        });
        match outcome {
            Ok(None) => {
                lua.push_boolean(true);
                lua.push_nil();
                2
            }
            Ok(Some(report)) => {
                lua.push_boolean(false);
                lua.push_bytes(&lua.context().scratch[..report]);
                lua.push_bytes(&lua.context().scratch[report..]);
                super::give_back_scratch(lua);
                3
            }
            Err(reason) => stop(lua, reason),
        }
    }
}
