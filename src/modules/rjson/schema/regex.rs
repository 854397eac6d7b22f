//! Regular expressions as libstdc++'s `std::regex` reads ECMAScript, which `pattern` and `patternProperties` use.
//!
//! Only whether a text matches is asked, so without back-references all threads of a match run side by side: linear
//! where libstdc++ backtracks, sometimes without end. Back-references backtrack here too, within the budget of steps.
//! What libstdc++ refuses to compile is refused here; `RapidJSON` passes over such a pattern. Its peculiarities are
//! kept: bytes instead of characters, `.` without line ends, ranges of signed bytes, `\cX` as a plain `X`, a
//! lookahead that takes its own start for the start of the text.

use super::compile::{Stop, spend};

/// Groups and quantifiers in each other; libstdc++ recurses.
const MAX_DEPTH: usize = 100;
/// libstdc++ refuses automata with more states.
const MAX_STATES: usize = 100_000;

/// libstdc++ refuses the expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused;

/// A set of bytes.
type Set = [bool; 256];

#[derive(Debug)]
enum Node {
    Set(Box<Set>),
    TextStart,
    TextEnd,
    WordBoundary { negated: bool },
    Look { inner: Box<Node>, negated: bool },
    BackReference(usize),
    Group(usize, Box<Node>),
    Sequence(Vec<Node>),
    Choice(Vec<Node>),
    Repeat { inner: Box<Node>, min: usize, max: Option<usize> },
}

#[derive(Clone, Copy, Debug)]
enum Step {
    /// A byte of the set of that number.
    Set(usize),
    /// Either; the first is tried first.
    Split(usize, usize),
    Jump(usize),
    /// Notes the position in a register.
    Note(usize),
    /// Goes there if nothing was consumed since the register was set.
    LeaveIfEmpty(usize, usize),
    TextStart,
    TextEnd,
    WordBoundary {
        negated: bool,
    },
    /// What follows, up to `Accept`, must (not) match here; then on at `behind`.
    Look {
        behind: usize,
        negated: bool,
    },
    BackReference(usize),
    Accept,
}

/// A compiled expression.
#[derive(Debug)]
pub struct Regex {
    steps: Vec<Step>,
    sets: Vec<Set>,
    registers: usize,
    /// Registers are only kept where something reads them.
    has_references: bool,
    has_lookahead: bool,
}

impl Regex {
    /// Compiles `text`.
    pub fn new(text: &[u8]) -> Result<Regex, Refused> {
        let mut parser = Parser { text, at: 0, depth: 0, groups: 1, open: Vec::new(), has_references: false };
        let node = parser.choice()?;
        if parser.at < text.len() {
            return Err(Refused);
        }
        let mut emitter =
            Emitter { steps: Vec::new(), sets: Vec::new(), registers: 2 * parser.groups, emitted: 0 };
        emitter.node(&node)?;
        emitter.steps.push(Step::Accept);
        let Emitter { steps, sets, registers, .. } = emitter;
        let has_lookahead = steps.iter().any(|it| matches!(it, Step::Look { .. }));
        Ok(Regex { steps, sets, registers, has_references: parser.has_references, has_lookahead })
    }

    /// How large it is.
    pub fn size(&self) -> usize {
        self.steps.len()
    }

    /// Whether it matches somewhere in `text`.
    pub fn is_match(&self, text: &[u8], budget: &mut u64) -> Result<bool, Stop> {
        if self.has_references {
            for start in 0..=text.len() {
                let mut registers = vec![usize::MAX; self.registers];
                let view = View { text, begin: 0, is_inside: start > 0 };
                if self.backtrack(view, 0, start, &mut registers, budget)? {
                    return Ok(true);
                }
            }
            return Ok(false);
        }
        let whole = View { text, begin: 0, is_inside: false };
        if !self.has_lookahead {
            return self.run(whole, 0, 0, false, budget);
        }
        Ok(self.run(whole, 0, 0, true, budget)?
            || !text.is_empty() && self.run(View { is_inside: true, ..whole }, 0, 1, false, budget)?)
    }

