//! Patterns as trees: the form that constructors and operators join.
//!
//! A tree is an array of nodes in reading order. A node's first child is the next node; its second child, where it has
//! one, is `link` nodes away. A subtree is therefore one run of nodes without addresses, and joining patterns is
//! copying runs. Nodes have the size of production's, because scripts build patterns against a memory limit.

use std::cell::Cell;

use bytemuck::{Pod, Zeroable};

use super::set::Set;

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// One byte: `link`.
    Char,
    /// A byte of the set in the [`SET_NODES`] nodes behind this one.
    Set,
    /// Any byte.
    Any,
    /// Matches, consuming nothing.
    True,
    /// Fails.
    False,
    /// The child, as often as it matches.
    Repeat,
    /// One child, then the other.
    Sequence,
    /// The first child, or else the second.
    Choice,
    /// Matches where the child does not, consuming nothing.
    Not,
    /// Matches where the child does, consuming nothing.
    And,
    /// The rule `link` nodes away, whose name is value `key`.
    Call,
    /// A rule called value `key`, of a grammar to come.
    OpenCall,
    /// A rule of a grammar: the child is its pattern, the second child the next rule, `detail` its number. `key` is its
    /// name's if it is used, else 0.
    Rule,
    /// `link` rules, a list of which [`Kind::True`] is the end. The first is the initial one.
    Grammar,
    /// The child, `link` bytes back.
    Behind,
    /// A capture of kind `detail` around the child.
    Capture,
    /// A match-time capture around the child, its function value `key`.
    RunTime,
}

impl Kind {
    const ALL: [Kind; 17] = [
        Kind::Char,
        Kind::Set,
        Kind::Any,
        Kind::True,
        Kind::False,
        Kind::Repeat,
        Kind::Sequence,
        Kind::Choice,
        Kind::Not,
        Kind::And,
        Kind::Call,
        Kind::OpenCall,
        Kind::Rule,
        Kind::Grammar,
        Kind::Behind,
        Kind::Capture,
        Kind::RunTime,
    ];
}

/// The kinds of captures, in trees and in the list a match makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum CaptureKind {
    /// The end of a capture that has others inside, in a match's list only.
    Close,
    /// `lpeg.Cp`
    Position,
    /// `lpeg.Cc`
    Constant,
    /// `lpeg.Cb`
    BackReference,
    /// `lpeg.Carg`
    Argument,
    /// `lpeg.C`
    Simple,
    /// `lpeg.Ct`
    Table,
    /// `patt / function`
    Function,
    /// `patt / table`
    Query,
    /// `patt / string`
    Text,
    /// `patt / number`
    Number,
    /// `lpeg.Cs`
    Substitution,
    /// `lpeg.Cf`
    Fold,
    /// A value that a match-time capture returned, in a match's list only.
    RunTime,
    /// `lpeg.Cg`
    Group,
}

impl CaptureKind {
    const ALL: [CaptureKind; 15] = [
        CaptureKind::Close,
        CaptureKind::Position,
        CaptureKind::Constant,
        CaptureKind::BackReference,
        CaptureKind::Argument,
        CaptureKind::Simple,
        CaptureKind::Table,
        CaptureKind::Function,
        CaptureKind::Query,
        CaptureKind::Text,
        CaptureKind::Number,
        CaptureKind::Substitution,
        CaptureKind::Fold,
        CaptureKind::RunTime,
        CaptureKind::Group,
    ];

    /// The kind with this number.
    #[inline]
    pub fn from_number(number: u8) -> CaptureKind {
        Self::ALL.get(usize::from(number)).copied().unwrap_or(CaptureKind::Close)
    }
}

/// One node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Node {
    kind: u8,
    /// The kind of a capture, the number of a rule.
    pub detail: u8,
    /// Which of the pattern's Lua values belongs to it, from 1; of some captures a number.
    pub key: u16,
    /// Where the second child is, or a number.
    pub link: i32,
}

impl Node {
    /// A node with nothing but its kind.
    pub const fn new(kind: Kind) -> Node {
        Node { kind: kind as u8, detail: 0, key: 0, link: 0 }
    }

    /// A node with a second child or a number.
    pub const fn linked(kind: Kind, link: i32) -> Node {
        Node { kind: kind as u8, detail: 0, key: 0, link }
    }

    /// A capture.
    pub const fn capture(kind: CaptureKind, key: u16) -> Node {
        Node { kind: Kind::Capture as u8, detail: kind as u8, key, link: 0 }
    }

    /// What it is.
    #[inline]
    pub fn kind(self) -> Kind {
        Kind::ALL.get(usize::from(self.kind)).copied().unwrap_or(Kind::False)
    }

    /// The rule with this number, before it has a name.
    pub const fn rule(number: u8, link: i32) -> Node {
        Node { kind: Kind::Rule as u8, detail: number, key: 0, link }
    }

    /// An open call closed: the rule is `link` nodes away.
    pub const fn closed(self, link: i32) -> Node {
        Node { kind: Kind::Call as u8, link, ..self }
    }

    /// With another key.
    pub const fn with_key(self, key: u16) -> Node {
        Node { key, ..self }
    }

    /// Of what kind a capture is.
    pub fn capture_kind(self) -> CaptureKind {
        CaptureKind::from_number(self.detail)
    }

