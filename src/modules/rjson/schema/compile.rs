//! A schema's text made ready for validation, with `RapidJSON`'s reading of it (`schema.h`).
//!
//! Every object in the text becomes a schema, whether it stands where one is expected or not: `$ref` may lead
//! anywhere, and a property that is called `enum` makes the `properties` around it a schema with an `enum`. What
//! `RapidJSON` asserts on, or leaves uninitialised, is an error here or a link to nothing.

use std::collections::HashMap;

use super::{
    hash::hash,
    pointer::Pointer,
    regex::{self, Regex},
};
use crate::modules::rjson::document::{Kind, Slot, Tree};

/// Deeper schemas are refused. Production's C stack holds about 9,700 levels, far more than anyone writes.
const MAX_DEPTH: usize = 1000;
/// Nested values of any kind: production's C stack holds about 19,700.
const MAX_VALUE_DEPTH: usize = 19_700;
/// References that lead to references; production follows a circle until its C stack is full.
const MAX_HOPS: usize = 20_000;
/// What making one schema costs.
const STEPS_PER_SCHEMA: u64 = 200;

/// Why compiling or validating ends without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Production's process dies here; why.
    Crash(&'static str),
    /// The budget of steps is used up.
    Steps,
}

/// Takes steps from a budget.
pub fn spend(budget: &mut u64, steps: u64) -> Result<(), Stop> {
    match budget.checked_sub(steps) {
        Some(left) => *budget = left,
        None => {
            *budget = 0;
            return Err(Stop::Steps);
        }
    }
    Ok(())
}

/// A schema's number.
pub type Id = usize;
/// A place that names a schema. References are resolved once all schemas are made, so places have numbers too.
pub type Link = usize;

/// The schema that accepts everything.
pub const TYPELESS: Id = 0;

/// A property that some keyword names.
#[derive(Debug)]
pub struct Property {
    pub name: Vec<u8>,
    pub schema: Link,
    pub required: bool,
    /// Properties that must be there with this one.
    pub dependencies: Option<Vec<bool>>,
    /// A schema that holds where this one is there.
    pub dependency_schema: Option<Link>,
}

/// One schema.
#[derive(Debug)]
pub struct Schema {
    /// Where it stands, as a fragment.
    pub place: Vec<u8>,
    /// One bit for each [`Kind`]-like type, [`super::types`].
    pub types: u8,
    pub values: Option<Vec<u64>>,
    pub all_of: Option<Vec<Link>>,
    pub any_of: Option<Vec<Link>>,
    pub one_of: Option<Vec<Link>>,
    pub not: Option<Link>,
    /// `RapidJSON` goes through validators that were never made.
    pub is_broken: bool,
    pub properties: Vec<Property>,
    pub has_required: bool,
    pub has_dependencies: bool,
    pub patterns: Vec<(Option<Regex>, Link)>,
    pub more_properties: Option<Link>,
    pub allows_more_properties: bool,
    pub min_properties: u32,
    pub max_properties: u32,
    pub items: Option<Link>,
    pub tuple: Vec<Link>,
    pub more_items: Option<Link>,
    pub allows_more_items: bool,
    pub min_items: u32,
    pub max_items: u32,
    pub unique_items: bool,
    pub min_length: u32,
    pub max_length: u32,
    pub pattern: Option<Regex>,
    pub minimum: Option<Slot>,
    pub maximum: Option<Slot>,
    pub exclusive_minimum: bool,
    pub exclusive_maximum: bool,
    pub multiple_of: Option<Slot>,
}

impl Schema {
    fn new(place: Vec<u8>) -> Schema {
        Schema {
            place,
            types: types::ALL,
            values: None,
            all_of: None,
            any_of: None,
            one_of: None,
            not: None,
            is_broken: false,
            properties: Vec::new(),
            has_required: false,
            has_dependencies: false,
            patterns: Vec::new(),
            more_properties: None,
            allows_more_properties: true,
            min_properties: 0,
            max_properties: u32::MAX,
            items: None,
            tuple: Vec::new(),
            more_items: None,
            allows_more_items: true,
            min_items: 0,
            max_items: u32::MAX,
            unique_items: false,
            min_length: 0,
            max_length: u32::MAX,
            pattern: None,
            minimum: None,
            maximum: None,
            exclusive_minimum: false,
            exclusive_maximum: false,
            multiple_of: None,
        }
    }