    /// All threads from `first` at once, from position `start` on; `begin` is where the text begins.
    fn run(
        &self,
        view: View<'_>,
        first: usize,
        start: usize,
        is_anchored: bool,
        budget: &mut u64,
    ) -> Result<bool, Stop> {
        let text = view.text;
        let mut now = Threads::new(self.steps.len());
        let mut next = Threads::new(self.steps.len());
        let mut at = start;
        loop {
            if !is_anchored || at == start {
                now.waiting.push(first);
            }
            while let Some(step) = now.waiting.pop() {
                if now.seen[step] {
                    continue;
                }
                now.seen[step] = true;
                now.listed.push(step);
                spend(budget, 1)?;
                match self.steps[step] {
                    Step::Set(_) => {}
                    Step::Split(one, other) => now.waiting.extend([other, one]),
                    Step::Jump(to) => now.waiting.push(to),
                    Step::Accept => return Ok(true),
                    Step::Look { behind, negated } => {
                        if self.run(View { begin: at, ..view }, step + 1, at, true, budget)? != negated {
                            now.waiting.push(behind);
                        }
                    }
                    assertion => {
                        if view.holds(assertion, at) {
                            now.waiting.push(step + 1);
                        }
                    }
                }
            }
            let Some(&byte) = text.get(at) else { return Ok(false) };
            for &step in &now.listed {
                if let Step::Set(set) = self.steps[step]
                    && self.sets[set][usize::from(byte)]
                {
                    next.waiting.push(step + 1);
                }
            }
            now.clear();
            std::mem::swap(&mut now, &mut next);
            if is_anchored && now.waiting.is_empty() {
                return Ok(false);
            }
            at += 1;
        }
    }

    /// One thread after the other, with registers.
    fn backtrack(
        &self,
        view: View<'_>,
        first: usize,
        start: usize,
        registers: &mut [usize],
        budget: &mut u64,
    ) -> Result<bool, Stop> {
        enum Other {
            Thread(usize, usize),
            Restore(usize, usize),
        }
        let text = view.text;
        let mut others = Vec::new();
        let (mut step, mut at) = (first, start);
        loop {
            spend(budget, 1)?;
            let goes_on = match self.steps[step] {
                Step::Set(set) => match text.get(at) {
                    Some(&byte) if self.sets[set][usize::from(byte)] => {
                        at += 1;
                        step += 1;
                        true
                    }
                    _ => false,
                },
                Step::Split(one, other) => {
                    others.push(Other::Thread(other, at));
                    step = one;
                    true
                }
                Step::Jump(to) => {
                    step = to;
                    true
                }
                Step::Note(register) => {
                    others.push(Other::Restore(register, registers[register]));
                    registers[register] = at;
                    step += 1;
                    true
                }
                Step::LeaveIfEmpty(register, to) => {
                    step = if registers[register] == at { to } else { step + 1 };
                    true
                }
                Step::Look { behind, negated } => {
                    let mut inner = registers.to_vec();
                    spend(budget, registers.len() as u64)?;
                    let matches =
                        self.backtrack(View { begin: at, ..view }, step + 1, at, &mut inner, budget)?;
                    if matches && !negated {
                        for (register, &value) in inner.iter().enumerate() {
                            if registers[register] != value {
                                others.push(Other::Restore(register, registers[register]));
                                registers[register] = value;
                            }
                        }
                    }
                    step = behind;
                    matches != negated
                }
                Step::BackReference(group) => {
                    let (from, to) = (registers[2 * group], registers[2 * group + 1]);
                    let part = text.get(from..to);
                    let fits = part.is_some_and(|it| text[at..].starts_with(it));
                    spend(budget, part.map_or(0, |it| it.len() as u64 / 8))?;
                    if fits {
                        at += to - from;
                        step += 1;
                    }
                    fits
                }
                Step::Accept => return Ok(true),
                assertion => {
                    step += 1;
                    view.holds(assertion, at)
                }
            };
            if goes_on {
                continue;
            }
            loop {
                match others.pop() {
                    None => return Ok(false),
                    Some(Other::Restore(register, value)) => registers[register] = value,
                    Some(Other::Thread(other, position)) => {
                        (step, at) = (other, position);
                        break;
                    }
                }
            }
        }
    }
}

/// Steps that are to be taken at one position.
struct Threads {
    waiting: Vec<usize>,
    listed: Vec<usize>,
    seen: Vec<bool>,
}

