//! A document held against a schema, in `RapidJSON`'s order (`schema.h`).
//!
//! `RapidJSON`'s validator takes the document's events and hands each to the validators of `allOf` and the like, which
//! run beside it; only their outcomes count, when a value ends. Here those are found then, by going through that
//! value. A first run only decides; if the document fails, a second one gathers the report.
//!
//! Values nest in a list, combined schemas by recursion, which is bounded.

use std::collections::HashMap;

use super::{
    compile::{Compiled, Id, Link, Schema, Stop, TYPELESS, spend, types},
    hash::hash,
    pointer::fragment,
    report::{Members, Value, add_error},
};
use crate::modules::rjson::document::{Kind, Slot, Tree};

/// Schemas combined in each other. Production's C stack holds about 1,800 where each takes a level of the document.
const MAX_NESTING: usize = 1800;
/// Nested values. Production's C stack holds about 92,000 objects.
const MAX_DEPTH: usize = 92_000;

/// Why a value is not valid.
#[derive(Debug)]
pub struct Invalid {
    /// Where the schema stands, as a fragment.
    pub schema: Vec<u8>,
    pub keyword: &'static str,
    /// Where the value stands, as a fragment.
    pub document: Vec<u8>,
    /// The errors by keyword, if a report is wanted.
    pub errors: Members,
}

/// How values under pattern properties combine; see [`Validator::patterns_hold`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Others {
    Patterns,
    Property,
    Additional,
}

/// A step of the way to a value.
#[derive(Clone, Copy)]
enum Token {
    Name(Slot),
    Index(u32),
}

/// A value under way.
struct Context {
    schema: Id,
    value: Slot,
    /// The next member or element.
    next: u32,
    /// Which properties were there, if it matters.
    present: Vec<bool>,
    /// The schemas of the patterns (and of the property) that the last name matched.
    patterns: Vec<Link>,
    /// `RapidJSON` never sets this back, so that a later name's values may combine as an earlier one's.
    others: Others,
    /// The schemas that patterns ask of this value, and how they combine.
    own_patterns: Vec<Link>,
    own_others: Others,
    /// Elements seen, by hash, if they must differ.
    seen: Option<HashMap<u64, u32>>,
    /// Whether this is an element that must differ.
    is_unique: bool,
}

/// What a failed check says.
struct Failure {
    keyword: &'static str,
    /// The keyword it is reported under.
    reported: &'static str,
    members: Members,
    /// It is reported at the value's parent.
    at_parent: bool,
}

type Check = Result<(), Box<Failure>>;

struct Validator<'a> {
    compiled: &'a Compiled,
    tree: Tree<'a>,
    path: Vec<Token>,
    nesting: usize,
    /// Whether a report is wanted.
    reports: bool,
    budget: &'a mut u64,
}

/// Why `root` is not valid, if it is not.
pub fn validate(
    compiled: &Compiled,
    tree: Tree<'_>,
    root: Slot,
    budget: &mut u64,
) -> Result<Option<Invalid>, Stop> {
    let mut validator = Validator { compiled, tree, path: Vec::new(), nesting: 0, reports: false, budget };
    if validator.run(compiled.root, root)?.is_none() {
        return Ok(None);
    }
    validator.path.clear();
    validator.nesting = 0;
    validator.reports = true;
    validator.run(compiled.root, root)
}

fn text(text: &str) -> Value {
    Value::Text(text.as_bytes().to_vec())
}

fn member(name: &str, value: Value) -> (Vec<u8>, Value) {
    (name.as_bytes().to_vec(), value)
}

fn failed(keyword: &'static str, members: Members) -> Check {
    Err(Box::new(Failure { keyword, reported: keyword, members, at_parent: false }))
}

/// A number or length that breaks a bound.
fn bound(keyword: &'static str, actual: Value, expected: Value, exclusive: Option<&str>) -> Check {
    let mut members = vec![member("actual", actual), member("expected", expected)];
    if let Some(name) = exclusive {
        members.push(member(name, Value::truth()));
    }
    failed(keyword, members)
}