    /// The property of that name.
    pub fn property(&self, name: &[u8]) -> Option<usize> {
        self.properties.iter().position(|it| it.name == name)
    }
}

/// The types of the keyword `type`, as bits.
pub mod types {
    pub const NULL: u8 = 1;
    pub const BOOLEAN: u8 = 2;
    pub const OBJECT: u8 = 4;
    pub const ARRAY: u8 = 8;
    pub const STRING: u8 = 16;
    pub const NUMBER: u8 = 32;
    pub const INTEGER: u8 = 64;
    pub const ALL: u8 = 127;
}

/// A compiled schema: immutable, shared by all documents.
#[derive(Debug)]
pub struct Compiled {
    pub schemas: Vec<Schema>,
    pub links: Vec<Option<Id>>,
    pub root: Link,
    /// Steps that making it took.
    pub cost: u64,
}

/// A reference to be resolved at the end.
struct Reference {
    source: Pointer,
    target: Pointer,
    link: Option<Link>,
}

struct Compiler<'t, 'b> {
    tree: Tree<'t>,
    document: Slot,
    schemas: Vec<Schema>,
    links: Vec<Option<Id>>,
    /// The first schema made for a place.
    places: HashMap<Pointer, Id>,
    references: Vec<Reference>,
    depth: usize,
    budget: &'b mut u64,
}

/// Compiles the schema whose parsed text is `root` in `tree`.
pub fn compile(tree: Tree<'_>, root: Slot, budget: &mut u64) -> Result<Compiled, Stop> {
    let mut compiler = Compiler {
        tree,
        document: root,
        schemas: vec![Schema::new(b"#".to_vec())],
        links: Vec::new(),
        places: HashMap::new(),
        references: Vec::new(),
        depth: 0,
        budget,
    };
    let root_link = compiler.link(Some(TYPELESS));
    compiler.visit(root_link, root)?;
    compiler.resolve();
    let Compiler { mut schemas, links, .. } = compiler;
    for schema in &mut schemas {
        let mut combined = [&schema.all_of, &schema.any_of, &schema.one_of].into_iter().flatten().flatten();
        schema.is_broken |= combined.any(|&it| links[it].is_none());
    }
    Ok(Compiled { schemas, links, root: root_link, cost: 0 })
}

impl Compiler<'_, '_> {
    fn link(&mut self, to: Option<Id>) -> Link {
        self.links.push(to);
        self.links.len() - 1
    }

    fn member(&self, object: Slot, name: &[u8]) -> Option<Slot> {
        let at = self.tree.find_member(object, name).0?;
        Some(self.tree.get(at))
    }

    fn object_member(&self, object: Slot, name: &[u8]) -> Option<Slot> {
        self.member(object, name).filter(|it| it.kind() == Kind::Object)
    }

    fn array_member(&self, object: Slot, name: &[u8]) -> Option<Slot> {
        self.member(object, name).filter(|it| it.kind() == Kind::Array)
    }

    /// Names and values of an object.
    fn members(&self, object: Slot) -> Vec<(Slot, Slot)> {
        let first = object.data as usize;
        (0..object.len as usize)
            .map(|n| (self.tree.get(first + 2 * n), self.tree.get(first + 2 * n + 1)))
            .collect()
    }

    fn elements(&self, array: Slot) -> Vec<Slot> {
        (0..array.len as usize).map(|n| self.tree.get(array.data as usize + n)).collect()
    }

    /// Makes a schema of every object that has none yet, outside first.
    fn visit(&mut self, root_link: Link, root: Slot) -> Result<(), Stop> {
        let mut waiting = vec![(Pointer::default(), root, Some(root_link), 0)];
        while let Some((pointer, value, link, depth)) = waiting.pop() {
            spend(self.budget, 1 + pointer.size() as u64 / 16)?;
            if depth > MAX_VALUE_DEPTH {
                return Err(Stop::Crash(
                    "a schema is nested so deep that compiling it overflows the C stack",
                ));
            }
            let start = waiting.len();
            if value.kind() == Kind::Object {
                if !self.places.contains_key(&pointer) {
                    self.create(link, &pointer, value)?;
                }
                for (name, value) in self.members(value) {
                    if matches!(value.kind(), Kind::Object | Kind::Array) {
                        waiting.push((pointer.name(self.tree.string(name)), value, None, depth + 1));
                    }
                }
            } else if value.kind() == Kind::Array {
                for (n, value) in self.elements(value).into_iter().enumerate() {
                    if matches!(value.kind(), Kind::Object | Kind::Array) {
                        waiting.push((pointer.index(n as u32), value, None, depth + 1));
                    }
                }
            }
            waiting[start..].reverse();
        }
        Ok(())
    }

