//! A limit and the most that was used of it.

/// One limit of a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitReport {
    /// Its name, as in a report.
    pub name: &'static str,
    /// The limit, 0 for none.
    pub limit: usize,
    /// The most that was used.
    pub max: usize,
    /// The record at which that was; 0 before the first.
    pub at: u64,
}

impl LimitReport {
    /// Notes a use at record `at`, which counts if it is the largest so far.
    #[inline]
    pub fn note(&mut self, used: usize, at: u64) {
        if used > self.max {
            self.max = used;
            self.at = at;
        }
    }

    /// Memory, instructions and output, in that order, nothing used.
    pub fn all() -> [LimitReport; 3] {
        ["memory", "instruction", "output"].map(|name| LimitReport { name, limit: 0, max: 0, at: 0 })
    }
}
