//! The kinds of plugin a sandbox can hold. Analysis plugins (filters) so far.

mod analysis;

pub use analysis::{
    AnalysisOptions, AnalysisPlugin, CreateError, Limits, Snapshot, StateFile, TraceFrame, Usage,
};