    /// Whether `key` names a value of the pattern.
    fn has_value(self) -> bool {
        match self.kind() {
            Kind::OpenCall | Kind::Call | Kind::RunTime | Kind::Rule => true,
            Kind::Capture => !matches!(self.capture_kind(), CaptureKind::Argument | CaptureKind::Number),
            _ => false,
        }
    }
}

/// Nodes that a set's bits take behind its node.
pub const SET_NODES: usize = 4;

/// A tree, or a run of nodes that holds one.
#[derive(Clone, Copy)]
pub struct Tree<'t> {
    nodes: &'t [Cell<Node>],
}

impl<'t> Tree<'t> {
    /// These nodes.
    pub fn new(nodes: &'t [Cell<Node>]) -> Tree<'t> {
        Tree { nodes }
    }

    /// Number of nodes.
    pub fn len(self) -> usize {
        self.nodes.len()
    }

    /// Node `at`.
    #[inline]
    pub fn get(self, at: usize) -> Node {
        self.nodes[at].get()
    }

    /// Replaces node `at`.
    #[inline]
    pub fn set(self, at: usize, node: Node) {
        self.nodes[at].set(node);
    }

    /// Where the second child of node `at` is.
    #[inline]
    pub fn second(self, at: usize) -> usize {
        at.wrapping_add_signed(self.get(at).link as isize)
    }

    /// The nodes from `start` up to `end`.
    pub fn part(self, start: usize, end: usize) -> Tree<'t> {
        Tree { nodes: &self.nodes[start..end] }
    }

    /// Copies all of `other` here, from node `at` on; the node behind it.
    pub fn put(self, at: usize, other: Tree<'_>) -> usize {
        let end = at + other.len();
        self.nodes[at..end].iter().zip(other.nodes).for_each(|(to, from)| to.set(from.get()));
        end
    }

    /// The set of a node that stands for one byte of a set.
    pub fn byte_set(self, at: usize) -> Option<Set> {
        let node = self.get(at);
        match node.kind() {
            Kind::Char => Some(Set::single(node.link as u8)),
            Kind::Any => Some(Set::FULL),
            Kind::Set => {
                let words = std::array::from_fn(|word| bytemuck::cast(self.get(at + 1 + word)));
                Some(Set::from_words(words))
            }
            _ => None,
        }
    }

    /// Makes node `at` and those behind it a set.
    pub fn put_set(self, at: usize, set: Set) {
        self.set(at, Node::new(Kind::Set));
        for (word, bits) in set.words().into_iter().enumerate() {
            self.set(at + 1 + word, bytemuck::cast(bits));
        }
    }

    /// The node read after node `at`.
    #[inline]
    pub fn after(self, at: usize) -> usize {
        at + 1 + if self.get(at).kind() == Kind::Set { SET_NODES } else { 0 }
    }

    /// The node behind the grammar at `at`.
    pub fn behind_grammar(self, at: usize) -> usize {
        let mut rule = at + 1;
        while self.get(rule).kind() == Kind::Rule {
            rule = self.second(rule);
        }
        rule + 1
    }

    /// Renumbers the values after `by` others were put in front of them.
    pub fn shift_keys(self, by: u16) {
        if by == 0 {
            return;
        }
        let mut at = 0;
        while at < self.len() {
            let node = self.get(at);
            if node.key > 0 && node.has_value() {
                self.set(at, node.with_key(node.key.wrapping_add(by)));
            }
            at = self.after(at);
        }
    }

    /// Turns `(a b) c` into `a (b c)`, and choices likewise, at node `at`; how many nodes moved.
    pub fn lean_right(self, at: usize) -> u64 {
        let kind = self.get(at).kind();
        let mut moved = 0;
        while self.get(at + 1).kind() == kind {
            let (outer, inner) = (self.get(at).link, self.get(at + 1).link);
            // The inner first child moves one to the left; the inner second child stays and becomes the outer second
            // child's first.
            let len = inner as usize - 1;
            for node in at + 1..at + 1 + len {
                self.set(node, self.get(node + 1));
            }
            self.set(at, Node::linked(kind, inner));
            self.set(at + inner as usize, Node::linked(kind, outer - inner));
            moved += len as u64;
        }
        moved
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(byte: u8) -> Node {
        Node::linked(Kind::Char, i32::from(byte))
    }

    #[test]
    fn sequences_lean_right() {
        // ((a b) c) d
        let nodes: Vec<_> = [
            Node::linked(Kind::Sequence, 6),
            Node::linked(Kind::Sequence, 4),
            Node::linked(Kind::Sequence, 2),
            letter(b'a'),
            letter(b'b'),
            letter(b'c'),
            letter(b'd'),
        ]
        .map(Cell::new)
        .into();
        let tree = Tree::new(&nodes);
        tree.lean_right(0);
        let mut at = 0;
        for byte in b"abc" {
            assert_eq!(tree.get(at).kind(), Kind::Sequence);
            assert_eq!(tree.get(at + 1), letter(*byte));
            at = tree.second(at);
            if at < tree.len() && tree.get(at).kind() == Kind::Sequence {
                tree.lean_right(at);
            }
        }
        assert_eq!((at, tree.get(at)), (6, letter(b'd')));
    }
}
