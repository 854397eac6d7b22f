//! Reads a script for what its names mean: which are locals, which globals, which function each is used in.
//!
//! No syntax tree is kept. The parser walks the tokens with the scopes of Lua 5.1 and writes down every use of a name
//! with what follows it (`.field`, `:method`, a call and its literal arguments), and every function with the name it
//! is bound to. That is all the rules ask for. Scripts have compiled before, so nesting is as deep as Lua allows (200)
//! and syntax errors cannot happen; should the parser lose its way all the same, it stops and says so.

use std::collections::HashMap;

use super::lua::{Kind, Token};

/// What a name is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Target {
    Global(String),
    /// A local variable, numbered in order of declaration.
    Local(usize),
}

/// A literal argument, or another expression.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Argument {
    String(Vec<u8>),
    Other,
}

/// One use of a name.
#[derive(Clone, Debug)]
pub(super) struct Use {
    pub(super) target: Target,
    /// Number of the token, which has the place.
    pub(super) token: usize,
    /// The function it is in; 0 is the script's body.
    pub(super) function: usize,
    /// Whether it is assigned to; with a `path`, something in it is.
    pub(super) is_write: bool,
    /// `.a.b` behind it, also written `["a"]`.
    pub(super) path: Vec<String>,
    /// Number of the token of the first name of the path.
    pub(super) path_token: Option<usize>,
    /// Whether it is indexed in any way.
    pub(super) is_indexed: bool,
    /// The arguments, if name and path are called.
    pub(super) call: Option<Vec<Argument>>,
}

/// A function of the script.
#[derive(Clone, Debug, Default)]
pub(super) struct Function {
    /// What it is bound to, if to a plain name.
    pub(super) bound: Option<Target>,
    /// The function it stands in.
    pub(super) parent: usize,
    /// Number of its `function` token.
    pub(super) token: usize,
    /// Whether a `return` with a value stands in it.
    pub(super) returns_value: bool,
}

/// What a local is at its declaration.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Initial {
    /// A global's value.
    Global(String),
    /// What `require` gives.
    Module(String),
    Other,
}

/// A local variable.
#[derive(Clone, Debug)]
pub(super) struct Local {
    pub(super) name: String,
    pub(super) initial: Initial,
    pub(super) token: usize,
    /// The function it is declared in.
    pub(super) function: usize,
    pub(super) is_reassigned: bool,
}

/// A method call: `x:name(...)`, on whatever stands before.
#[derive(Clone, Debug)]
pub(super) struct Method {
    pub(super) name: String,
    pub(super) token: usize,
}

/// All that is known of a script.
#[derive(Debug, Default)]
pub(super) struct Script {
    pub(super) tokens: Vec<Token>,
    pub(super) functions: Vec<Function>,
    pub(super) uses: Vec<Use>,
    pub(super) locals: Vec<Local>,
    pub(super) methods: Vec<Method>,
    /// Globals a table was assigned to.
    pub(super) table_globals: Vec<String>,
    /// Whether the parser came to the end.
    pub(super) is_complete: bool,
}

/// Reads the tokens of a script that compiles.
pub(super) fn read(tokens: Vec<Token>) -> Script {
    let mut parser = Parser {
        script: Script { tokens, functions: vec![Function::default()], ..Script::default() },
        at: 0,
        function: 0,
        scopes: vec![HashMap::new()],
    };
    let is_read = parser.block().is_some();
    parser.script.is_complete = is_read && parser.at == parser.script.tokens.len();
    parser.script
}

struct Parser {
    script: Script,
    at: usize,
    function: usize,
    scopes: Vec<HashMap<String, usize>>,
}

/// What an expression is, as far as declarations ask.
#[derive(Clone, Debug)]
enum Shape {
    Function(usize),
    Table,
    String(Vec<u8>),
    /// A use without anything else around it.
    Use(usize),
    Other,
}

/// `None` where the text is not what Lua would have compiled.
type Parsed<T> = Option<T>;

