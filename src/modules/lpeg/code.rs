//! From trees to code for the [`super::machine`].
//!
//! Code is an array of words. An instruction is one word: operation, a byte, a key; behind it stand, where the operation
//! has them, a target (an index into the code) and a set of bytes (eight words).
//!
//! Two things are production's because scripts can tell: which choices leave an entry on the backtrack stack, which
//! has a limit, and which match-time functions run. So a test of the next byte stands in for a choice where, and only
//! where, production has one:
//!
//! * where the first alternative can fail at its first byte only, or begins with other bytes than the second one;
//! * likewise for a repetition and what follows it;
//! * where an optional pattern ends another, it shares that one's entry;
//! * predicates of a fixed length step back instead of restoring; a call before a return is a jump.

use super::{
    analysis::{Analysis, Answer, First},
    set::{Set, Shape},
    tree::{CaptureKind, Kind},
};

/// What an instruction does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Operation {
    /// Consumes any byte.
    Any,
    /// Consumes the byte given.
    Char,
    /// Consumes a byte of the set.
    Set,
    /// Goes to the target at the end of the subject.
    TestAny,
    /// Goes to the target unless the byte given comes next.
    TestChar,
    /// Goes to the target unless a byte of the set comes next.
    TestSet,
    /// Consumes bytes of the set, as many as there are.
    Span,
    /// The same for a set of all bytes but the one given.
    SpanUntil,
    /// Steps back the number of bytes given.
    Behind,
    /// Returns from a rule.
    Return,
    /// The match is complete.
    End,
    /// Makes an entry: a failure goes on at the target.
    Choice,
    /// Goes to the target.
    Jump,
    /// Calls the rule at the target.
    Call,
    /// Drops the entry on top and goes to the target.
    Commit,
    /// Brings the entry on top up to date and goes to the target.
    PartialCommit,
    /// Goes back to where the entry on top was made, drops it, and goes to the target.
    BackCommit,
    /// Drops the entry on top and fails.
    FailTwice,
    /// Fails.
    Fail,
    /// Makes a capture of the last bytes, as many as given.
    FullCapture,
    /// Begins a capture.
    OpenCapture,
    /// Ends a capture.
    CloseCapture,
    /// Ends a match-time capture: calls its function.
    CloseRunTime,
    /// Calls a rule of which only the number is known; never in finished code.
    OpenCall,
}

impl Operation {
    /// All of them, by number.
    pub const ALL: [Operation; 24] = [
        Operation::Any,
        Operation::Char,
        Operation::Set,
        Operation::TestAny,
        Operation::TestChar,
        Operation::TestSet,
        Operation::Span,
        Operation::SpanUntil,
        Operation::Behind,
        Operation::Return,
        Operation::End,
        Operation::Choice,
        Operation::Jump,
        Operation::Call,
        Operation::Commit,
        Operation::PartialCommit,
        Operation::BackCommit,
        Operation::FailTwice,
        Operation::Fail,
        Operation::FullCapture,
        Operation::OpenCapture,
        Operation::CloseCapture,
        Operation::CloseRunTime,
        Operation::OpenCall,
    ];

    /// Whether a target follows.
    pub const fn has_target(self) -> bool {
        matches!(
            self,
            Operation::TestAny
                | Operation::TestChar
                | Operation::TestSet
                | Operation::Choice
                | Operation::Jump
                | Operation::Call
                | Operation::OpenCall
                | Operation::Commit
                | Operation::PartialCommit
                | Operation::BackCommit
        )
    }

    /// Whether a set follows.
    pub const fn has_set(self) -> bool {
        matches!(self, Operation::Set | Operation::TestSet | Operation::Span | Operation::SpanUntil)
    }

    /// Words it takes.
    pub const fn words(self) -> usize {
        1 + self.has_target() as usize + if self.has_set() { SET_WORDS } else { 0 }
    }
}

