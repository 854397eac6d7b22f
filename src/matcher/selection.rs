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
    /// How many of what remains, at most; reading stops then.
    pub limit: Option<u64>,
}

impl Default for Selection {
    fn default() -> Self {
        Selection { matcher: Matcher::always(), since: None, until: None, limit: None }
    }
}

impl Selection {
    /// Whether every message is in, apart from the limit.
    pub fn is_everything(&self) -> bool {
        self.since.is_none() && self.until.is_none() && self.matcher.is_always()
    }

    /// Whether `message` is in, apart from the limit.
    #[inline]
    pub fn contains(&self, message: Message<'_>) -> bool {
        let timestamp = message.timestamp();
        self.since.is_none_or(|it| timestamp >= it)
            && self.until.is_none_or(|it| timestamp < it)
            && self.matcher.matches(message)
    }
}
