//! Lua 5.1 patterns without captures, as the matcher of production searches them (`lua_sandbox`
//! `src/util/string_matcher.c`).
//!
//! Without captures a search only asks *whether* there is a match, so a pattern is a list of items and the question
//! is which positions each item can reach. That is answered in two ways with the same result: backtracking, which is
//! fast on what people write and needs no memory, and, once its step budget is used up, by walking the items with the
//! set of all positions reached so far, whose time is items times bytes whatever the pattern. Production only
//! backtracks and can be kept busy for ever by a line such as `.-.-.-.-.-x`.
//!
//! A malformed pattern is not an error there: the attempt that reaches the malformed place fails, and since every
//! attempt must pass it, such a pattern never matches.

/// Backtracking steps (items tried and bytes looked at) before the search starts over with position sets.
const STEP_BUDGET: u32 = 1 << 17;

/// A compiled pattern.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    items: Box<[Item]>,
    anchored: bool,
    malformed: bool,
    /// Whether the byte behind the value matters: production's `%f` looks at it.
    looks_behind_end: bool,
}

#[derive(Clone, Debug)]
enum Item {
    Single(Class, Repeat),
    Balance(u8, u8),
    Frontier(Class),
    End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Repeat {
    Once,
    Optional,
    /// `*` and `-`: which end the repetitions are tried from makes no difference without captures.
    Any,
    Some,
}

#[derive(Clone, Debug)]
enum Class {
    Byte(u8),
    Every,
    Set(Box<[u64; 4]>),
}

impl Pattern {
    /// Compiles the pattern `text`, which holds no NUL.
    pub(super) fn compile(text: &[u8]) -> Pattern {
        let anchored = text.first() == Some(&b'^');
        let mut rest = if anchored { &text[1..] } else { text };
        let mut items = Vec::new();
        let mut malformed = false;
        while !rest.is_empty() {
            let Some((item, used)) = next_item(rest) else {
                malformed = true;
                break;
            };
            items.push(item);
            rest = &rest[used..];
        }
        let looks_behind_end = items.iter().any(|it| matches!(it, Item::Frontier(_)));
        Pattern { items: items.into(), anchored, malformed, looks_behind_end }
    }

    /// Whether [`Pattern::find`] looks at the byte behind the value.
    pub(super) fn looks_behind_end(&self) -> bool {
        self.looks_behind_end
    }

    /// Whether the pattern matches anywhere in `value`. `behind` is the byte that follows the value in the message.
    pub(super) fn find(&self, value: &[u8], behind: u8) -> bool {
        self.find_within(value, behind, STEP_BUDGET)
    }

    fn find_within(&self, value: &[u8], behind: u8, steps: u32) -> bool {
        if self.malformed {
            return false;
        }
        let mut search = Search { value, behind, steps };
        let last = if self.anchored { 0 } else { value.len() };
        for start in 0..=last {
            match search.matches(&self.items, start) {
                Ok(false) => {}
                Ok(true) => return true,
                Err(OutOfSteps) => return self.find_by_sets(value, behind),
            }
        }
        false
    }

