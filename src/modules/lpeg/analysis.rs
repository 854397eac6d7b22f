//! What can be known of a tree without matching it.
//!
//! The answers are production's, cautious where production is cautious: they decide where the compiled code needs an
//! entry on the backtrack stack, whose limit scripts can reach, and which match-time functions are called. Questions
//! go through grammars, so some cost time exponential in their size; every node looked at counts as a step.

use super::{
    set::Set,
    tree::{Kind, Tree},
};
use crate::vm::{Doom, lua::is_host_stack_low};

/// Why a question got no answer: the callback cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// More steps than the callback has left.
    Steps,
    /// Recursion deeper than production's C stack.
    Depth,
    /// A reference to a rule outside a grammar, where production asserts that there is none.
    OpenCall,
}

impl Refusal {
    /// How the callback ends.
    pub fn doom(self) -> Doom {
        match self {
            Refusal::Steps => Doom::Steps,
            Refusal::Depth => Doom::Depth,
            Refusal::OpenCall => Doom::Assertion("lpeg.B of a reference to a rule"),
        }
    }
}

/// What production would say, or why it would never say it.
pub type Answer<T> = Result<T, Refusal>;

/// What looking at trees may cost.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// Steps left.
    pub steps: u64,
    /// Where the host's stack must end.
    pub stack_floor: usize,
}

/// What a match needs to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct First {
    /// The bytes that it can begin with; a conservative set.
    pub set: Set,
    /// Whether it may match the empty string, so that a test for a byte would be wrong at the end.
    pub may_be_empty: bool,
    /// Whether a match-time function is called before any byte is looked at, and must not be passed over.
    pub calls_function: bool,
}

impl First {
    fn of_set(set: Set) -> First {
        First { set, may_be_empty: false, calls_function: false }
    }

    /// Whether a test of one byte decides that there is no match.
    pub fn is_decisive(self) -> bool {
        !self.may_be_empty && !self.calls_function
    }
}

/// Looks at one tree.
pub struct Analysis<'t, 'b> {
    /// The tree.
    pub tree: Tree<'t>,
    budget: &'b mut Budget,
}

impl<'t, 'b> Analysis<'t, 'b> {
    /// Looks at `tree`, at the cost of `budget`.
    pub fn new(tree: Tree<'t>, budget: &'b mut Budget) -> Analysis<'t, 'b> {
        Analysis { tree, budget }
    }

    /// Counts a step of a loop.
    #[inline]
    pub fn step(&mut self) -> Answer<()> {
        self.steps(1)
    }

    /// Counts several.
    #[inline]
    pub fn steps(&mut self, steps: u64) -> Answer<()> {
        match self.budget.steps.checked_sub(steps) {
            Some(left) => {
                self.budget.steps = left;
                Ok(())
            }
            None => Err(Refusal::Steps),
        }
    }

    /// Counts one step and looks at the stack: at the start of each function that calls itself.
    #[inline]
    pub fn enter(&mut self) -> Answer<()> {
        if is_host_stack_low(self.budget.stack_floor) {
            return Err(Refusal::Depth);
        }
        self.step()
    }

    /// Whether the subtree may match without consuming anything.
    pub fn is_nullable(&mut self, at: usize) -> Answer<bool> {
        self.passes_empty(at, true)
    }

    /// Whether the subtree matches whatever comes.
    pub fn never_fails(&mut self, at: usize) -> Answer<bool> {
        self.passes_empty(at, false)
    }

    /// The two questions differ for predicates and match-time captures only: those may consume nothing, and may fail.
    fn passes_empty(&mut self, mut at: usize, may_fail: bool) -> Answer<bool> {
        self.enter()?;
        loop {
            self.step()?;
            at = match self.tree.get(at).kind() {
                Kind::Char | Kind::Set | Kind::Any | Kind::False | Kind::OpenCall => return Ok(false),
                Kind::Repeat | Kind::True => return Ok(true),
                Kind::Not | Kind::Behind => return Ok(may_fail),
                Kind::And if may_fail => return Ok(true),
                Kind::RunTime if !may_fail => return Ok(false),
                Kind::And | Kind::RunTime | Kind::Capture | Kind::Grammar | Kind::Rule => at + 1,
                Kind::Call => self.tree.second(at),
                Kind::Sequence => {
                    if !self.passes_empty(at + 1, may_fail)? {
                        return Ok(false);
                    }
                    self.tree.second(at)
                }
                Kind::Choice => {
                    if self.passes_empty(self.tree.second(at), may_fail)? {
                        return Ok(true);
                    }
                    at + 1
                }
            };
        }
    }

