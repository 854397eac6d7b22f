//! Exit statuses: one table.

/// How the program ends. The order is that of precedence: of several that apply, the first is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// Interrupted by the user.
    Interrupted,
    /// Wrong arguments.
    Usage,
    /// A configuration, matcher, script or manifest is refused; a filter cannot be created.
    Configuration,
    /// Reading or writing failed, or an output exists and `--force` was not given.
    Io,
    /// A filter was terminated.
    Terminated,
    /// The input is damaged.
    Damaged,
    /// Differences, findings or failed tests.
    Differences,
    /// Nothing matched, or nothing to do where something was asked for.
    Nothing,
    /// Everything was done.
    Ok,
}

impl Status {
    /// The number the shell sees.
    pub const fn code(self) -> u8 {
        match self {
            Status::Ok => 0,
            Status::Differences => 1,
            Status::Usage => 2,
            Status::Configuration => 3,
            Status::Nothing => 4,
            Status::Damaged => 5,
            Status::Terminated => 6,
            Status::Io => 7,
            Status::Interrupted => 130,
        }
    }

    /// The one of several that counts.
    #[must_use]
    pub fn first(self, other: Status) -> Status {
        self.min(other)
    }
}

#[cfg(test)]
mod tests {
    use super::Status;

    #[test]
    fn precedence() {
        use Status::{Configuration, Damaged, Differences, Interrupted, Io, Nothing, Ok, Terminated, Usage};
        let order = [Interrupted, Usage, Configuration, Io, Terminated, Damaged, Differences, Nothing, Ok];
        assert_eq!(order.map(Status::code), [130, 2, 3, 7, 6, 5, 1, 4, 0]);
        for pair in order.windows(2) {
            assert_eq!(pair[1].first(pair[0]), pair[0]);
        }
    }
}