impl Parser {
    fn symbol(&self, symbol: &str) -> bool {
        self.script.tokens.get(self.at).is_some_and(|it| matches!(it.kind, Kind::Symbol(s) if s == symbol))
    }

    fn keyword(&self, word: &str) -> bool {
        self.script.tokens.get(self.at).is_some_and(|it| matches!(it.kind, Kind::Keyword(k) if k == word))
    }

    fn eat(&mut self, text: &str) -> bool {
        let found = self.symbol(text) || self.keyword(text);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, text: &str) -> Parsed<()> {
        self.eat(text).then_some(())
    }

    fn name(&mut self) -> Parsed<String> {
        match &self.script.tokens.get(self.at)?.kind {
            Kind::Name(name) => {
                self.at += 1;
                Some(name.clone())
            }
            _ => None,
        }
    }

    fn declare(&mut self, name: &str, token: usize, initial: Initial) -> usize {
        let local = self.script.locals.len();
        let function = self.function;
        self.script.locals.push(Local {
            name: name.to_owned(),
            initial,
            token,
            function,
            is_reassigned: false,
        });
        if let Some(scope) = self.scopes.last_mut() {
            scope.insert(name.to_owned(), local);
        }
        local
    }

    fn resolve(&self, name: &str) -> Target {
        let local = self.scopes.iter().rev().find_map(|it| it.get(name));
        local.map_or_else(|| Target::Global(name.to_owned()), |&it| Target::Local(it))
    }

    fn scoped<T>(&mut self, inside: impl FnOnce(&mut Parser) -> Parsed<T>) -> Parsed<T> {
        self.scopes.push(HashMap::new());
        let res = inside(self);
        self.scopes.pop();
        res
    }

    fn block_until_end(&mut self) -> Parsed<()> {
        self.scoped(Parser::block)?;
        self.expect("end")
    }

    /// Statements up to a word that ends a block.
    fn block(&mut self) -> Parsed<()> {
        while self.at < self.script.tokens.len() {
            if ["end", "else", "elseif", "until"].iter().any(|it| self.keyword(it)) {
                return Some(());
            }
            self.statement()?;
            self.eat(";");
        }
        Some(())
    }

    fn statement(&mut self) -> Parsed<()> {
        let start = self.at;
        let Kind::Keyword(word) = self.script.tokens.get(start)?.kind else {
            return self.expression_statement();
        };
        self.at += 1;
        match word {
            "if" => {
                self.expression()?;
                self.expect("then")?;
                self.scoped(Parser::block)?;
                while self.eat("elseif") {
                    self.expression()?;
                    self.expect("then")?;
                    self.scoped(Parser::block)?;
                }
                if self.eat("else") {
                    self.scoped(Parser::block)?;
                }
                self.expect("end")
            }
            "while" => {
                self.expression()?;
                self.expect("do")?;
                self.block_until_end()
            }
            "do" => self.block_until_end(),
            "for" => self.for_statement(),
            // The condition sees the block's locals.
            "repeat" => self.scoped(|it| {
                it.block()?;
                it.expect("until")?;
                it.expression().map(|_| ())
            }),
            "function" => self.function_statement(start),
            "local" if self.eat("function") => {
                let token = self.at;
                let name = self.name()?;
                let local = self.declare(&name, token, Initial::Other);
                let function = self.function_body(start, false)?;
                self.script.functions[function].bound = Some(Target::Local(local));
                Some(())
            }
            "local" => self.local_statement(),
            "return" => {
                let is_end = ["end", "else", "elseif", "until"].iter().any(|it| self.keyword(it));
                if !is_end && !self.symbol(";") && self.at < self.script.tokens.len() {
                    self.script.functions[self.function].returns_value = true;
                    self.expressions()?;
                }
                Some(())
            }
            "break" => Some(()),
            _ => {
                self.at = start;
                self.expression_statement()
            }
        }
    }