    fn find_by_sets(&self, value: &[u8], behind: u8) -> bool {
        let mut reached = vec![!self.anchored; value.len() + 1];
        reached[0] = true;
        for item in &self.items {
            match item {
                Item::Single(class, repeat) => {
                    if matches!(repeat, Repeat::Once | Repeat::Some) {
                        step(&mut reached, value, class, false);
                    }
                    match repeat {
                        Repeat::Once => {}
                        Repeat::Optional => step(&mut reached, value, class, true),
                        Repeat::Any | Repeat::Some => {
                            for (at, &byte) in value.iter().enumerate() {
                                reached[at + 1] |= reached[at] && class.contains(byte);
                            }
                        }
                    }
                }
                Item::Balance(open, close) => reached = balance_all(&reached, value, *open, *close),
                Item::Frontier(set) => {
                    for (at, reached) in reached.iter_mut().enumerate() {
                        *reached &= frontier(value, behind, at, set);
                    }
                }
                Item::End => reached[..value.len()].fill(false),
            }
        }
        reached.contains(&true)
    }
}

/// Moves every reached position over one byte of `class`, from the back so that none moves twice.
fn step(reached: &mut [bool], value: &[u8], class: &Class, keep: bool) {
    for at in (0..value.len()).rev() {
        let moved = reached[at] && class.contains(value[at]);
        reached[at + 1] = moved || (keep && reached[at + 1]);
    }
    reached[0] &= keep;
}

/// [`balance`] from every reached position in one pass.
fn balance_all(reached: &[bool], value: &[u8], open: u8, close: u8) -> Vec<bool> {
    let mut to = vec![false; reached.len()];
    let mut opened = Vec::new();
    for (at, &byte) in value.iter().enumerate() {
        if byte == close
            && let Some(start) = opened.pop()
        {
            to[at + 1] |= reached[start];
            if open != close {
                continue;
            }
        }
        if byte == open {
            opened.push(at);
        }
    }
    to
}

/// Where `%bxy` at `at` ends.
fn balance(value: &[u8], at: usize, open: u8, close: u8) -> Option<usize> {
    if value.get(at) != Some(&open) {
        return None;
    }
    let mut depth = 1;
    for (at, &byte) in value.iter().enumerate().skip(at + 1) {
        if byte == close {
            depth -= 1;
            if depth == 0 {
                return Some(at + 1);
            }
        } else if byte == open {
            depth += 1;
        }
    }
    None
}

fn frontier(value: &[u8], behind: u8, at: usize, set: &Class) -> bool {
    let previous = if at == 0 { 0 } else { value[at - 1] };
    !set.contains(previous) && set.contains(value.get(at).copied().unwrap_or(behind))
}

struct OutOfSteps;

struct Search<'a> {
    value: &'a [u8],
    behind: u8,
    steps: u32,
}

impl Search<'_> {
    fn take(&mut self, steps: usize) -> Result<(), OutOfSteps> {
        let steps = u32::try_from(steps).map_err(|_| OutOfSteps)?;
        self.steps = self.steps.checked_sub(steps).ok_or(OutOfSteps)?;
        Ok(())
    }

    /// Whether `items` match at `at`. The recursion is as deep as there are items at most.
    fn matches(&mut self, mut items: &[Item], mut at: usize) -> Result<bool, OutOfSteps> {
        loop {
            let Some((item, rest)) = items.split_first() else { return Ok(true) };
            self.take(1)?;
            match item {
                Item::Single(class, repeat) => {
                    let here = self.value.get(at).is_some_and(|&it| class.contains(it));
                    match repeat {
                        Repeat::Once if here => at += 1,
                        Repeat::Once => return Ok(false),
                        Repeat::Optional => {
                            if here && self.matches(rest, at + 1)? {
                                return Ok(true);
                            }
                        }
                        Repeat::Some if !here => return Ok(false),
                        Repeat::Any | Repeat::Some => {
                            let least = at + usize::from(*repeat == Repeat::Some);
                            let run =
                                self.value[least..].iter().take_while(|&&it| class.contains(it)).count();
                            self.take(run)?;
                            for end in (least..=least + run).rev() {
                                if self.matches(rest, end)? {
                                    return Ok(true);
                                }
                            }
                            return Ok(false);
                        }
                    }
                }
                Item::Balance(open, close) => {
                    self.take(self.value.len() - at)?;
                    match balance(self.value, at, *open, *close) {
                        Some(end) => at = end,
                        None => return Ok(false),
                    }
                }
                Item::Frontier(set) => {
                    if !frontier(self.value, self.behind, at, set) {
                        return Ok(false);
                    }
                }
                Item::End => return Ok(at == self.value.len()),
            }
            items = rest;
        }
    }
}