    /// How many bytes every match of the subtree has, if that is fixed.
    pub fn fixed_len(&mut self, mut at: usize) -> Answer<Option<i32>> {
        self.enter()?;
        let mut len = 0i32;
        loop {
            self.step()?;
            let node = self.tree.get(at);
            at = match node.kind() {
                Kind::Char | Kind::Set | Kind::Any => return Ok(Some(len + 1)),
                Kind::False | Kind::True | Kind::Not | Kind::And | Kind::Behind => return Ok(Some(len)),
                Kind::Repeat | Kind::RunTime | Kind::OpenCall => return Ok(None),
                Kind::Capture | Kind::Rule | Kind::Grammar => at + 1,
                Kind::Call => {
                    // A call within itself has no fixed length.
                    let inner = self.through_call(at, None, Self::fixed_len)?;
                    return Ok(inner.map(|it| it.saturating_add(len)));
                }
                Kind::Sequence => {
                    let Some(first) = self.fixed_len(at + 1)? else { return Ok(None) };
                    len = len.saturating_add(first);
                    self.tree.second(at)
                }
                Kind::Choice => {
                    let first = self.fixed_len(at + 1)?;
                    let second = self.fixed_len(self.tree.second(at))?;
                    return Ok(first.filter(|_| first == second).map(|it| it.saturating_add(len)));
                }
            };
        }
    }

    /// Whether the subtree makes captures.
    pub fn has_captures(&mut self, mut at: usize) -> Answer<bool> {
        self.enter()?;
        loop {
            self.step()?;
            at = match self.tree.get(at).kind() {
                Kind::Capture | Kind::RunTime => return Ok(true),
                Kind::Call => {
                    return self.through_call(at, false, Self::has_captures);
                }
                Kind::Char | Kind::Set | Kind::Any | Kind::True | Kind::False => return Ok(false),
                Kind::OpenCall => return Err(Refusal::OpenCall),
                // Only a grammar's list leads to the next rule.
                Kind::Repeat | Kind::Not | Kind::And | Kind::Behind | Kind::Rule | Kind::Grammar => at + 1,
                Kind::Sequence | Kind::Choice => {
                    if self.has_captures(at + 1)? {
                        return Ok(true);
                    }
                    self.tree.second(at)
                }
            };
        }
    }

    /// Asks the rule that the call at `at` leads to, with `inside` as the answer of the call within itself.
    fn through_call<T>(
        &mut self,
        at: usize,
        inside: T,
        ask: impl Fn(&mut Self, usize) -> Answer<T>,
    ) -> Answer<T> {
        let call = self.tree.get(at);
        if call.key == 0 {
            return Ok(inside);
        }
        // A call's key is its mark while it is under way.
        self.tree.set(at, call.with_key(0));
        let res = ask(self, self.tree.second(at));
        self.tree.set(at, call);
        res
    }