    fn for_statement(&mut self) -> Parsed<()> {
        let mut names = vec![(self.at, self.name()?)];
        while self.eat(",") {
            names.push((self.at, self.name()?));
        }
        if !self.eat("=") {
            self.expect("in")?;
        }
        self.expressions()?;
        self.expect("do")?;
        self.scoped(|it| {
            for (token, name) in &names {
                it.declare(name, *token, Initial::Other);
            }
            it.block()
        })?;
        self.expect("end")
    }

    fn function_statement(&mut self, start: usize) -> Parsed<()> {
        let token = self.at;
        let name = self.name()?;
        let target = self.resolve(&name);
        let (mut path, mut path_token, mut is_method) = (Vec::new(), None, false);
        while self.symbol(".") || self.symbol(":") {
            is_method = self.symbol(":");
            self.at += 1;
            path_token = path_token.or(Some(self.at));
            path.push(self.name()?);
        }
        let function = self.function_body(start, is_method)?;
        if path.is_empty() {
            self.script.functions[function].bound = Some(target.clone());
            self.note_write(&target);
        }
        let is_indexed = !path.is_empty();
        let function = self.function;
        self.script.uses.push(Use {
            target,
            token,
            function,
            is_write: true,
            path,
            path_token,
            is_indexed,
            call: None,
        });
        Some(())
    }

    fn note_write(&mut self, target: &Target) {
        if let Target::Local(local) = target {
            self.script.locals[*local].is_reassigned = true;
        }
    }

    fn local_statement(&mut self) -> Parsed<()> {
        let mut names = vec![(self.at, self.name()?)];
        while self.eat(",") {
            names.push((self.at, self.name()?));
        }
        let shapes = if self.eat("=") { self.expressions()? } else { Vec::new() };
        for (at, (token, name)) in names.iter().enumerate() {
            let shape = shapes.get(at).cloned().unwrap_or(Shape::Other);
            let initial = match shape {
                Shape::Use(number) => self.initial(number),
                _ => Initial::Other,
            };
            let local = self.declare(name, *token, initial);
            if let Shape::Function(function) = shape {
                self.script.functions[function].bound = Some(Target::Local(local));
            }
        }
        Some(())
    }

    /// What a local that starts as this use is.
    fn initial(&self, number: usize) -> Initial {
        let it = &self.script.uses[number];
        let name = match &it.target {
            Target::Global(name) => name,
            Target::Local(local) => match &self.script.locals[*local].initial {
                Initial::Global(name) => name,
                _ => return Initial::Other,
            },
        };
        match (&it.call, it.is_indexed) {
            (None, false) => Initial::Global(name.clone()),
            (Some(arguments), false) if name == "require" => match arguments.first() {
                Some(Argument::String(module)) => {
                    Initial::Module(String::from_utf8_lossy(module).into_owned())
                }
                _ => Initial::Other,
            },
            _ => Initial::Other,
        }
    }

    fn expression_statement(&mut self) -> Parsed<()> {
        let mut targets = vec![self.suffixed()?];
        while self.eat(",") {
            targets.push(self.suffixed()?);
        }
        if !self.eat("=") {
            return Some(());
        }
        let shapes = self.expressions()?;
        for (at, target) in targets.iter().enumerate() {
            let Shape::Use(number) = *target else { continue };
            self.script.uses[number].is_write = true;
            let it = self.script.uses[number].clone();
            if it.is_indexed {
                continue;
            }
            self.note_write(&it.target);
            match shapes.get(at) {
                Some(Shape::Function(function)) => {
                    self.script.functions[*function].bound = Some(it.target);
                }
                Some(Shape::Table) => {
                    if let Target::Global(name) = it.target {
                        self.script.table_globals.push(name);
                    }
                }
                _ => {}
            }
        }
        Some(())
    }

    fn expressions(&mut self) -> Parsed<Vec<Shape>> {
        let mut res = vec![self.expression()?];
        while self.eat(",") {
            res.push(self.expression()?);
        }
        Some(res)
    }

    fn expression(&mut self) -> Parsed<Shape> {
        const BINARY: &[&str] =
            &["+", "-", "*", "/", "%", "^", "..", "==", "~=", "<=", ">=", "<", ">", "and", "or"];
        // Precedence does not matter here: operands follow each other.
        let mut res = self.operand()?;
        while BINARY.iter().any(|it| self.eat(it)) {
            self.operand()?;
            res = Shape::Other;
        }
        Some(res)
    }

