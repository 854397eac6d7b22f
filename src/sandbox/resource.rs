//! What native modules keep outside the arena, named by number.
//!
//! Two kinds, because of time travel. A *constant* never changes once it is made from its key (an opened database, a
//! compiled schema): the table only grows, the same key gets the same number, and a call that runs again after going
//! back finds what it found. A *resource* has a position or a peer (a file, a socket): it cannot go back, and while one
//! is held the sandbox is pinned; see [`Pinned`].

use std::any::Any;

/// Why a sandbox cannot be snapshot: it holds something that cannot go back in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the filter holds {0}, which cannot go back in time")]
pub struct Pinned(pub &'static str);

/// Both tables of a sandbox.
#[derive(Default)]
pub struct Resources {
    constants: Vec<(Vec<u8>, Box<dyn Any + Send>)>,
    held: Vec<Option<(&'static str, Box<dyn Any + Send>)>>,
}

impl Resources {
    /// The number of the constant made from `key`, made now if it is new.
    pub fn constant<T: Any + Send, E>(
        &mut self,
        key: &[u8],
        make: impl FnOnce() -> Result<T, E>,
    ) -> Result<u32, E> {
        let known = self.constants.iter().position(|(it, value)| it == key && value.is::<T>());
        let number = match known {
            Some(number) => number,
            None => {
                self.constants.push((key.to_vec(), Box::new(make()?)));
                self.constants.len() - 1
            }
        };
        Ok(number as u32)
    }

    /// The constant of that number, if it is a `T`.
    pub fn get_constant<T: Any>(&self, number: u32) -> Option<&T> {
        self.constants.get(number as usize)?.1.downcast_ref()
    }

    /// Holds a resource, `what` in words ("an open gzip file"), and pins the sandbox until it is released. Its number.
    pub fn hold<T: Any + Send>(&mut self, what: &'static str, value: T) -> u32 {
        let free = self.held.iter().position(Option::is_none);
        let number = free.unwrap_or_else(|| {
            self.held.push(None);
            self.held.len() - 1
        });
        self.held[number] = Some((what, Box::new(value)));
        number as u32
    }

    /// The held resource of that number, if it is a `T`.
    pub fn held<T: Any>(&mut self, number: u32) -> Option<&mut T> {
        self.held.get_mut(number as usize)?.as_mut()?.1.downcast_mut()
    }

    /// Gives the resource back.
    pub fn release<T: Any>(&mut self, number: u32) -> Option<Box<T>> {
        let place = self.held.get_mut(number as usize)?;
        if !place.as_ref()?.1.is::<T>() {
            return None;
        }
        place.take()?.1.downcast().ok()
    }

    /// Gives back all that is held, as going back to a snapshot does: there is none while something is held.
    pub fn release_all(&mut self) {
        self.held.clear();
    }

    /// Something that is held, in words.
    pub fn pinned(&self) -> Option<Pinned> {
        self.held.iter().flatten().next().map(|(what, _)| Pinned(what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_is_made_once_for_its_key() {
        let mut resources = Resources::default();
        let make = |value: u8| move || Ok::<u8, ()>(value);
        assert_eq!(resources.constant(b"a", make(1)), Ok(0));
        assert_eq!(resources.constant(b"b", make(2)), Ok(1));
        assert_eq!(resources.constant(b"a", make(3)), Ok(0));
        assert_eq!(resources.get_constant::<u8>(0), Some(&1));
        assert_eq!(resources.get_constant::<u16>(0), None);
        assert_eq!(resources.get_constant::<u8>(2), None);
        assert_eq!(resources.constant::<u8, u8>(b"c", || Err(7)), Err(7));
        assert_eq!(resources.pinned(), None);
    }

    #[test]
    fn what_is_held_pins_until_it_is_released() {
        let mut resources = Resources::default();
        let first = resources.hold("a file", 1u8);
        let second = resources.hold("a socket", 2u16);
        assert_eq!(resources.pinned(), Some(Pinned("a file")));
        assert_eq!(resources.release::<u16>(first), None);
        assert_eq!(resources.release::<u8>(first), Some(Box::new(1)));
        assert_eq!(resources.release::<u8>(first), None);
        assert_eq!(resources.pinned(), Some(Pinned("a socket")));
        assert_eq!(resources.hold("a stream", 3u8), first);
        assert_eq!(resources.held::<u16>(second), Some(&mut 2));
        assert_eq!(resources.held::<u16>(99), None);
        resources.release_all();
        assert_eq!(resources.pinned(), None);
        assert_eq!(resources.held::<u16>(second), None);
    }
}