    /// What a match of the subtree begins with, where a match of what follows begins with `follow`.
    pub fn first(&mut self, mut at: usize, follow: Set) -> Answer<First> {
        self.enter()?;
        let mut follow = follow;
        loop {
            self.step()?;
            at = match self.tree.get(at).kind() {
                Kind::Char | Kind::Set | Kind::Any => {
                    return Ok(First::of_set(self.tree.byte_set(at).unwrap_or(Set::EMPTY)));
                }
                Kind::True => return Ok(First { may_be_empty: true, ..First::of_set(follow) }),
                Kind::False => return Ok(First::of_set(Set::EMPTY)),
                Kind::Choice => {
                    let one = self.first(at + 1, follow)?;
                    let two = self.first(self.tree.second(at), follow)?;
                    return Ok(First {
                        set: one.set.union(two.set),
                        may_be_empty: one.may_be_empty || two.may_be_empty,
                        calls_function: one.calls_function || two.calls_function,
                    });
                }
                Kind::Sequence => {
                    if self.is_nullable(at + 1)? {
                        let two = self.first(self.tree.second(at), follow)?;
                        let one = self.first(at + 1, two.set)?;
                        return Ok(if one.is_decisive() {
                            one
                        } else if one.calls_function || two.calls_function {
                            First { may_be_empty: false, calls_function: true, ..one }
                        } else {
                            First { may_be_empty: two.may_be_empty, calls_function: false, ..one }
                        });
                    }
                    // What is behind it has no say.
                    follow = Set::FULL;
                    at + 1
                }
                Kind::Repeat => {
                    let inner = self.first(at + 1, follow)?;
                    // As in production, a function inside is forgotten.
                    return Ok(First {
                        set: inner.set.union(follow),
                        may_be_empty: true,
                        calls_function: false,
                    });
                }
                Kind::Capture | Kind::Grammar | Kind::Rule => at + 1,
                Kind::RunTime => {
                    // Only what stands in front of the function's call can rule it out.
                    let inner = self.first(at + 1, Set::FULL)?;
                    let calls_function = !inner.is_decisive();
                    return Ok(First { may_be_empty: false, calls_function, ..inner });
                }
                Kind::Call => self.tree.second(at),
                Kind::And => {
                    let inner = self.first(at + 1, follow)?;
                    return Ok(First { set: inner.set.intersection(follow), ..inner });
                }
                kind @ (Kind::Not | Kind::Behind) => {
                    if kind == Kind::Not
                        && let Some(set) = self.tree.byte_set(at + 1)
                    {
                        return Ok(First { may_be_empty: true, ..First::of_set(set.complement()) });
                    }
                    // Says nothing of the next byte, but may hold a function.
                    let inner = self.first(at + 1, follow)?;
                    return Ok(First { set: follow, may_be_empty: true, ..inner });
                }
                // Calls are closed before anything is compiled.
                Kind::OpenCall => return Ok(First { may_be_empty: true, ..First::of_set(Set::FULL) }),
            };
        }
    }

    /// Whether a failure of the subtree is decided by the next byte alone.
    pub fn fails_at_head(&mut self, mut at: usize) -> Answer<bool> {
        self.enter()?;
        loop {
            self.step()?;
            at = match self.tree.get(at).kind() {
                Kind::Char | Kind::Set | Kind::Any | Kind::False => return Ok(true),
                Kind::True | Kind::Repeat | Kind::RunTime | Kind::Not | Kind::Behind | Kind::OpenCall => {
                    return Ok(false);
                }
                Kind::Capture | Kind::Grammar | Kind::Rule | Kind::And => at + 1,
                Kind::Call => self.tree.second(at),
                Kind::Sequence => {
                    if !self.never_fails(self.tree.second(at))? {
                        return Ok(false);
                    }
                    at + 1
                }
                Kind::Choice => {
                    if !self.fails_at_head(at + 1)? {
                        return Ok(false);
                    }
                    self.tree.second(at)
                }
            };
        }
    }

    /// Whether the code of the subtree depends on what follows it.
    pub fn needs_follow(&mut self, mut at: usize) -> Answer<bool> {
        loop {
            self.step()?;
            at = match self.tree.get(at).kind() {
                Kind::Choice | Kind::Repeat => return Ok(true),
                Kind::Capture => at + 1,
                Kind::Sequence => self.tree.second(at),
                _ => return Ok(false),
            };
        }
    }

    /// Whether a repetition in the subtree may go on for ever without consuming anything. Grammars in it have been
    /// looked at when they were made.
    pub fn has_empty_loop(&mut self, start: usize, end: usize) -> Answer<bool> {
        let mut at = start;
        while at < end {
            self.step()?;
            at = match self.tree.get(at).kind() {
                Kind::Grammar => self.tree.behind_grammar(at),
                Kind::Repeat if self.is_nullable(at + 1)? => return Ok(true),
                _ => self.tree.after(at),
            };
        }
        Ok(false)
    }
}