    fn operand(&mut self) -> Parsed<Shape> {
        let mut is_plain = true;
        while ["not", "-", "#"].iter().any(|it| self.eat(it)) {
            is_plain = false;
        }
        let start = self.at;
        let res = match &self.script.tokens.get(start)?.kind {
            Kind::String(value) => {
                let value = value.clone();
                self.at += 1;
                Shape::String(value)
            }
            Kind::Number(_) | Kind::Keyword("nil" | "true" | "false") | Kind::Symbol("...") => {
                self.at += 1;
                Shape::Other
            }
            Kind::Keyword("function") => {
                self.at += 1;
                Shape::Function(self.function_body(start, false)?)
            }
            Kind::Symbol("{") => self.table()?,
            _ => self.suffixed()?,
        };
        Some(if is_plain { res } else { Shape::Other })
    }

    fn table(&mut self) -> Parsed<Shape> {
        self.expect("{")?;
        while !self.eat("}") {
            if self.eat("[") {
                self.expression()?;
                self.expect("]")?;
                self.expect("=")?;
            } else if let Some(Token { kind: Kind::Symbol("="), .. }) = self.script.tokens.get(self.at + 1)
                && let Kind::Name(_) = self.script.tokens[self.at].kind
            {
                self.at += 2;
            }
            self.expression()?;
            if !self.eat(",") && !self.eat(";") {
                self.expect("}")?;
                break;
            }
        }
        Some(Shape::Table)
    }

    /// A name or a parenthesis and what follows: indexes, methods, calls.
    fn suffixed(&mut self) -> Parsed<Shape> {
        let token = self.at;
        let mut current = None;
        if self.eat("(") {
            self.expression()?;
            self.expect(")")?;
        } else {
            let name = self.name()?;
            let target = self.resolve(&name);
            current = Some(self.script.uses.len());
            let function = self.function;
            self.script.uses.push(Use {
                target,
                token,
                function,
                is_write: false,
                path: Vec::new(),
                path_token: None,
                is_indexed: false,
                call: None,
            });
        }
        // The first use is a path only until a call or a computed index; what follows is about another value.
        let mut is_path = current.is_some();
        let mut is_whole = current.is_some();
        loop {
            if self.eat(".") {
                let at = self.at;
                let name = self.name()?;
                self.extend(current, is_path, at, Some(name));
                is_whole &= is_path;
            } else if self.eat("[") {
                let at = self.at;
                let shape = self.expression()?;
                self.expect("]")?;
                let name = match shape {
                    Shape::String(value) => Some(String::from_utf8_lossy(&value).into_owned()),
                    _ => None,
                };
                is_whole &= is_path;
                let is_static = name.is_some();
                self.extend(current, is_path, at, name);
                is_path &= is_static;
            } else if self.eat(":") {
                let at = self.at;
                let name = self.name()?;
                self.script.methods.push(Method { name, token: at });
                if let Some(number) = current.filter(|_| is_path) {
                    self.script.uses[number].is_indexed = true;
                }
                self.arguments()?;
                is_path = false;
                is_whole = false;
            } else if self.at_arguments() {
                let arguments = self.arguments()?;
                if let Some(number) = current.filter(|_| is_path) {
                    self.script.uses[number].call = Some(arguments);
                } else {
                    is_whole = false;
                }
                is_path = false;
            } else {
                break;
            }
        }
        Some(match current {
            Some(number) if is_whole => Shape::Use(number),
            _ => Shape::Other,
        })
    }

    fn extend(&mut self, current: Option<usize>, is_path: bool, token: usize, name: Option<String>) {
        let Some(number) = current.filter(|_| is_path) else { return };
        let it = &mut self.script.uses[number];
        it.is_indexed = true;
        if let Some(name) = name {
            it.path_token = it.path_token.or(Some(token));
            it.path.push(name);
        }
    }

