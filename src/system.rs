//! The outside world as a value: clocks, host name, process id, randomness.
//!
//! Determinism is a property of the engine, so nothing in it asks the machine: whoever starts a run says what world
//! it runs in. `System::real` is this machine; `System::fixed` is the same everywhere.

use std::time::{SystemTime, UNIX_EPOCH};

/// Where `os.time` and default Timestamps come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// The highest Timestamp read so far: the data's own time, the same in every run.
    Data,
    /// The machine's clock.
    Wall,
}

/// The world a run sees.
#[derive(Clone, Debug)]
pub struct System {
    /// Which clock filters see.
    pub clock: Clock,
    /// `Hostname` of injected messages.
    pub hostname: String,
    /// `Pid` of injected messages.
    pub pid: i32,
    /// Seed of Uuids and random numbers.
    pub seed: u64,
}

impl System {
    /// The same everywhere: data clock, a fixed host, process id 0.
    pub fn fixed() -> System {
        System { clock: Clock::Data, hostname: "localhost".to_owned(), pid: 0, seed: 0 }
    }

    /// This machine: wall clock, its host name, this process.
    pub fn real() -> System {
        System {
            clock: Clock::Wall,
            hostname: machine_hostname(),
            pid: std::process::id() as i32,
            seed: wall_ns() as u64,
        }
    }
}

/// Nanoseconds since the epoch on the machine's clock.
pub fn wall_ns() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |it| it.as_nanos() as i64)
}

/// The machine's name, `localhost` when it has none.
pub fn machine_hostname() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map(|it| it.trim().to_owned())
        .ok()
        .filter(|it| !it.is_empty())
        .unwrap_or_else(|| "localhost".to_owned())
}
