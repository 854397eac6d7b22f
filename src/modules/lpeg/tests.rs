//! What the compiler makes of typical patterns, and the module in sandboxes where production has no answer to record.

use std::{cell::Cell, fmt::Write as _};

use super::{
    analysis::{Analysis, Budget, Refusal},
    code::{Instruction, Operation, compile},
    set::Set,
    tree::{CaptureKind, Kind, Node, SET_NODES, Tree},
};
use crate::{
    modules,
    sandbox::{AnalysisOptions, AnalysisPlugin, NativeModules},
};

/// A tree under construction.
type Nodes = Vec<Node>;

fn leaf(kind: Kind) -> Nodes {
    vec![Node::new(kind)]
}

fn char(byte: u8) -> Nodes {
    vec![Node::linked(Kind::Char, i32::from(byte))]
}

fn set(bytes: &[u8]) -> Nodes {
    let nodes = vec![Cell::new(Node::default()); 1 + SET_NODES];
    Tree::new(&nodes).put_set(0, Set::of(|it| bytes.contains(&it)));
    nodes.into_iter().map(Cell::into_inner).collect()
}

fn above(root: Node, inner: Nodes) -> Nodes {
    [vec![root], inner].concat()
}

fn join(kind: Kind, one: Nodes, two: Nodes) -> Nodes {
    [vec![Node::linked(kind, one.len() as i32 + 1)], one, two].concat()
}

fn sequence(one: Nodes, two: Nodes) -> Nodes {
    join(Kind::Sequence, one, two)
}

fn choice(one: Nodes, two: Nodes) -> Nodes {
    join(Kind::Choice, one, two)
}

fn repeat(inner: Nodes) -> Nodes {
    above(Node::new(Kind::Repeat), inner)
}

fn not(inner: Nodes) -> Nodes {
    above(Node::new(Kind::Not), inner)
}

fn and(inner: Nodes) -> Nodes {
    above(Node::new(Kind::And), inner)
}

fn capture(inner: Nodes) -> Nodes {
    above(Node::capture(CaptureKind::Simple, 0), inner)
}

fn word(text: &[u8]) -> Nodes {
    let (last, rest) = text.split_last().expect("a letter");
    rest.iter().rev().fold(char(*last), |behind, byte| sequence(char(*byte), behind))
}

/// One instruction a line: place, operation, byte or length, target.
fn listing(nodes: Nodes) -> String {
    let cells: Vec<_> = nodes.into_iter().map(Cell::new).collect();
    let mut budget = Budget { steps: 1_000_000, stack_floor: 0 };
    let code = compile(Analysis::new(Tree::new(&cells), &mut budget)).expect("within limits");
    let mut res = String::new();
    let mut at = 0;
    while at < code.len() {
        let instruction = Instruction(code[at]);
        let operation = instruction.operation();
        let operand = match operation {
            Operation::Char | Operation::TestChar | Operation::SpanUntil => {
                format!(" {:?}", char::from(instruction.byte()))
            }
            Operation::Behind => format!(" {}", instruction.byte()),
            Operation::FullCapture => format!(" {}", instruction.capture_len()),
            _ => String::new(),
        };
        let target = if operation.has_target() { format!(" -> {}", code[at + 1]) } else { String::new() };
        let _ = writeln!(res, "{at} {operation:?}{operand}{target}");
        at += operation.words();
    }
    res
}

#[track_caller]
fn check(nodes: Nodes, expected: &[&str]) {
    assert_eq!(listing(nodes).lines().collect::<Vec<_>>(), expected);
}

#[test]
fn a_repeated_set_is_a_span() {
    check(repeat(set(b"abc")), &["0 Span", "9 End"]);
    check(repeat(leaf(Kind::Any)), &["0 Span", "9 End"]);
    let all_but_space: Vec<_> = (0..=255).filter(|it| *it != b' ').collect();
    check(repeat(set(&all_but_space)), &["0 SpanUntil ' '", "9 End"]);
}