impl Threads {
    fn new(len: usize) -> Threads {
        Threads { waiting: Vec::new(), listed: Vec::new(), seen: vec![false; len] }
    }

    fn clear(&mut self) {
        for step in self.listed.drain(..) {
            self.seen[step] = false;
        }
    }
}

/// The text as libstdc++ looks at it.
#[derive(Clone, Copy)]
struct View<'t> {
    text: &'t [u8],
    /// Where it begins: a lookahead takes its own start for it.
    begin: usize,
    /// The search goes on behind the text's first byte. From then on libstdc++ knows that there is something in front
    /// of a beginning, in lookaheads too.
    is_inside: bool,
}

impl View<'_> {
    /// Whether a step that consumes nothing holds; registers are not its business.
    fn holds(self, step: Step, at: usize) -> bool {
        match step {
            Step::TextStart => at == self.begin && !self.is_inside,
            Step::TextEnd => at == self.text.len(),
            Step::WordBoundary { negated } => {
                let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
                let has_left = at > 0 && (at != self.begin || self.is_inside);
                let left = has_left && is_word(self.text[at - 1]);
                let right = self.text.get(at).is_some_and(|&it| is_word(it));
                (left != right) != negated
            }
            _ => true,
        }
    }
}

struct Emitter {
    steps: Vec<Step>,
    sets: Vec<Set>,
    registers: usize,
    emitted: usize,
}

impl Emitter {
    fn push(&mut self, step: Step) -> Result<usize, Refused> {
        if self.steps.len() >= MAX_STATES {
            return Err(Refused);
        }
        self.steps.push(step);
        Ok(self.steps.len() - 1)
    }