    fn at_arguments(&self) -> bool {
        let is_string = |it: &Token| matches!(it.kind, Kind::String(_));
        self.symbol("(") || self.symbol("{") || self.script.tokens.get(self.at).is_some_and(is_string)
    }

    fn arguments(&mut self) -> Parsed<Vec<Argument>> {
        if let Kind::String(value) = &self.script.tokens.get(self.at)?.kind {
            let value = value.clone();
            self.at += 1;
            return Some(vec![Argument::String(value)]);
        }
        if self.symbol("{") {
            self.table()?;
            return Some(vec![Argument::Other]);
        }
        self.expect("(")?;
        if self.eat(")") {
            return Some(Vec::new());
        }
        let shapes = self.expressions()?;
        self.expect(")")?;
        let arguments = shapes.into_iter().map(|it| match it {
            Shape::String(value) => Argument::String(value),
            _ => Argument::Other,
        });
        Some(arguments.collect())
    }

    /// Parameters and block of a function; its number.
    fn function_body(&mut self, token: usize, is_method: bool) -> Parsed<usize> {
        let number = self.script.functions.len();
        let parent = self.function;
        self.script.functions.push(Function { bound: None, parent, token, returns_value: false });
        self.expect("(")?;
        self.function = number;
        let read = self.scoped(|it| {
            if is_method {
                it.declare("self", token, Initial::Other);
            }
            while !it.eat(")") {
                let at = it.at;
                if it.eat("...") {
                    // With LUA_COMPAT_VARARG a vararg function has a local `arg`.
                    it.declare("arg", at, Initial::Other);
                } else {
                    let name = it.name()?;
                    it.declare(&name, at, Initial::Other);
                }
                it.eat(",");
            }
            it.block()
        });
        self.function = parent;
        read?;
        self.expect("end")?;
        Some(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::lua::tokens;

    fn globals(text: &str) -> Vec<String> {
        let script = read(tokens(text.as_bytes()));
        assert!(script.is_complete, "{text}");
        let name = |it: &Use| match &it.target {
            Target::Global(name) => Some(format!(
                "{name}{}{}{}",
                it.path.iter().fold(String::new(), |res, it| res + "." + it),
                if it.call.is_some() { "()" } else { "" },
                if it.is_write { "=" } else { "" }
            )),
            Target::Local(_) => None,
        };
        script.uses.iter().filter_map(name).collect()
    }

    #[test]
    fn names_are_resolved_as_lua_does() {
        assert_eq!(globals("local a = a; a = b"), ["a", "b"]);
        assert_eq!(globals("for i, v in x(i) do i = v end return i"), ["x()", "i", "i"]);
        assert_eq!(globals("repeat local z until z; return z"), ["z"]);
        assert_eq!(globals("local function f(a, ...) return f(a, arg, b) end"), ["b"]);
        assert_eq!(globals("local f = function() return f end"), ["f"]);
        assert_eq!(globals("t.a['b'].c[i].d = {x = y, [k] = 1; z}"), ["t.a.b.c", "i", "y", "k", "z"]);
        assert_eq!(globals("f'x'.y:m{u}.w = -#q ^ 2"), ["f()", "u", "q"]);
        assert_eq!(globals("function m.a:b() return self, c end"), ["c", "m.a.b="]);
        assert_eq!(
            globals("if a then elseif b then else c() end while d do break end"),
            ["a", "b", "c()", "d"]
        );
    }

    #[test]
    fn functions_know_their_names() {
        let script =
            read(tokens(b"local f, g = function() return 1 end, 2; h = function() end function i() end"));
        let bound: Vec<Option<Target>> = script.functions.iter().map(|it| it.bound.clone()).collect();
        let global = |name: &str| Some(Target::Global(name.to_owned()));
        assert_eq!(bound, [None, Some(Target::Local(0)), global("h"), global("i")]);
        let returns: Vec<bool> = script.functions.iter().map(|it| it.returns_value).collect();
        assert_eq!(returns, [false, true, false, false]);
    }
}