/// Words of a set.
pub const SET_WORDS: usize = 8;
/// The longest capture that is made in one step.
const MAX_FULL_CAPTURE: i32 = 15;
/// The most bytes a pattern looks behind.
pub const MAX_BEHIND: i32 = 255;
/// Rules a grammar can have.
pub const MAX_RULES: usize = 250;

/// An instruction's first word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instruction(pub u32);

impl Instruction {
    fn new(operation: Operation, byte: u8) -> Instruction {
        Instruction(operation as u32 | u32::from(byte) << 8)
    }

    fn capture(operation: Operation, kind: CaptureKind, len: u8, key: u16) -> Instruction {
        Instruction(operation as u32 | u32::from(kind as u8 | len << 4) << 8 | u32::from(key) << 16)
    }

    /// What it does.
    #[inline]
    pub fn operation(self) -> Operation {
        Operation::ALL[usize::from(self.0 as u8)]
    }

    /// Its byte: one to match, or a number.
    #[inline]
    pub fn byte(self) -> u8 {
        (self.0 >> 8) as u8
    }

    /// Of what kind its capture is.
    #[inline]
    pub fn capture_kind(self) -> u8 {
        self.byte() & 15
    }

    /// The length of its capture.
    #[inline]
    pub fn capture_len(self) -> u8 {
        self.byte() >> 4
    }

    /// Its key: a value of the pattern, or a number.
    #[inline]
    pub fn key(self) -> u16 {
        (self.0 >> 16) as u16
    }
}

/// A test that stands in front of what is being compiled, by its place in the code.
type Test = Option<usize>;

/// What the code of a subtree may rely on.
#[derive(Clone, Copy)]
struct Setting {
    /// It is the last part of an optional pattern whose entry is on top of the stack.
    is_optional_end: bool,
    /// This test has been passed, and nothing consumed since.
    test: Test,
    /// What begins behind it.
    follow: Set,
}

impl Setting {
    const PLAIN: Setting = Setting { is_optional_end: false, test: None, follow: Set::FULL };

    fn after_test(test: Test) -> Setting {
        Setting { test, ..Setting::PLAIN }
    }
}

/// Compiles the tree that `analysis` looks at.
pub fn compile(analysis: Analysis<'_, '_>) -> Answer<Vec<u32>> {
    let mut compiler = Compiler { analysis, code: Vec::new() };
    compiler.subtree(0, Setting::PLAIN)?;
    compiler.emit(Operation::End, 0);
    compiler.shorten_jumps();
    Ok(compiler.code)
}

struct Compiler<'t, 'b> {
    analysis: Analysis<'t, 'b>,
    code: Vec<u32>,
}

impl Compiler<'_, '_> {
    // ── writing ──

    fn here(&self) -> usize {
        self.code.len()
    }

    fn emit(&mut self, operation: Operation, byte: u8) -> usize {
        let at = self.here();
        self.code.push(Instruction::new(operation, byte).0);
        if operation.has_target() {
            self.code.push(0);
        }
        at
    }

    fn emit_with_set(&mut self, operation: Operation, byte: u8, set: Set) -> usize {
        let at = self.emit(operation, byte);
        self.code.extend(set.words().iter().flat_map(|it| [*it as u32, (it >> 32) as u32]));
        at
    }

    fn emit_capture(&mut self, operation: Operation, kind: CaptureKind, len: u8, key: u16) {
        self.code.push(Instruction::capture(operation, kind, len, key).0);
    }

    fn instruction(&self, at: usize) -> Instruction {
        Instruction(self.code[at])
    }

    fn operation(&self, at: usize) -> Operation {
        self.instruction(at).operation()
    }

    fn target(&self, at: usize) -> usize {
        self.code[at + 1] as usize
    }

    fn set_target(&mut self, at: usize, target: usize) {
        self.code[at + 1] = target as u32;
    }

    fn lead_here(&mut self, at: Option<usize>) {
        if let Some(at) = at {
            self.set_target(at, self.here());
        }
    }

