//! Which messages of an input are meant: a matcher, a range of time, a number.

use super::Matcher;
use crate::message::Message;

/// Which messages are meant. A message outside is as if it were not in the input.
#[derive(Clone, Debug)]
pub struct Selection {
    /// The `message_matcher`.
    pub matcher: Matcher,
    /// The first Timestamp that is in, in nanoseconds since the epoch.
    pub since: Option<i64>,
    /// The first Timestamp that is out again.
    pub until: Option<i64>,
    /// How many of what remains, at most.
    pub limit: Option<u64>,
    /// Whether anything at all is left out by matcher or time.
    is_narrow: bool,
}

impl Default for Selection {
    fn default() -> Self {
        Selection::new(None, None, None, None)
    }
}

impl Selection {
    /// A selection; `None` leaves nothing out.
    pub fn new(
        matcher: Option<Matcher>,
        since: Option<i64>,
        until: Option<i64>,
        limit: Option<u64>,
    ) -> Selection {
        let is_narrow = matcher.is_some() || since.is_some() || until.is_some();
        Selection { matcher: matcher.unwrap_or_else(Matcher::always), since, until, limit, is_narrow }
    }

    /// Whether `message` is in, apart from the limit.
    #[inline]
    pub fn contains(&self, message: Message<'_>) -> bool {
        !self.is_narrow || self.contains_narrowly(message)
    }

    fn contains_narrowly(&self, message: Message<'_>) -> bool {
        let timestamp = message.timestamp();
        self.since.is_none_or(|it| timestamp >= it)
            && self.until.is_none_or(|it| timestamp < it)
            && self.matcher.matches(message)
    }
}