impl Class {
    #[inline]
    fn contains(&self, byte: u8) -> bool {
        match self {
            Class::Byte(it) => *it == byte,
            Class::Every => true,
            Class::Set(bits) => bits[usize::from(byte >> 6)] >> (byte & 63) & 1 != 0,
        }
    }

    fn set(contains: impl Fn(u8) -> bool) -> Class {
        let mut bits = Box::new([0; 4]);
        for byte in (0..=u8::MAX).filter(|&it| contains(it)) {
            bits[usize::from(byte >> 6)] |= 1 << (byte & 63);
        }
        Class::Set(bits)
    }
}

/// The first item of a pattern that is not empty, and how many bytes of the pattern it is; `None` when malformed.
fn next_item(text: &[u8]) -> Option<(Item, usize)> {
    match text {
        b"$" => return Some((Item::End, 1)),
        [b'%', b'b', open, close, ..] => return Some((Item::Balance(*open, *close), 4)),
        [b'%', b'b', ..] => return None,
        [b'%', b'f', set @ ..] => {
            if set.first() != Some(&b'[') {
                return None;
            }
            let (class, used) = next_class(set)?;
            return Some((Item::Frontier(class), 2 + used));
        }
        _ => {}
    }
    let (class, used) = next_class(text)?;
    let repeat = match text.get(used) {
        Some(b'?') => Repeat::Optional,
        Some(b'*' | b'-') => Repeat::Any,
        Some(b'+') => Repeat::Some,
        _ => return Some((Item::Single(class, Repeat::Once), used)),
    };
    Some((Item::Single(class, repeat), used + 1))
}

fn next_class(text: &[u8]) -> Option<(Class, usize)> {
    match *text.first()? {
        b'.' => Some((Class::Every, 1)),
        b'%' => {
            let &letter = text.get(1)?;
            Some((Class::set(|it| in_class(it, letter)), 2))
        }
        b'[' => {
            let end = set_end(text)?;
            let (negated, members) =
                if text[1] == b'^' { (true, &text[2..end - 1]) } else { (false, &text[1..end - 1]) };
            // The closing bracket is visible to the range test, which asks for a byte before it.
            Some((Class::set(|it| in_set(it, members) != negated), end))
        }
        byte => Some((Class::Byte(byte), 1)),
    }
}

/// The offset behind the `]` of the set at the start of `text`. The first byte of a set is never its end.
fn set_end(text: &[u8]) -> Option<usize> {
    let mut at = if text.get(1) == Some(&b'^') { 2 } else { 1 };
    loop {
        let &byte = text.get(at)?;
        at += 1;
        if byte == b'%' && at < text.len() {
            at += 1;
        }
        if text.get(at) == Some(&b']') {
            return Some(at + 1);
        }
    }
}

fn in_set(byte: u8, members: &[u8]) -> bool {
    let mut at = 0;
    while at < members.len() {
        if members[at] == b'%' {
            at += 1;
            // `[%]` with nothing behind cannot occur: the set would not have ended there.
            if members.get(at).is_some_and(|&letter| in_class(byte, letter)) {
                return true;
            }
        } else if members.get(at + 1) == Some(&b'-') && at + 2 < members.len() {
            at += 2;
            if (members[at - 2]..=members[at]).contains(&byte) {
                return true;
            }
        } else if members[at] == byte {
            return true;
        }
        at += 1;
    }
    false
}