    fn set_at(&self, at: usize) -> Set {
        let words = &self.code[at..at + SET_WORDS];
        Set::from_words(std::array::from_fn(|it| {
            u64::from(words[2 * it]) | u64::from(words[2 * it + 1]) << 32
        }))
    }

    // ── one subtree ──

    fn subtree(&mut self, mut at: usize, mut setting: Setting) -> Answer<()> {
        self.analysis.enter()?;
        loop {
            self.analysis.step()?;
            let node = self.analysis.tree.get(at);
            match node.kind() {
                Kind::Char => self.char(node.link as u8, setting.test),
                Kind::Any => {
                    self.emit(Operation::Any, 0);
                }
                Kind::Set => self.set(self.analysis.tree.byte_set(at).unwrap_or(Set::EMPTY), setting.test),
                Kind::True => {}
                // Open calls are closed or refused before.
                Kind::False | Kind::OpenCall | Kind::Rule => {
                    self.emit(Operation::Fail, 0);
                }
                Kind::Choice => self.choice(at, setting)?,
                Kind::Repeat => self.repeat(at + 1, setting)?,
                Kind::Behind => {
                    if node.link > 0 {
                        self.emit(Operation::Behind, node.link as u8);
                    }
                    self.subtree(at + 1, Setting::PLAIN)?;
                }
                Kind::Not => self.not(at + 1)?,
                Kind::And => self.and(at + 1, setting.test)?,
                Kind::Capture => self.capture(at, setting)?,
                Kind::RunTime => {
                    self.emit_capture(Operation::OpenCapture, CaptureKind::Group, 0, node.key);
                    self.subtree(at + 1, Setting::after_test(setting.test))?;
                    self.emit_capture(Operation::CloseRunTime, CaptureKind::Close, 0, 0);
                }
                Kind::Grammar => self.grammar(at)?,
                Kind::Call => {
                    let rule = self.analysis.tree.get(self.analysis.tree.second(at));
                    self.emit(Operation::OpenCall, rule.detail);
                }
                Kind::Sequence => {
                    let second = self.analysis.tree.second(at);
                    let follow = if self.analysis.needs_follow(at + 1)? {
                        self.analysis.first(second, setting.follow)?.set
                    } else {
                        Set::FULL
                    };
                    self.subtree(at + 1, Setting { is_optional_end: false, follow, ..setting })?;
                    if self.analysis.fixed_len(at + 1)? != Some(0) {
                        setting.test = None;
                    }
                    at = second;
                    continue;
                }
            }
            return Ok(());
        }
    }

    fn char(&mut self, byte: u8, test: Test) {
        let is_tested =
            test.is_some_and(|it| self.instruction(it) == Instruction::new(Operation::TestChar, byte));
        if is_tested {
            self.emit(Operation::Any, 0);
        } else {
            self.emit(Operation::Char, byte);
        }
    }

    fn set(&mut self, set: Set, test: Test) {
        match set.shape() {
            Shape::Single(byte) => self.char(byte, test),
            Shape::Empty => {
                self.emit(Operation::Fail, 0);
            }
            Shape::Full => {
                self.emit(Operation::Any, 0);
            }
            Shape::Mixed => {
                let is_tested = test
                    .is_some_and(|it| self.operation(it) == Operation::TestSet && self.set_at(it + 2) == set);
                if is_tested {
                    self.emit(Operation::Any, 0);
                } else {
                    self.emit_with_set(Operation::Set, 0, set);
                }
            }
        }
    }

    /// A test for a byte of `set`.
    fn test(&mut self, set: Set) -> usize {
        match set.shape() {
            Shape::Empty => self.emit(Operation::Jump, 0),
            Shape::Full => self.emit(Operation::TestAny, 0),
            Shape::Single(byte) => self.emit(Operation::TestChar, byte),
            Shape::Mixed => self.emit_with_set(Operation::TestSet, 0, set),
        }
    }

    /// A test for how a match begins, if that can be tested.
    fn test_first(&mut self, first: First) -> Test {
        first.is_decisive().then(|| self.test(first.set))
    }