impl<'a> Validator<'a> {
    fn schema(&self, id: Id) -> &'a Schema {
        &self.compiled.schemas[id]
    }

    fn follow(&self, link: Link) -> Result<Id, Stop> {
        self.compiled.links[link].ok_or(Stop::Crash("a schema is missing where something else stands"))
    }

    /// Why `root` does not fit the schema behind `link`, if it does not.
    fn run(&mut self, link: Link, root: Slot) -> Result<Option<Invalid>, Stop> {
        self.nesting += 1;
        if self.nesting > MAX_NESTING {
            return Err(Stop::Crash("schemas lead back to themselves, or are combined too deep"));
        }
        let base = self.path.len();
        let mut stack = Vec::new();
        let failure = self.go_through(link, root, &mut stack)?;
        self.nesting -= 1;
        let res = failure.map(|failure| {
            // The schema of the value that failed is the last one begun.
            let schema = stack.last().map_or(TYPELESS, |it: &Context| it.schema);
            self.invalid(schema, *failure)
        });
        self.path.truncate(base);
        Ok(res)
    }

    #[cold]
    fn invalid(&self, schema: Id, failure: Failure) -> Invalid {
        let place = |path: &[Token]| {
            let indices: Vec<Vec<u8>> = path
                .iter()
                .map(|it| match it {
                    Token::Index(index) => index.to_string().into_bytes(),
                    Token::Name(_) => Vec::new(),
                })
                .collect();
            fragment(path.iter().zip(&indices).map(|(it, index)| match it {
                Token::Name(name) => self.tree.string(*name),
                Token::Index(_) => &index[..],
            }))
        };
        let mut res = Invalid {
            schema: self.schema(schema).place.clone(),
            keyword: failure.keyword,
            document: Vec::new(),
            errors: Members::new(),
        };
        if !self.reports {
            return res;
        }
        res.document = place(&self.path);
        if failure.reported.is_empty() {
            // Errors of combined schemas are merged into this one's.
            for (keyword, error) in failure.members {
                add_error(&mut res.errors, &keyword, error);
            }
            return res;
        }
        let instance = match self.path.split_last() {
            Some((_, parent)) if failure.at_parent => place(parent),
            _ => res.document.clone(),
        };
        let mut members = failure.members;
        members.push(member("instanceRef", Value::Text(instance)));
        members.push(member("schemaRef", Value::Text(res.schema.clone())));
        add_error(&mut res.errors, failure.reported.as_bytes(), Value::Object(members));
        res
    }

    /// Goes through the value and everything in it; `stack` tells afterwards where it failed.
    fn go_through(
        &mut self,
        link: Link,
        root: Slot,
        stack: &mut Vec<Context>,
    ) -> Result<Option<Box<Failure>>, Stop> {
        let base = self.path.len();
        let root_schema = self.follow(link)?;
        if let Err(failure) = self.begin(stack, root_schema, root, Vec::new(), Others::Patterns, false)? {
            return Ok(Some(failure));
        }
        while let Some(top) = stack.last_mut() {
            spend(self.budget, 1)?;
            let is_object = top.value.kind() == Kind::Object;
            if top.next < top.value.len && (is_object || top.value.kind() == Kind::Array) {
                let index = top.next;
                top.next += 1;
                let first = top.value.data as usize;
                let mut patterns = Vec::new();
                let mut others = Others::Patterns;
                let (next, child) = if is_object {
                    let name = self.tree.get(first + 2 * index as usize);
                    self.path.push(Token::Name(name));
                    let next = match self.name(top, name)? {
                        Ok(next) => next,
                        Err(failure) => return Ok(Some(failure)),
                    };
                    patterns.clone_from(&top.patterns);
                    if !patterns.is_empty() {
                        others = top.others;
                    }
                    (next, self.tree.get(first + 2 * index as usize + 1))
                } else {
                    self.path.push(Token::Index(index));
                    let next = match self.element(top.schema, index)? {
                        Ok(next) => next,
                        Err(failure) => return Ok(Some(failure)),
                    };
                    (next, self.tree.get(first + index as usize))
                };
                let is_unique = !is_object && self.schema(top.schema).unique_items;
                if stack.len() > MAX_DEPTH {
                    return Err(Stop::Crash(
                        "JSON is nested so deep that validating it overflows the C stack",
                    ));
                }
                if let Err(failure) = self.begin(stack, next, child, patterns, others, is_unique)? {
                    return Ok(Some(failure));
                }
                continue;
            }
            let Some(top) = stack.last() else { break };
            if let Err(failure) = self.end(top)? {
                return Ok(Some(failure));
            }
            let hash = if top.is_unique { Some(hash(self.tree, top.value, self.budget)?) } else { None };
            stack.pop();
            if let Some(hash) = hash
                && let Some(parent) = stack.last_mut()
            {
                let seen = parent.seen.get_or_insert_default();
                let index = seen.len() as u32;
                if let Some(&first) = seen.get(&hash) {
                    let both = [first, index].map(|it| Value::number(it as usize)).to_vec();
                    return Ok(Some(Box::new(Failure {
                        keyword: "uniqueItems",
                        reported: "uniqueItems",
                        members: vec![member("duplicates", Value::Array(both))],
                        at_parent: true,
                    })));
                }
                seen.insert(hash, index);
            }
            if self.path.len() > base {
                self.path.pop();
            }
        }
        Ok(None)
    }

    /// Begins a value: its type, and what is known of it before what is in it.
    fn begin(
        &mut self,
        stack: &mut Vec<Context>,
        schema: Id,
        value: Slot,
        own_patterns: Vec<Link>,
        own_others: Others,
        is_unique: bool,
    ) -> Result<Check, Stop> {
        let present = match self.schema(schema) {
            it if value.kind() == Kind::Object && (it.has_required || it.has_dependencies) => {
                spend(self.budget, it.properties.len() as u64 / 8)?;
                vec![false; it.properties.len()]
            }
            _ => Vec::new(),
        };
        stack.push(Context {
            schema,
            value,
            next: 0,
            present,
            patterns: Vec::new(),
            others: Others::Patterns,
            own_patterns,
            own_others,
            seen: None,
            is_unique,
        });
        let schema = self.schema(schema);
        let res = match value.kind() {
            Kind::Null => self.type_fits(schema, types::NULL, "null"),
            Kind::False | Kind::True => self.type_fits(schema, types::BOOLEAN, "boolean"),
            Kind::Object => self.type_fits(schema, types::OBJECT, "object"),
            Kind::Array => self.type_fits(schema, types::ARRAY, "array"),
            Kind::String => self.string(schema, value)?,
            Kind::Negative | Kind::Unsigned => self.integer(schema, value),
            Kind::Double => self.double(schema, value),
        };
        if res.is_ok() && schema.is_broken {
            return Err(Stop::Crash("a schema's validator was never made"));
        }
        Ok(res)
    }

    fn type_fits(&self, schema: &Schema, bits: u8, actual: &str) -> Check {
        if schema.types & bits != 0 {
            return Ok(());
        }
        if !self.reports {
            return failed("type", Members::new());
        }
        let number = if schema.types & types::NUMBER != 0 { "number" } else { "integer" };
        let names = [
            (types::NULL, "null"),
            (types::BOOLEAN, "boolean"),
            (types::OBJECT, "object"),
            (types::ARRAY, "array"),
            (types::STRING, "string"),
            (types::NUMBER | types::INTEGER, number),
        ];
        let expected = names.iter().filter(|(bit, _)| schema.types & bit != 0).map(|(_, name)| text(name));
        failed(
            "type",
            vec![member("expected", Value::Array(expected.collect())), member("actual", text(actual))],
        )
    }

    fn string(&mut self, schema: &Schema, value: Slot) -> Result<Check, Stop> {
        if let Err(failure) = self.type_fits(schema, types::STRING, "string") {
            return Ok(Err(failure));
        }
        let bytes = self.tree.string(value);
        spend(self.budget, bytes.len() as u64 / 16)?;
        if (schema.min_length, schema.max_length) != (0, u32::MAX)
            // Lengths of what is no UTF-8 are passed over.
            && let Ok(text) = std::str::from_utf8(bytes)
        {
            let count = text.chars().count();
            let actual = || Value::Text(bytes.to_vec());
            if count < schema.min_length as usize {
                let expected = Value::number(schema.min_length as usize);
                return Ok(bound("minLength", actual(), expected, None));
            }
            if count > schema.max_length as usize {
                let expected = Value::number(schema.max_length as usize);
                return Ok(bound("maxLength", actual(), expected, None));
            }
        }
        if let Some(pattern) = &schema.pattern
            && !pattern.is_match(bytes, self.budget)?
        {
            return Ok(failed("pattern", vec![member("actual", Value::Text(bytes.to_vec()))]));
        }
        Ok(Ok(()))
    }

    fn integer(&self, schema: &Schema, value: Slot) -> Check {
        self.type_fits(schema, types::INTEGER | types::NUMBER, "integer")?;
        // All integers fit in 128 bits; a bound that is a double is compared as such.
        let wide = |it: Slot| {
            let is_negative = it.kind() == Kind::Negative;
            if is_negative { i128::from(it.data as i64) } else { i128::from(it.data) }
        };
        let number = wide(value);
        if let Some(minimum) = schema.minimum {
            if minimum.kind() == Kind::Double {
                double_minimum(schema, value, minimum)?;
            } else if number < wide(minimum) || schema.exclusive_minimum && number == wide(minimum) {
                return below(schema, value, minimum);
            }
        }
        if let Some(maximum) = schema.maximum {
            if maximum.kind() == Kind::Double {
                double_maximum(schema, value, maximum)?;
            } else if number > wide(maximum) || schema.exclusive_maximum && number == wide(maximum) {
                return above(schema, value, maximum);
            }
        }
        if let Some(factor) = schema.multiple_of {
            if factor.kind() == Kind::Double {
                return double_multiple(value, factor);
            }
            if number.unsigned_abs() % wide(factor).unsigned_abs() != 0 {
                return bound("multipleOf", Value::Scalar(value), Value::Scalar(factor), None);
            }
        }
        Ok(())
    }

    fn double(&self, schema: &Schema, value: Slot) -> Check {
        self.type_fits(schema, types::NUMBER, "number")?;
        if let Some(minimum) = schema.minimum {
            double_minimum(schema, value, minimum)?;
        }
        if let Some(maximum) = schema.maximum {
            double_maximum(schema, value, maximum)?;
        }
        schema.multiple_of.map_or(Ok(()), |factor| double_multiple(value, factor))
    }

    /// The schema of element `index`.
    fn element(&self, schema: Id, index: u32) -> Result<Result<Id, Box<Failure>>, Stop> {
        let schema = self.schema(schema);
        let link = match (schema.items, schema.tuple.get(index as usize)) {
            (Some(link), _) | (None, Some(&link)) => link,
            (None, None) if schema.tuple.is_empty() => return Ok(Ok(TYPELESS)),
            (None, None) => match schema.more_items {
                Some(link) => link,
                None if schema.allows_more_items => return Ok(Ok(TYPELESS)),
                None => {
                    return Ok(Err(Box::new(Failure {
                        keyword: "items",
                        reported: "additionalItems",
                        members: vec![member("disallowed", Value::number(index as usize))],
                        at_parent: true,
                    })));
                }
            },
        };
        self.follow(link).map(Ok)
    }

    /// The schema of the member called `name`; patterns that match are left in the context.
    fn name(&mut self, context: &mut Context, name: Slot) -> Result<Result<Id, Box<Failure>>, Stop> {
        let schema = self.schema(context.schema);
        let bytes = self.tree.string(name);
        spend(self.budget, schema.properties.len() as u64 / 8)?;
        context.patterns.clear();
        for (regex, link) in &schema.patterns {
            if let Some(regex) = regex
                && regex.is_match(bytes, self.budget)?
            {
                context.patterns.push(*link);
            }
        }
        let (link, others) = if let Some(at) = schema.property(bytes) {
            if let Some(present) = context.present.get_mut(at) {
                *present = true;
            }
            (schema.properties[at].schema, Others::Property)
        } else if let Some(link) = schema.more_properties {
            (link, Others::Additional)
        } else if schema.allows_more_properties || !context.patterns.is_empty() {
            return Ok(Ok(TYPELESS));
        } else {
            return Ok(Err(Box::new(Failure {
                keyword: "additionalProperties",
                reported: "additionalProperties",
                members: vec![member("disallowed", Value::Text(bytes.to_vec()))],
                at_parent: true,
            })));
        };
        if context.patterns.is_empty() {
            return self.follow(link).map(Ok);
        }
        context.patterns.push(link);
        context.others = others;
        Ok(Ok(TYPELESS))
    }

    /// Ends a value: what can only be said of all of it.
    fn end(&mut self, context: &Context) -> Result<Check, Stop> {
        let schema = self.schema(context.schema);
        let len = context.value.len;
        let sizes = match context.value.kind() {
            Kind::Object => {
                if let Err(failure) = required(schema, context) {
                    return Ok(Err(failure));
                }
                [
                    ("minProperties", len < schema.min_properties, schema.min_properties),
                    ("maxProperties", len > schema.max_properties, schema.max_properties),
                ]
            }
            Kind::Array => [
                ("minItems", len < schema.min_items, schema.min_items),
                ("maxItems", len > schema.max_items, schema.max_items),
            ],
            _ => [("", false, 0); 2],
        };
        for (keyword, breaks, expected) in sizes {
            if breaks {
                let (actual, expected) = (Value::number(len as usize), Value::number(expected as usize));
                return Ok(bound(keyword, actual, expected, None));
            }
        }
        if context.value.kind() == Kind::Object
            && schema.has_dependencies
            && let Err(failure) = self.dependencies(schema, context)?
        {
            return Ok(Err(failure));
        }
        if !context.own_patterns.is_empty()
            && let Err(failure) = self.patterns_hold(context)?
        {
            return Ok(Err(failure));
        }
        if let Some(values) = &schema.values {
            let hash = hash(self.tree, context.value, self.budget)?;
            spend(self.budget, values.len() as u64 / 8)?;
            if !values.contains(&hash) {
                return Ok(failed("enum", Members::new()));
            }
        }
        self.combinations(schema, context.value)
    }

    fn dependencies(&mut self, schema: &Schema, context: &Context) -> Result<Check, Stop> {
        let mut errors = Members::new();
        for (source, property) in schema.properties.iter().enumerate() {
            if !context.present[source] {
                continue;
            }
            if let Some(needed) = &property.dependencies {
                spend(self.budget, needed.len() as u64 / 8)?;
                let missing: Vec<Value> = (0..needed.len())
                    .filter(|&target| needed[target] && !context.present[target])
                    .map(|target| Value::Text(schema.properties[target].name.clone()))
                    .collect();
                if !missing.is_empty() {
                    errors.push((property.name.clone(), Value::Array(missing)));
                }
            } else if let Some(link) = property.dependency_schema
                && let Some(invalid) = self.run(link, context.value)?
            {
                errors.push((property.name.clone(), Value::Object(invalid.errors)));
            }
        }
        if errors.is_empty() {
            return Ok(Ok(()));
        }
        Ok(failed("dependencies", vec![member("errors", Value::Object(errors))]))
    }

    /// The value against the schemas of the patterns that its name matches. The last of them may be the property's
    /// own, which must hold too, or that of additional properties, which only counts if no other holds.
    fn patterns_hold(&mut self, context: &Context) -> Result<Check, Stop> {
        let outcomes = self.all(&context.own_patterns, context.value)?;
        let (patterns, other) = match context.own_others {
            Others::Patterns => (&outcomes[..], true),
            _ => match outcomes.split_last() {
                Some((last, rest)) => (rest, last.is_none()),
                None => (&outcomes[..], true),
            },
        };
        let all_hold = patterns.iter().all(Option::is_none);
        let holds = match context.own_others {
            Others::Patterns => all_hold,
            Others::Property => all_hold && other,
            Others::Additional => all_hold || other,
        };
        if holds {
            return Ok(Ok(()));
        }
        Ok(merged("patternProperties", outcomes))
    }

    /// The outcomes of several schemas.
    fn all(&mut self, links: &[Link], value: Slot) -> Result<Vec<Option<Invalid>>, Stop> {
        links.iter().map(|&link| self.run(link, value)).collect()
    }

    fn combinations(&mut self, schema: &Schema, value: Slot) -> Result<Check, Stop> {
        if let Some(links) = &schema.all_of {
            let outcomes = self.all(links, value)?;
            if outcomes.iter().any(Option::is_some) {
                return Ok(merged("allOf", outcomes));
            }
        }
        if let Some(links) = &schema.any_of {
            let mut outcomes = Vec::new();
            for &link in links {
                outcomes.push(self.run(link, value)?);
                if outcomes.last().is_some_and(Option::is_none) {
                    break;
                }
            }
            if outcomes.iter().all(Option::is_some) {
                return Ok(listed("anyOf", outcomes));
            }
        }
        if let Some(links) = &schema.one_of {
            let outcomes = self.all(links, value)?;
            if outcomes.iter().filter(|it| it.is_none()).count() != 1 {
                return Ok(listed("oneOf", outcomes));
            }
        }
        if let Some(link) = schema.not
            && self.run(link, value)?.is_none()
        {
            return Ok(failed("not", Members::new()));
        }
        Ok(Ok(()))
    }
}