    fn node(&mut self, node: &Node) -> Result<(), Refused> {
        // Repetitions of nothing make no steps.
        self.emitted += 1;
        if self.emitted > MAX_STATES {
            return Err(Refused);
        }
        match node {
            Node::Set(set) => {
                let number = match self.sets.iter().rposition(|it| it == &**set) {
                    Some(number) => number,
                    None => {
                        self.sets.push(**set);
                        self.sets.len() - 1
                    }
                };
                self.push(Step::Set(number))?;
            }
            Node::TextStart => {
                self.push(Step::TextStart)?;
            }
            Node::TextEnd => {
                self.push(Step::TextEnd)?;
            }
            Node::WordBoundary { negated } => {
                self.push(Step::WordBoundary { negated: *negated })?;
            }
            Node::Look { inner, negated } => {
                let look = self.push(Step::Accept)?;
                self.node(inner)?;
                self.push(Step::Accept)?;
                self.steps[look] = Step::Look { behind: self.steps.len(), negated: *negated };
            }
            Node::BackReference(group) => {
                self.push(Step::BackReference(*group))?;
            }
            Node::Group(number, inner) => {
                self.push(Step::Note(2 * number))?;
                self.node(inner)?;
                self.push(Step::Note(2 * number + 1))?;
            }
            Node::Sequence(nodes) => {
                for node in nodes {
                    self.node(node)?;
                }
            }
            Node::Choice(nodes) => {
                let mut ends = Vec::new();
                for (n, node) in nodes.iter().enumerate() {
                    if n + 1 == nodes.len() {
                        self.node(node)?;
                        break;
                    }
                    let split = self.push(Step::Accept)?;
                    self.node(node)?;
                    ends.push(self.push(Step::Accept)?);
                    self.steps[split] = Step::Split(split + 1, self.steps.len());
                }
                for end in ends {
                    self.steps[end] = Step::Jump(self.steps.len());
                }
            }
            Node::Repeat { inner, min, max } => {
                for _ in 0..*min {
                    self.node(inner)?;
                }
                match max {
                    None => {
                        let register = self.registers;
                        self.registers += 1;
                        let split = self.push(Step::Accept)?;
                        self.push(Step::Note(register))?;
                        self.node(inner)?;
                        let leave = self.push(Step::Accept)?;
                        self.push(Step::Jump(split))?;
                        let behind = self.steps.len();
                        self.steps[leave] = Step::LeaveIfEmpty(register, behind);
                        self.steps[split] = Step::Split(split + 1, behind);
                    }
                    Some(max) => {
                        let mut splits = Vec::new();
                        for _ in *min..*max {
                            splits.push(self.push(Step::Accept)?);
                            self.node(inner)?;
                        }
                        for split in splits {
                            self.steps[split] = Step::Split(split + 1, self.steps.len());
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

struct Parser<'t> {
    text: &'t [u8],
    at: usize,
    depth: usize,
    /// Groups begun, the whole expression being the first.
    groups: usize,
    /// Groups not closed yet.
    open: Vec<usize>,
    has_references: bool,
}

/// One thing in a bracket expression.
enum Item {
    Byte(u8),
    Class(Box<Set>),
    Dash,
    End,
}

impl Parser<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let is_there = self.peek() == Some(byte);
        self.at += usize::from(is_there);
        is_there
    }

    fn next(&mut self) -> Result<u8, Refused> {
        let byte = self.peek().ok_or(Refused)?;
        self.at += 1;
        Ok(byte)
    }

    fn choice(&mut self) -> Result<Node, Refused> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Refused);
        }
        let mut choices = vec![self.sequence()?];
        while self.take(b'|') {
            choices.push(self.sequence()?);
        }
        self.depth -= 1;
        Ok(if choices.len() == 1 { choices.remove(0) } else { Node::Choice(choices) })
    }

    fn sequence(&mut self) -> Result<Node, Refused> {
        let mut nodes = Vec::new();
        while let Some(node) = self.term()? {
            nodes.push(node);
        }
        Ok(Node::Sequence(nodes))
    }

    fn term(&mut self) -> Result<Option<Node>, Refused> {
        let Some(byte) = self.peek() else { return Ok(None) };
        let atom = match byte {
            b'|' | b')' | b'*' | b'+' | b'?' | b'{' => return Ok(None),
            b'^' => {
                self.at += 1;
                return Ok(Some(Node::TextStart));
            }
            b'$' => {
                self.at += 1;
                return Ok(Some(Node::TextEnd));
            }
            b'(' => {
                self.at += 1;
                match self.group()? {
                    look @ Node::Look { .. } => return Ok(Some(look)),
                    group => group,
                }
            }
            b'.' => {
                self.at += 1;
                Node::Set(set(|it| it != b'\n' && it != b'\r'))
            }
            b'[' => {
                self.at += 1;
                Node::Set(self.bracket()?)
            }
            b'\\' => {
                self.at += 1;
                match self.escape()? {
                    boundary @ Node::WordBoundary { .. } => return Ok(Some(boundary)),
                    atom => atom,
                }
            }
            byte => {
                self.at += 1;
                Node::Set(set(|it| it == byte))
            }
        };
        self.quantifiers(atom).map(Some)
    }

    fn quantifiers(&mut self, atom: Node) -> Result<Node, Refused> {
        let mut node = atom;
        for _ in 0..MAX_DEPTH {
            let byte = self.peek();
            if !matches!(byte, Some(b'*' | b'+' | b'?' | b'{')) {
                return Ok(node);
            }
            self.at += 1;
            let (min, max) = match byte {
                Some(b'*') => (0, None),
                Some(b'+') => (1, None),
                Some(b'?') => (0, Some(1)),
                _ => self.interval()?,
            };
            // Reluctance changes which match is found first, not whether there is one.
            self.take(b'?');
            node = Node::Repeat { inner: Box::new(node), min, max };
        }
        Err(Refused)
    }

    /// The bounds of `{...}`, behind its brace.
    fn interval(&mut self) -> Result<(usize, Option<usize>), Refused> {
        let min = self.count().ok_or(Refused)?;
        let max = if self.take(b',') { self.count() } else { Some(min) };
        if !self.take(b'}') || max.is_some_and(|it| it < min) {
            return Err(Refused);
        }
        Ok((min, max))
    }

    fn count(&mut self) -> Option<usize> {
        let start = self.at;
        let mut number = 0usize;
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            number = number.saturating_mul(10).saturating_add(usize::from(digit - b'0'));
            self.at += 1;
        }
        (self.at > start).then_some(number)
    }