    fn choice(&mut self, at: usize, setting: Setting) -> Answer<()> {
        let (one, two) = (at + 1, self.analysis.tree.second(at));
        let is_optional = self.analysis.tree.get(two).kind() == Kind::True;
        let first = self.analysis.first(one, Set::FULL)?;
        let last = Setting { test: None, ..setting };
        let decides = self.analysis.fails_at_head(one)?
            || first.is_decisive() && {
                let other = self.analysis.first(two, setting.follow)?;
                first.set.is_disjoint(other.set)
            };
        if decides {
            let test = self.test(first.set);
            self.subtree(one, Setting { is_optional_end: false, test: Some(test), follow: setting.follow })?;
            let jump = (!is_optional).then(|| self.emit(Operation::Jump, 0));
            self.lead_here(Some(test));
            self.subtree(two, last)?;
            self.lead_here(jump);
        } else if setting.is_optional_end && is_optional {
            let commit = self.emit(Operation::PartialCommit, 0);
            self.lead_here(Some(commit));
            self.subtree(one, Setting { is_optional_end: true, ..Setting::PLAIN })?;
        } else {
            let test = self.test_first(first);
            let choice = self.emit(Operation::Choice, 0);
            self.subtree(one, Setting { is_optional_end: is_optional, test, follow: Set::FULL })?;
            let commit = self.emit(Operation::Commit, 0);
            self.lead_here(Some(choice));
            self.lead_here(test);
            self.subtree(two, last)?;
            self.lead_here(Some(commit));
        }
        Ok(())
    }

    fn repeat(&mut self, body: usize, setting: Setting) -> Answer<()> {
        if let Some(set) = self.analysis.tree.byte_set(body) {
            // Production has no such instruction; with a set behind it, it takes the same memory.
            match set.complement().shape() {
                Shape::Single(byte) => self.emit_with_set(Operation::SpanUntil, byte, set),
                _ => self.emit_with_set(Operation::Span, 0, set),
            };
            return Ok(());
        }
        let first = self.analysis.first(body, Set::FULL)?;
        let decides = self.analysis.fails_at_head(body)?
            || first.is_decisive() && first.set.is_disjoint(setting.follow);
        if decides {
            let test = self.test(first.set);
            self.subtree(body, Setting::after_test(Some(test)))?;
            let jump = self.emit(Operation::Jump, 0);
            self.lead_here(Some(test));
            self.set_target(jump, test);
        } else {
            let test = self.test_first(first);
            let choice = if setting.is_optional_end {
                let commit = self.emit(Operation::PartialCommit, 0);
                self.lead_here(Some(commit));
                None
            } else {
                Some(self.emit(Operation::Choice, 0))
            };
            let start = self.here();
            self.subtree(body, Setting::PLAIN)?;
            let commit = self.emit(Operation::PartialCommit, 0);
            self.set_target(commit, start);
            self.lead_here(choice);
            self.lead_here(test);
        }
        Ok(())
    }

    fn not(&mut self, body: usize) -> Answer<()> {
        let first = self.analysis.first(body, Set::FULL)?;
        let test = self.test_first(first);
        if self.analysis.fails_at_head(body)? {
            self.emit(Operation::Fail, 0);
        } else {
            let choice = self.emit(Operation::Choice, 0);
            self.subtree(body, Setting::PLAIN)?;
            self.emit(Operation::FailTwice, 0);
            self.lead_here(Some(choice));
        }
        self.lead_here(test);
        Ok(())
    }

    fn and(&mut self, body: usize, test: Test) -> Answer<()> {
        let len = self.analysis.fixed_len(body)?.filter(|it| *it <= MAX_BEHIND);
        match len {
            Some(len) if !self.analysis.has_captures(body)? => {
                self.subtree(body, Setting::after_test(test))?;
                if len > 0 {
                    self.emit(Operation::Behind, len as u8);
                }
            }
            _ => {
                let choice = self.emit(Operation::Choice, 0);
                self.subtree(body, Setting::after_test(test))?;
                let commit = self.emit(Operation::BackCommit, 0);
                self.lead_here(Some(choice));
                self.emit(Operation::Fail, 0);
                self.lead_here(Some(commit));
            }
        }
        Ok(())
    }

