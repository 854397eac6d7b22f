//! Why nothing matched: how often each test of a matcher was true alone.
//!
//! Counting costs more than matching, so it is not done on the way: the beginning of the inputs is read again, and only
//! when a filter has matched nothing.

use crate::{
    archive::{self, ArchiveError, Reader, Source},
    matcher::{Matcher, Selection},
};

/// Records looked at.
const MAX_RECORDS: u64 = 100_000;

/// One test of a matcher.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TermCount {
    /// Its text in the expression.
    pub text: String,
    /// Records for which it was true.
    pub matched: u64,
}

/// Counts each matcher's tests over the first records of the inputs; the counts, and how many records were looked at.
/// What is no plain file cannot be read again: then there is nothing to count.
pub fn count_terms(
    sources: &[Source],
    reading: &archive::Options,
    selection: &Selection,
    matchers: &[Matcher],
) -> Result<(Vec<Vec<TermCount>>, u64), ArchiveError> {
    let files: Vec<Source> = sources.iter().filter(|it| it.size().is_some()).cloned().collect();
    let mut counts: Vec<Vec<TermCount>> = matchers
        .iter()
        .map(|matcher| {
            let text = |it: crate::matcher::Term<'_>| String::from_utf8_lossy(it.text).into_owned();
            matcher.terms().map(|it| TermCount { text: text(it), matched: 0 }).collect()
        })
        .collect();
    let mut reader = Reader::open(files, reading.clone())?;
    let mut records = 0;
    while records < MAX_RECORDS {
        let Some(record) = reader.next()? else { break };
        if !selection.contains(record.message) {
            continue;
        }
        records += 1;
        for (matcher, counts) in matchers.iter().zip(&mut counts) {
            for (i, count) in counts.iter_mut().enumerate() {
                count.matched += u64::from(matcher.term_matches(i, record.message));
            }
        }
    }
    Ok((counts, records))
}