#[test]
fn sets_of_one_or_all_or_no_bytes_are_no_sets() {
    check(set(b"a"), &["0 Char 'a'", "1 End"]);
    check(set(&(0..=255).collect::<Vec<_>>()), &["0 Any", "1 End"]);
    check(set(b""), &["0 Fail", "1 End"]);
}

#[test]
fn alternatives_that_fail_at_their_head_need_no_entry() {
    check(
        choice(char(b'a'), char(b'b')),
        &["0 TestChar 'a' -> 5", "2 Any", "3 End", "4 Any", "5 Char 'b'", "6 End"],
    );
}

#[test]
fn alternatives_that_begin_differently_need_no_entry() {
    check(
        choice(word(b"ab"), word(b"cd")),
        &[
            "0 TestChar 'a' -> 6",
            "2 Any",
            "3 Char 'b'",
            "4 End",
            "5 Any",
            "6 Char 'c'",
            "7 Char 'd'",
            "8 End",
        ],
    );
}

#[test]
fn alternatives_that_begin_alike_need_one() {
    check(
        choice(word(b"ab"), word(b"ac")),
        &[
            "0 TestChar 'a' -> 8",
            "2 Choice -> 8",
            "4 Any",
            "5 Char 'b'",
            "6 Commit -> 10",
            "8 Char 'a'",
            "9 Char 'c'",
            "10 End",
        ],
    );
}

#[test]
fn repetitions_test_where_what_follows_begins_differently() {
    let body = word(b"ab");
    check(
        sequence(repeat(body.clone()), char(b'c')),
        &["0 TestChar 'a' -> 6", "2 Any", "3 Char 'b'", "4 Jump -> 0", "6 Char 'c'", "7 End"],
    );
    check(
        sequence(repeat(body), char(b'a')),
        &[
            "0 TestChar 'a' -> 8",
            "2 Choice -> 8",
            "4 Char 'a'",
            "5 Char 'b'",
            "6 PartialCommit -> 4",
            "8 Char 'a'",
            "9 End",
        ],
    );
}

#[test]
fn options_in_options_share_an_entry() {
    let inner = choice(word(b"ab"), leaf(Kind::True));
    let text = listing(choice(sequence(word(b"ab"), inner), leaf(Kind::True)));
    assert_eq!(text.matches("Choice").count(), 1, "{text}");
    assert_eq!(text.matches("PartialCommit").count(), 1, "{text}");
}

#[test]
fn predicates_of_fixed_length_step_back() {
    check(and(word(b"ab")), &["0 Char 'a'", "1 Char 'b'", "2 Behind 2", "3 End"]);
    check(
        and(capture(word(b"ab"))),
        &[
            "0 Choice -> 7",
            "2 Char 'a'",
            "3 Char 'b'",
            "4 FullCapture 2",
            "5 BackCommit -> 8",
            "7 Fail",
            "8 End",
        ],
    );
    check(not(char(b'a')), &["0 TestChar 'a' -> 3", "2 Fail", "3 End"]);
    check(
        not(word(b"ab")),
        &["0 TestChar 'a' -> 7", "2 Choice -> 7", "4 Char 'a'", "5 Char 'b'", "6 FailTwice", "7 End"],
    );
}

#[test]
fn short_captures_of_fixed_length_are_one_instruction() {
    check(capture(word(b"ab")), &["0 Char 'a'", "1 Char 'b'", "2 FullCapture 2", "3 End"]);
    check(capture(repeat(set(b"ab"))), &["0 OpenCapture", "1 Span", "10 CloseCapture", "11 End"]);
    let text = listing(capture(word(b"0123456789abcdef")));
    assert!(text.starts_with("0 OpenCapture"), "{text}");
}