    fn capture(&mut self, at: usize, setting: Setting) -> Answer<()> {
        let node = self.analysis.tree.get(at);
        let inner = Setting { is_optional_end: false, ..setting };
        let len = self.analysis.fixed_len(at + 1)?.filter(|it| *it <= MAX_FULL_CAPTURE);
        match len {
            Some(len) if !self.analysis.has_captures(at + 1)? => {
                self.subtree(at + 1, inner)?;
                self.emit_capture(Operation::FullCapture, node.capture_kind(), len as u8, node.key);
            }
            _ => {
                self.emit_capture(Operation::OpenCapture, node.capture_kind(), 0, node.key);
                self.subtree(at + 1, inner)?;
                self.emit_capture(Operation::CloseCapture, CaptureKind::Close, 0, 0);
            }
        }
        Ok(())
    }

    fn grammar(&mut self, at: usize) -> Answer<()> {
        let first_call = self.emit(Operation::Call, 0);
        let to_end = self.emit(Operation::Jump, 0);
        let start = self.here();
        self.lead_here(Some(first_call));
        let mut places = Vec::new();
        let mut rule = at + 1;
        while self.analysis.tree.get(rule).kind() == Kind::Rule {
            places.push(self.here());
            self.subtree(rule + 1, Setting::PLAIN)?;
            self.emit(Operation::Return, 0);
            rule = self.analysis.tree.second(rule);
        }
        self.lead_here(Some(to_end));
        self.close_calls(start, &places);
        Ok(())
    }

    /// Leads the calls from `start` on to their rules; those in front of a return need none of their own.
    fn close_calls(&mut self, start: usize, places: &[usize]) {
        let mut at = start;
        while at < self.here() {
            let instruction = self.instruction(at);
            if instruction.operation() == Operation::OpenCall {
                let after = self.behind_jumps(at + 2);
                let is_last = self.operation(after) == Operation::Return;
                let operation = if is_last { Operation::Jump } else { Operation::Call };
                self.code[at] = Instruction::new(operation, 0).0;
                self.set_target(at, places.get(usize::from(instruction.byte())).copied().unwrap_or(0));
            }
            at += instruction.operation().words();
        }
    }

    /// Where one gets to from `at` through jumps.
    ///
    /// Rules that only call each other would be a circle; they are refused as left recursive.
    fn behind_jumps(&self, mut at: usize) -> usize {
        while at < self.here() && self.operation(at) == Operation::Jump {
            at = self.target(at);
        }
        at
    }

    /// Leads targets past jumps, and puts what a jump leads to in its place where that is the end of the way.
    fn shorten_jumps(&mut self) {
        let mut at = 0;
        while at < self.here() {
            let operation = self.operation(at);
            if operation == Operation::Jump {
                self.shorten_jump(at);
            } else if operation.has_target() {
                let target = self.behind_jumps(self.target(at));
                self.set_target(at, target);
            }
            at += self.operation(at).words();
        }
    }

    fn shorten_jump(&mut self, at: usize) {
        let end = self.behind_jumps(at);
        match self.operation(end) {
            Operation::Return | Operation::Fail | Operation::FailTwice | Operation::End => {
                self.code[at] = self.code[end];
                // Nothing leads here; it only has to be an instruction of one word.
                self.code[at + 1] = Instruction::new(Operation::Any, 0).0;
            }
            Operation::Commit | Operation::PartialCommit | Operation::BackCommit => {
                self.code[at] = self.code[end];
                let target = self.behind_jumps(self.target(end));
                self.set_target(at, target);
            }
            _ => self.set_target(at, end),
        }
    }
}