/// A class letter in the C locale; any other byte stands for itself.
fn in_class(byte: u8, letter: u8) -> bool {
    let member = match letter.to_ascii_lowercase() {
        b'a' => byte.is_ascii_alphabetic(),
        b'c' => byte.is_ascii_control(),
        b'd' => byte.is_ascii_digit(),
        b'l' => byte.is_ascii_lowercase(),
        b'p' => byte.is_ascii_punctuation(),
        b's' => matches!(byte, b' ' | b'\t'..=b'\r'),
        b'u' => byte.is_ascii_uppercase(),
        b'w' => byte.is_ascii_alphanumeric(),
        b'x' => byte.is_ascii_hexdigit(),
        b'z' => byte == 0,
        _ => return letter == byte,
    };
    member == letter.is_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Pattern;

    fn check(pattern: &str, value: &str, expected: bool) {
        let compiled = Pattern::compile(pattern.as_bytes());
        assert_eq!(compiled.find(value.as_bytes(), 0), expected, "{pattern} in {value}");
        assert_eq!(compiled.find_within(value.as_bytes(), 0, 0), expected, "{pattern} in {value}, by sets");
    }

    #[test]
    fn items_and_repetitions() {
        check("^web%.access$", "web.access", true);
        check("^web%.access$", "web.accessory", false);
        check("a.c", "xxabcxx", true);
        check("a%d?b", "ab", true);
        check("a%d?b", "a12b", false);
        check("a%d+b", "ab", false);
        check("a%d*b$", "xa123b", true);
        check("a.-b", "a__c__b", true);
        check("(ok)+", "(ok)", true);
        check("(ok)+", "(ok", false);
        check("%1", "1", true);
        check("a$b", "a$b", true);
        check("^$", "", true);
        check("x*", "", true);
        check("*a", "*a", true);
    }

    #[test]
    fn sets_and_classes() {
        check("[]]", "]", true);
        check("[^]]", "]", false);
        check("[a-]", "-", true);
        check("[%a-z]", "-", true);
        check("[%]x]", "]", true);
        check("[^%s]", " \t", false);
        check("[b-a]", "a", false);
        check("%S", " \t\n", false);
        check("%z", "a\0", true);
        check("%p%c", "!\x7f", true);
        check("%W", "\u{e9}", true);
    }

    #[test]
    fn balance_and_frontier() {
        check("^%b()$", "(a(b)c)", true);
        check("^%b()$", "(a(b)c", false);
        check("%b()x", "((a)x", true);
        check("^%bxx$", "xaax", true);
        check("^%bxx%bxx$", "xxxx", true);
        check("%f[%a]b", "a b", true);
        check("%f[%a]b", "ab", false);
        check("a%f[%A]", "ba", true);
    }

    #[test]
    fn malformed_patterns_never_match() {
        for pattern in ["[", "[a", "[^", "[%", "[]", "a%", "%b", "%bx", "%f", "%fa", "x?[", "%f[a"] {
            check(pattern, "aaaa", false);
        }
    }

    #[test]
    fn frontier_sees_the_byte_behind_the_value() {
        let pattern = Pattern::compile(b"a%f[%d]");
        assert!(pattern.looks_behind_end());
        assert!(pattern.find(b"a", b'1'));
        assert!(!pattern.find(b"a", 0));
    }

    #[test]
    fn hostile_patterns_end() {
        let value = "a".repeat(60_000);
        check(&".-".repeat(120).replace(".-", ".-a*"), &value[..2_000], true);
        check(&(".-".repeat(120) + "x"), &value, false);
        check("%b()%b()", &"(".repeat(60_000), false);
        check(&("a?".repeat(100) + "b"), &value[..200], false);
    }

    proptest! {
        #[test]
        fn both_ways_agree(
            pattern in "[ab%^$.*+?\\[\\]()-]{0,3}([ab.][*+?-]?|%b(ab|\\(\\)|aa)|%f\\[[ab%]+\\]|%[aAdz]|\\[\\^?[ab%d-]+\\]){0,5}\\$?",
            value in "[ab(){}1\0.]{0,12}",
            behind: u8,
        ) {
            let compiled = Pattern::compile(pattern.as_bytes());
            prop_assert_eq!(
                compiled.find(value.as_bytes(), behind),
                compiled.find_within(value.as_bytes(), behind, 0)
            );
        }
    }
}