    fn resolve(&mut self) {
        while let Some(Reference { source, target, link }) = self.references.pop() {
            let found = self.places.get(&target).copied();
            if let Some(link) = link {
                self.links[link] = Some(found.unwrap_or(TYPELESS));
            }
            if let Some(id) = found {
                self.places.entry(source).or_insert(id);
            }
        }
    }

    /// Makes a schema of `value` if it is an object, or notes where its `$ref` leads.
    fn create(&mut self, link: Option<Link>, pointer: &Pointer, value: Slot) -> Result<(), Stop> {
        if value.kind() != Kind::Object || self.refers(link, pointer, value)? {
            return Ok(());
        }
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Stop::Crash("a schema is nested too deep"));
        }
        spend(self.budget, STEPS_PER_SCHEMA + pointer.size() as u64)?;
        let schema = self.schema(pointer, value)?;
        self.depth -= 1;
        let id = self.schemas.len();
        self.schemas.push(schema);
        self.places.entry(pointer.clone()).or_insert(id);
        if let Some(link) = link {
            self.links[link] = Some(id);
        }
        Ok(())
    }

    /// Whether the object is a local reference; then it is noted, where it finally leads.
    fn refers(&mut self, link: Option<Link>, source: &Pointer, value: Slot) -> Result<bool, Stop> {
        let mut value = value;
        let mut target = None;
        for _ in 0..MAX_HOPS {
            spend(self.budget, 1)?;
            if value.kind() != Kind::Object {
                return Err(Stop::Crash("a schema's $ref to something that is no object is an assertion"));
            }
            let Some(pointer) = self.reference(value) else { break };
            let found = self.find(&pointer);
            target = Some(pointer);
            match found {
                Some(it) => value = it,
                None => {
                    value = Slot::NULL;
                    break;
                }
            }
        }
        if value.kind() == Kind::Object && self.reference(value).is_some() {
            return Err(Stop::Crash("a schema's $ref leads back to itself"));
        }
        let Some(target) = target else { return Ok(false) };
        self.references.push(Reference { source: source.clone(), target, link });
        Ok(true)
    }

    /// The pointer in the object's `$ref`, if it is a local one.
    fn reference(&self, object: Slot) -> Option<Pointer> {
        let text = self.member(object, b"$ref").filter(|it| it.kind() == Kind::String)?;
        Pointer::parse_fragment(self.tree.string(text))
    }

    /// What a pointer leads to.
    fn find(&self, pointer: &Pointer) -> Option<Slot> {
        let mut slot = self.document;
        for (name, index) in pointer.tokens() {
            slot = match slot.kind() {
                Kind::Object => self.member(slot, name)?,
                Kind::Array => {
                    let index = index.filter(|&it| it < slot.len)?;
                    self.tree.get(slot.data as usize + index as usize)
                }
                _ => return None,
            };
        }
        Some(slot)
    }

    /// Reads the keywords of an object.
    fn schema(&mut self, pointer: &Pointer, value: Slot) -> Result<Schema, Stop> {
        let mut res = Schema::new(pointer.fragment());
        if let Some(it) = self.member(value, b"type") {
            res.types = match it.kind() {
                Kind::Array => self.elements(it).into_iter().fold(0, |all, it| all | self.type_bit(it)),
                _ => self.type_bit(it),
            };
        }
        if let Some(values) = self.array_member(value, b"enum").filter(|it| it.len > 0) {
            let mut hashes = Vec::new();
            for value in self.elements(values) {
                hashes.push(hash(self.tree, value, self.budget)?);
            }
            res.values = Some(hashes);
        }
        res.all_of = self.combined(pointer, value, b"allOf")?;
        res.any_of = self.combined(pointer, value, b"anyOf")?;
        res.one_of = self.combined(pointer, value, b"oneOf")?;
        if let Some(not) = self.member(value, b"not") {
            let link = self.link(None);
            self.create(Some(link), &pointer.name(b"not"), not)?;
            // RapidJSON counts a validator here and makes none.
            res.is_broken = not.kind() != Kind::Object;
            res.not = (!res.is_broken).then_some(link);
        }
        self.object_keywords(&mut res, pointer, value)?;
        self.array_keywords(&mut res, pointer, value)?;
        self.set_size(&mut res.min_length, value, b"minLength");
        self.set_size(&mut res.max_length, value, b"maxLength");
        if let Some(pattern) = self.member(value, b"pattern") {
            res.pattern = self.regex(pattern)?;
        }
        res.minimum = self.number(value, b"minimum");
        res.maximum = self.number(value, b"maximum");
        self.set_switch(&mut res.exclusive_minimum, value, b"exclusiveMinimum");
        self.set_switch(&mut res.exclusive_maximum, value, b"exclusiveMaximum");
        res.multiple_of = self.number(value, b"multipleOf").filter(|it| it.number() > 0.0);
        Ok(res)
    }

    fn object_keywords(&mut self, res: &mut Schema, pointer: &Pointer, value: Slot) -> Result<(), Stop> {
        let properties = self.object_member(value, b"properties");
        let required = self.array_member(value, b"required");
        let dependencies = self.object_member(value, b"dependencies");
        let mut seen = HashMap::new();
        let mut add = |compiler: &mut Self, name: Slot| {
            let name = compiler.tree.string(name);
            seen.entry(name.to_vec()).or_insert_with(|| {
                let schema = compiler.link(Some(TYPELESS));
                res.properties.push(Property {
                    name: name.to_vec(),
                    schema,
                    required: false,
                    dependencies: None,
                    dependency_schema: None,
                });
                res.properties.len() - 1
            });
        };
        for (name, _) in properties.map(|it| self.members(it)).unwrap_or_default() {
            add(self, name);
        }
        for name in required.map(|it| self.elements(it)).unwrap_or_default() {
            if name.kind() == Kind::String {
                add(self, name);
            }
        }
        for (name, targets) in dependencies.map(|it| self.members(it)).unwrap_or_default() {
            add(self, name);
            if targets.kind() == Kind::Array {
                for target in self.elements(targets) {
                    if target.kind() == Kind::String {
                        add(self, target);
                    }
                }
            }
        }
        spend(self.budget, seen.len() as u64)?;

        if let Some(properties) = properties {
            let place = pointer.name(b"properties");
            for (name, value) in self.members(properties) {
                let name = self.tree.string(name);
                let link = seen.get(name).map(|&it| res.properties[it].schema);
                self.create(link, &place.name(name), value)?;
            }
        }
        if let Some(patterns) = self.member(value, b"patternProperties") {
            if patterns.kind() != Kind::Object {
                return Err(Stop::Crash("a schema's patternProperties that is no object is an assertion"));
            }
            let place = pointer.name(b"patternProperties");
            for (name, value) in self.members(patterns) {
                let link = self.link(None);
                let regex = self.regex(name)?;
                self.create(Some(link), &place.name(self.tree.string(name)), value)?;
                res.patterns.push((regex, link));
            }
        }
        for name in required.map(|it| self.elements(it)).unwrap_or_default() {
            if name.kind() == Kind::String
                && let Some(&at) = seen.get(self.tree.string(name))
            {
                res.properties[at].required = true;
                res.has_required = true;
            }
        }
        if let Some(dependencies) = dependencies {
            res.has_dependencies = true;
            let place = pointer.name(b"dependencies");
            for (name, value) in self.members(dependencies) {
                let name = self.tree.string(name);
                let Some(&source) = seen.get(name) else { continue };
                if value.kind() == Kind::Array {
                    let mut needed = vec![false; res.properties.len()];
                    spend(self.budget, needed.len() as u64 / 8)?;
                    for target in self.elements(value) {
                        if target.kind() != Kind::String {
                            return Err(Stop::Crash(
                                "a schema's dependency that is no string is an assertion",
                            ));
                        }
                        if let Some(&target) = seen.get(self.tree.string(target)) {
                            needed[target] = true;
                        }
                    }
                    res.properties[source].dependencies = Some(needed);
                } else if value.kind() == Kind::Object {
                    let link = self.link(None);
                    self.create(Some(link), &place.name(name), value)?;
                    // Of two validators for one property RapidJSON makes one and asks both.
                    res.is_broken |= res.properties[source].dependency_schema.is_some();
                    res.properties[source].dependency_schema = Some(link);
                }
            }
        }
        if let Some(additional) = self.member(value, b"additionalProperties") {
            let place = pointer.name(b"additionalProperties");
            (res.more_properties, res.allows_more_properties) = self.additional(&place, additional)?;
        }
        self.set_size(&mut res.min_properties, value, b"minProperties");
        self.set_size(&mut res.max_properties, value, b"maxProperties");
        Ok(())
    }

    fn array_keywords(&mut self, res: &mut Schema, pointer: &Pointer, value: Slot) -> Result<(), Stop> {
        if let Some(items) = self.member(value, b"items") {
            let place = pointer.name(b"items");
            if items.kind() == Kind::Object {
                let link = self.link(None);
                self.create(Some(link), &place, items)?;
                res.items = Some(link);
            } else if items.kind() == Kind::Array {
                for (n, value) in self.elements(items).into_iter().enumerate() {
                    let link = self.link(None);
                    self.create(Some(link), &place.index(n as u32), value)?;
                    res.tuple.push(link);
                }
            }
        }
        self.set_size(&mut res.min_items, value, b"minItems");
        self.set_size(&mut res.max_items, value, b"maxItems");
        if let Some(additional) = self.member(value, b"additionalItems") {
            let place = pointer.name(b"additionalItems");
            (res.more_items, res.allows_more_items) = self.additional(&place, additional)?;
        }
        self.set_switch(&mut res.unique_items, value, b"uniqueItems");
        Ok(())
    }

    /// What `additional...` says: a schema, or whether there may be more.
    fn additional(&mut self, place: &Pointer, value: Slot) -> Result<(Option<Link>, bool), Stop> {
        match value.kind() {
            Kind::False => Ok((None, false)),
            Kind::Object => {
                let link = self.link(None);
                self.create(Some(link), place, value)?;
                Ok((Some(link), true))
            }
            _ => Ok((None, true)),
        }
    }

    /// The schemas of `allOf`, `anyOf` or `oneOf`.
    fn combined(&mut self, pointer: &Pointer, value: Slot, name: &[u8]) -> Result<Option<Vec<Link>>, Stop> {
        let Some(schemas) = self.array_member(value, name).filter(|it| it.len > 0) else { return Ok(None) };
        let place = pointer.name(name);
        let mut res = Vec::new();
        for (n, value) in self.elements(schemas).into_iter().enumerate() {
            let link = self.link(None);
            self.create(Some(link), &place.index(n as u32), value)?;
            res.push(link);
        }
        Ok(Some(res))
    }

    fn type_bit(&self, name: Slot) -> u8 {
        match (name.kind(), self.tree.string(name)) {
            (Kind::String, b"null") => types::NULL,
            (Kind::String, b"boolean") => types::BOOLEAN,
            (Kind::String, b"object") => types::OBJECT,
            (Kind::String, b"array") => types::ARRAY,
            (Kind::String, b"string") => types::STRING,
            (Kind::String, b"integer") => types::INTEGER,
            (Kind::String, b"number") => types::NUMBER | types::INTEGER,
            _ => 0,
        }
    }

    /// A regular expression; none where libstdc++ would refuse it, which `RapidJSON` passes over.
    fn regex(&mut self, pattern: Slot) -> Result<Option<Regex>, Stop> {
        if pattern.kind() != Kind::String {
            return Ok(None);
        }
        let text = self.tree.string(pattern);
        let regex = regex::Regex::new(text).ok();
        spend(self.budget, text.len() as u64 + regex.as_ref().map_or(0, |it| it.size() as u64))?;
        Ok(regex)
    }

    fn number(&self, object: Slot, name: &[u8]) -> Option<Slot> {
        let it = self.member(object, name)?;
        matches!(it.kind(), Kind::Negative | Kind::Unsigned | Kind::Double).then_some(it)
    }

    fn set_size(&self, size: &mut u32, object: Slot, name: &[u8]) {
        if let Some(it) = self.member(object, name)
            && it.kind() == Kind::Unsigned
            && let Ok(number) = u32::try_from(it.data)
        {
            *size = number;
        }
    }

    fn set_switch(&self, switch: &mut bool, object: Slot, name: &[u8]) {
        match self.member(object, name).map(Slot::kind) {
            Some(Kind::True) => *switch = true,
            Some(Kind::False) => *switch = false,
            _ => {}
        }
    }
}