    /// What stands behind `(`.
    fn group(&mut self) -> Result<Node, Refused> {
        if !self.take(b'?') {
            let number = self.groups;
            self.groups += 1;
            self.open.push(number);
            let inner = self.inside()?;
            self.open.pop();
            return Ok(Node::Group(number, Box::new(inner)));
        }
        match self.next()? {
            // One node, so that a quantifier behind it means all of it.
            b':' => Ok(Node::Sequence(vec![self.inside()?])),
            b'=' => Ok(Node::Look { inner: Box::new(self.inside()?), negated: false }),
            b'!' => Ok(Node::Look { inner: Box::new(self.inside()?), negated: true }),
            _ => Err(Refused),
        }
    }

    fn inside(&mut self) -> Result<Node, Refused> {
        let res = self.choice()?;
        if self.take(b')') { Ok(res) } else { Err(Refused) }
    }

    /// What stands behind a backslash outside brackets.
    fn escape(&mut self) -> Result<Node, Refused> {
        let byte = self.next()?;
        Ok(match byte {
            b'b' => Node::WordBoundary { negated: false },
            b'B' => Node::WordBoundary { negated: true },
            b'1'..=b'9' => {
                self.at -= 1;
                let group = self.count().ok_or(Refused)?;
                if group >= self.groups || self.open.contains(&group) {
                    return Err(Refused);
                }
                self.has_references = true;
                Node::BackReference(group)
            }
            byte => match class(byte) {
                Some(class) => Node::Set(class),
                None => {
                    let byte = self.escaped_byte(byte)?;
                    Node::Set(set(|it| it == byte))
                }
            },
        })
    }

    /// The byte that an escape beginning with `byte` stands for.
    fn escaped_byte(&mut self, byte: u8) -> Result<u8, Refused> {
        Ok(match byte {
            b'0' => 0,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'v' => 11,
            b'c' => self.next()?,
            b'x' | b'u' => {
                let mut code = 0;
                for _ in 0..if byte == b'x' { 2 } else { 4 } {
                    code = code << 4 | char::from(self.next()?).to_digit(16).ok_or(Refused)?;
                }
                code as u8
            }
            byte => byte,
        })
    }

    /// A bracket expression, behind its bracket.
    fn bracket(&mut self) -> Result<Box<Set>, Refused> {
        /// What came last, which a dash may make the start of a range.
        #[derive(PartialEq)]
        enum Last {
            Nothing,
            Byte(u8),
            Class,
        }
        let negated = self.take(b'^');
        let mut res = set(|_| false);
        let mut last = Last::Nothing;
        let mut is_first = true;
        loop {
            let item = match self.item()? {
                // A dash that comes first, or where no range can begin or go on, is plain.
                Item::Dash if is_first => Item::Byte(b'-'),
                item => item,
            };
            is_first = false;
            match item {
                Item::End => break,
                Item::Byte(byte) => {
                    if let Last::Byte(before) = last {
                        res[usize::from(before)] = true;
                    }
                    last = Last::Byte(byte);
                }
                Item::Class(class) => {
                    if let Last::Byte(before) = last {
                        res[usize::from(before)] = true;
                    }
                    res.iter_mut().zip(class.iter()).for_each(|(to, &it)| *to |= it);
                    last = Last::Class;
                }
                Item::Dash => {
                    let before = self.at;
                    match (self.item()?, &last) {
                        (Item::End, _) => {
                            res[usize::from(b'-')] = true;
                            break;
                        }
                        (_, Last::Class) => return Err(Refused),
                        (item, &Last::Byte(from)) => {
                            let to = match item {
                                Item::Byte(byte) => byte,
                                Item::Dash => b'-',
                                _ => return Err(Refused),
                            };
                            let (from, to) = (from as i8, to as i8);
                            if from > to {
                                return Err(Refused);
                            }
                            (from..=to).for_each(|it| res[usize::from(it as u8)] = true);
                            last = Last::Nothing;
                        }
                        (_, Last::Nothing) => {
                            self.at = before;
                            last = Last::Byte(b'-');
                        }
                    }
                }
            }
        }
        if let Last::Byte(byte) = last {
            res[usize::from(byte)] = true;
        }
        if negated {
            res.iter_mut().for_each(|it| *it = !*it);
        }
        Ok(res)
    }