fn double_minimum(schema: &Schema, value: Slot, minimum: Slot) -> Check {
    let (number, least) = (value.number(), minimum.number());
    let breaks = if schema.exclusive_minimum { number <= least } else { number < least };
    if breaks { below(schema, as_double(value), minimum) } else { Ok(()) }
}

fn double_maximum(schema: &Schema, value: Slot, maximum: Slot) -> Check {
    let (number, most) = (value.number(), maximum.number());
    let breaks = if schema.exclusive_maximum { number >= most } else { number > most };
    if breaks { above(schema, as_double(value), maximum) } else { Ok(()) }
}

fn below(schema: &Schema, value: Slot, minimum: Slot) -> Check {
    let exclusive = schema.exclusive_minimum.then_some("exclusiveMinimum");
    bound("minimum", Value::Scalar(value), Value::Scalar(minimum), exclusive)
}

fn above(schema: &Schema, value: Slot, maximum: Slot) -> Check {
    let exclusive = schema.exclusive_maximum.then_some("exclusiveMaximum");
    bound("maximum", Value::Scalar(value), Value::Scalar(maximum), exclusive)
}

fn double_multiple(value: Slot, factor: Slot) -> Check {
    let (number, step) = (value.number().abs(), factor.number().abs());
    let rest = number - (number / step).floor() * step;
    if rest > 0.0 {
        return bound("multipleOf", Value::Scalar(as_double(value)), Value::Scalar(factor), None);
    }
    Ok(())
}

fn required(schema: &Schema, context: &Context) -> Check {
    if !schema.has_required {
        return Ok(());
    }
    let missing: Vec<Value> = schema
        .properties
        .iter()
        .zip(&context.present)
        .filter(|(property, is_there)| property.required && !**is_there)
        .map(|(property, _)| Value::Text(property.name.clone()))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    failed("required", vec![member("missing", Value::Array(missing))])
}

/// The integer as the double it was compared as.
fn as_double(value: Slot) -> Slot {
    Slot::double(value.number())
}

/// A failure that is told by the errors of several schemas.
fn merged(keyword: &'static str, outcomes: Vec<Option<Invalid>>) -> Check {
    let members = outcomes.into_iter().flatten().flat_map(|it| it.errors).collect();
    Err(Box::new(Failure { keyword, reported: "", members, at_parent: false }))
}

/// A failure that lists the errors of several schemas.
fn listed(keyword: &'static str, outcomes: Vec<Option<Invalid>>) -> Check {
    let errors =
        outcomes.into_iter().map(|it| Value::Object(it.map(|it| it.errors).unwrap_or_default())).collect();
    failed(keyword, vec![member("errors", Value::Array(errors))])
}
