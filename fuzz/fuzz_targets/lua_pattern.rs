//! Any pattern on any subject: an answer inside the subject or an error, within the budget.
//!
//! Input: one byte for the length of the pattern, the pattern, then the subject.
#![no_main]

use cepshim::vm::pattern::{
    CaptureValue, Captures, GsubCursor, Matcher, PatternError, Span, expand_replacement, has_specials,
    plain_find,
};
use libfuzzer_sys::fuzz_target;

const STEPS: u64 = 50_000;

fn check(subject: &[u8], span: Span, captures: &Captures) {
    assert!(span.start <= span.end && span.end <= subject.len());
    for index in 0..captures.values() {
        match captures.get(index, span) {
            Ok(CaptureValue::Text(it)) => assert!(it.start <= it.end && it.end <= subject.len()),
            Ok(CaptureValue::Position(it)) => assert!((1..=subject.len() + 1).contains(&it)),
            Err(error) => assert_eq!(error, PatternError::UnfinishedCapture),
        }
    }
    assert!(captures.get(captures.values(), span).is_err());
}

fuzz_target!(|data: &[u8]| {
    let [length, rest @ ..] = data else { return };
    let (pattern, subject) = rest.split_at(usize::from(*length).min(rest.len()));

    let mut steps = STEPS;
    let mut matcher = Matcher::new(subject, pattern, &mut steps);
    let found = matcher.find(0);
    if let Ok(Some(span)) = found {
        check(subject, span, matcher.captures());
    }
    let has_budget = steps > 0 && found != Err(PatternError::StepsExhausted);
    // A `)` alone is no special of 5.1, but an error of the matcher.
    let is_plain = !has_specials(pattern) && !pattern.contains(&b'\0') && !pattern.contains(&b')');
    if has_budget && is_plain {
        let mut steps = STEPS;
        let plain = plain_find(subject, 0, pattern, &mut steps);
        assert_eq!(plain, found.map(|it| it.map(|it| it.start)));
    }

    let mut steps = STEPS;
    let mut at = 0;
    for turn in 0.. {
        let mut matcher = Matcher::for_gmatch(subject, pattern, &mut steps);
        let Ok(Some(span)) = matcher.gmatch_next(&mut at) else { break };
        check(subject, span, matcher.captures());
        assert!(turn <= subject.len());
    }

    let mut steps = STEPS;
    let mut cursor = GsubCursor::new(GsubCursor::default_max(subject.len()));
    let mut end = 0;
    loop {
        let mut matcher = Matcher::new(subject, pattern, &mut steps);
        let Ok(Some(span)) = matcher.gsub_next(&mut cursor) else { break };
        check(subject, span, matcher.captures());
        assert!(span.start >= end);
        end = span.end;
        let captures = *matcher.captures();
        // The subject as its own replacement text.
        let mut length = 0;
        let mut write = |bytes: &[u8]| length += bytes.len();
        if expand_replacement(subject, subject, span, &captures, &mut steps, &mut write).is_err() {
            break;
        }
    }
    assert!(cursor.count as usize <= subject.len() + 1);
});