    fn item(&mut self) -> Result<Item, Refused> {
        let byte = self.next()?;
        match byte {
            b']' => Ok(Item::End),
            b'-' => Ok(Item::Dash),
            b'[' => match self.peek() {
                Some(kind @ (b'.' | b':' | b'=')) => {
                    self.at += 1;
                    self.named(kind)
                }
                Some(_) => Ok(Item::Byte(b'[')),
                None => Err(Refused),
            },
            b'\\' => match self.next()? {
                b'b' => Ok(Item::Byte(8)),
                b'B' | b'1'..=b'9' => Err(Refused),
                byte => match class(byte) {
                    Some(class) => Ok(Item::Class(class)),
                    None => self.escaped_byte(byte).map(Item::Byte),
                },
            },
            byte => Ok(Item::Byte(byte)),
        }
    }

    /// `[:name:]` and the like.
    fn named(&mut self, kind: u8) -> Result<Item, Refused> {
        let rest = &self.text[self.at..];
        let len = rest.iter().position(|&it| it == kind).ok_or(Refused)?;
        if rest.get(len + 1) != Some(&b']') {
            return Err(Refused);
        }
        let name = rest[..len].to_ascii_lowercase();
        self.at += len + 2;
        if kind == b':' {
            let is_in: fn(u8) -> bool = match &name[..] {
                b"d" | b"digit" => |it| it.is_ascii_digit(),
                b"w" => |it| it.is_ascii_alphanumeric() || it == b'_',
                b"s" | b"space" => is_space,
                b"alnum" => |it| it.is_ascii_alphanumeric(),
                b"alpha" => |it| it.is_ascii_alphabetic(),
                b"blank" => |it| it == b' ' || it == b'\t',
                b"cntrl" => |it| it.is_ascii_control(),
                b"graph" => |it| it.is_ascii_graphic(),
                b"lower" => |it| it.is_ascii_lowercase(),
                b"print" => |it| it.is_ascii_graphic() || it == b' ',
                b"punct" => |it| it.is_ascii_punctuation(),
                b"upper" => |it| it.is_ascii_uppercase(),
                b"xdigit" => |it| it.is_ascii_hexdigit(),
                _ => return Err(Refused),
            };
            return Ok(Item::Class(set(is_in)));
        }
        // Of the names of characters only letters are known here.
        let [letter] = rest[..len] else { return Err(Refused) };
        if !letter.is_ascii_alphabetic() {
            return Err(Refused);
        }
        Ok(if kind == b'.' {
            Item::Byte(letter)
        } else {
            Item::Class(set(|it| it.eq_ignore_ascii_case(&letter)))
        })
    }
}

fn set(is_in: impl Fn(u8) -> bool) -> Box<Set> {
    Box::new(std::array::from_fn(|it| is_in(it as u8)))
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | 9..=13)
}

/// The class behind `\d` and its like.
fn class(letter: u8) -> Option<Box<Set>> {
    let is_in: fn(u8) -> bool = match letter.to_ascii_lowercase() {
        b'd' => |it| it.is_ascii_digit(),
        b's' => is_space,
        b'w' => |it| it.is_ascii_alphanumeric() || it == b'_',
        _ => return None,
    };
    let negated = letter.is_ascii_uppercase();
    Some(set(|it| is_in(it) != negated))
}

#[cfg(test)]
mod tests {
    use super::Regex;

    fn matches(pattern: &str, text: &str, mut budget: u64) -> Option<bool> {
        Regex::new(pattern.as_bytes()).unwrap().is_match(text.as_bytes(), &mut budget).ok()
    }

    #[test]
    fn nested_repetitions_are_linear() {
        let text = "a".repeat(1000);
        assert_eq!(matches("((a*)*)*b", &text, 100_000), Some(false));
        assert_eq!(matches("^(a|a)*$", &text, 100_000), Some(true));
    }

    #[test]
    fn back_references_end_at_the_budget() {
        assert_eq!(matches("(a*)*(a*)*\\1b", &"a".repeat(50), 1_000_000), None);
        assert_eq!(matches("^(a+)b\\1$", "aabaa", 1000), Some(true));
    }

    #[test]
    fn what_grows_without_bound_is_refused() {
        assert!(Regex::new(b"((a{999}){999}){999}").is_err());
        assert!(Regex::new(b"((){99999}){99999}").is_err());
        assert!(Regex::new(&b"(".repeat(100_000)).is_err());
        assert!(Regex::new(&[&b"a"[..], &b"*".repeat(100_000)].concat()).is_err());
    }
}
