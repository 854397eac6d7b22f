//! Reading from what may give nothing for a long time, so that an interruption ends the wait.
//!
//! A read that waits for a pipe goes on after a signal: the handler runs on a thread of its own, and the system restarts
//! the call. So the wait is a `poll` of limited length, and between two of them the flag is looked at. An interrupted
//! input ends as if its writer had closed it; what is left of a record is the unread tail, as always.

#![allow(unsafe_code)]

use std::{
    fs::File,
    io::{self, Read},
    os::fd::{AsFd, AsRawFd as _},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// A wait lasts so many milliseconds at most.
const WAIT: libc::c_int = 50;

/// A flag that ends waiting for input. Clones are the same flag.
#[derive(Clone, Debug, Default)]
pub struct Interrupt(pub Arc<AtomicBool>);

impl Interrupt {
    /// Whether it was set.
    #[inline]
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl PartialEq for Interrupt {
    fn eq(&self, other: &Interrupt) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// A pipe, a terminal or a socket.
pub(super) struct Patient {
    file: File,
    interrupt: Interrupt,
}

impl Patient {
    pub(super) fn new(file: File, interrupt: Interrupt) -> Patient {
        Patient { file, interrupt }
    }

    pub(super) fn stdin(interrupt: Interrupt) -> io::Result<Patient> {
        let own = io::stdin().as_fd().try_clone_to_owned()?;
        Ok(Patient { file: File::from(own), interrupt })
    }
}

impl Read for Patient {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while !self.interrupt.is_set() {
            let mut asked = libc::pollfd { fd: self.file.as_raw_fd(), events: libc::POLLIN, revents: 0 };
            // SAFETY: `asked` is one valid pollfd for the length of the call; its descriptor is open as long as `file`.
            let ready = unsafe { libc::poll(&raw mut asked, 1, WAIT) };
            // What cannot be polled is read, and says itself what is wrong with it.
            if ready != 0 && !(ready < 0 && io::Error::last_os_error().kind() == io::ErrorKind::Interrupted) {
                return self.file.read(out);
            }
        }
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Write as _, os::fd::OwnedFd};

    use super::*;

    #[test]
    fn an_interruption_ends_the_wait() {
        let (reader, mut writer) = io::pipe().expect("a pipe");
        let interrupt = Interrupt::default();
        let mut patient = Patient::new(File::from(OwnedFd::from(reader)), interrupt.clone());
        let mut out = [0; 8];
        writer.write_all(b"abc").expect("written");
        assert_eq!(patient.read(&mut out).expect("read"), 3);
        let waiting = std::thread::spawn(move || patient.read(&mut out).expect("ended"));
        interrupt.0.store(true, Ordering::Relaxed);
        assert_eq!(waiting.join().expect("joined"), 0);
        drop(writer);
    }
}