#[test]
fn calls_before_a_return_are_jumps() {
    // { "a" * V(1) + "b" }
    let rule =
        choice(sequence(char(b'a'), vec![Node::new(Kind::OpenCall).with_key(1).closed(-4)]), char(b'b'));
    let grammar = above(
        Node::linked(Kind::Grammar, 1),
        [vec![Node::rule(0, rule.len() as i32 + 1).with_key(1)], rule, leaf(Kind::True)].concat(),
    );
    let text = listing(grammar);
    assert_eq!(text.matches("Call").count(), 1, "{text}");
    assert!(text.contains("Jump -> 4"), "{text}");
}

#[test]
fn work_and_depth_are_bounded() {
    let deep = (0..1000).fold(char(b'a'), |inner, _| capture(inner));
    let cells: Vec<_> = deep.into_iter().map(Cell::new).collect();
    let mut few = Budget { steps: 100, stack_floor: 0 };
    assert_eq!(compile(Analysis::new(Tree::new(&cells), &mut few)), Err(Refusal::Steps));
    let mut no_stack = Budget { steps: 1_000_000, stack_floor: usize::MAX };
    assert_eq!(compile(Analysis::new(Tree::new(&cells), &mut no_stack)), Err(Refusal::Depth));
}

/// Runs a body as a filter's timer event on a large stack; its error text, empty if none.
fn run(body: &str) -> String {
    let script = format!(
        "require 'lpeg' require 'string' local l = lpeg function process_message() return 0 end function timer_event() {body} end"
    );
    let work = move || {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let file = folder.path().join("test.lua");
        std::fs::write(&file, &script).expect("the script is written");
        let options = AnalysisOptions {
            lua_file: file.to_str().expect("a path in UTF-8"),
            config: b"path = 'modules/?.lua' cpath = 'modules/?.so' memory_limit = 100000000",
            state: None,
            hostname: "host",
            seed: 1,
            c_steps: 20_000_000,
            modules: modules::BUILTIN,
            native_modules: &NativeModules::BuiltIn,
            first_slot: 0,
            start_ns: 0,
        };
        let mut plugin = AnalysisPlugin::create(&options, &mut ()).expect("a plugin");
        let ended_well = plugin.timer_event(1, false, 10, &mut ());
        if ended_well { String::new() } else { String::from_utf8_lossy(plugin.error()).into_owned() }
    };
    let thread = std::thread::Builder::new().stack_size(64 << 20).spawn(work).expect("a thread");
    thread.join().expect("no panic")
}

#[test]
fn hostile_patterns_end_at_a_limit() {
    let steps = "production would hang here";
    let stack = "production would crash here";
    for (body, expected) in [
        // Exponential matching.
        (
            "local p = l.P{l.P'a' * l.V(1) * 'b' + l.P'a' * l.V(1) * 'c' + 'd'} p:match(('a'):rep(90) .. 'd')",
            steps,
        ),
        // Exponential checks of a grammar.
        ("local g = {} for n = 1, 100 do g[n] = l.V(n + 1) + l.V(n + 1) end g[101] = l.P'a' l.P(g)", steps),
        // Exponential captures.
        (
            "local p = l.Cg(1, 'x') for n = 1, 60 do p = p * l.Cg(l.Cb'x' * l.Cb'x' / 1, 'x') end (p * l.Cb'x'):match'a'",
            steps,
        ),
        // What production asserts.
        ("l.match(#l.Cmt('a', function() return true, 1 end) * 1, 'a')", stack),
        ("l.B(-l.V'x')", stack),
    ] {
        let error = run(body);
        assert!(error.contains(expected), "{body}: {error}");
    }
}

#[test]
fn code_can_go_while_it_runs() {
    let pattern = |inside: &str| {
        run(&format!(
            "local free = getmetatable(l.P'a').__gc local p, n = nil, 0 \
            p = l.Cmt('a', function(s, i) n = n + 1 if n == 1 then {inside} end return i end) * l.C'b' \
            assert(p:match'ab' == 'b')"
        ))
    };
    let error = pattern("free(p)");
    assert!(error.contains("production would crash here"), "{error}");
    assert_eq!(pattern("free(p) for n = 1, 50 do l.P(n):match'x' end assert(p:match'ab' == 'b')"), "");
}
