//! A deep copy of a value into a document of its own, as `remove` makes it.

use super::document::{Draft, Kind, Slot, Tree};

/// Deeper values overflow production's C stack. Measured there: about 86,000 levels in a thread with 8 MiB.
const MAX_DEPTH: usize = 86_000;

/// The copy of `root` and of everything in it, or `None` where it is nested too deep.
pub fn copy(tree: Tree<'_>, root: Slot) -> Option<(Slot, Draft)> {
    let mut draft = Draft::default();
    let mut rows: Vec<(usize, usize, usize)> = Vec::new();
    let root = shallow(tree, root, &mut draft, &mut rows, 1);
    while let Some((at, len, depth)) = rows.pop() {
        if depth > MAX_DEPTH {
            return None;
        }
        for n in at..at + len {
            // Until here the copy names the original's row.
            let slot = draft.slots[n];
            draft.slots[n] = shallow(tree, slot, &mut draft, &mut rows, depth + 1);
        }
    }
    Some((root, draft))
}

/// Copies a value; what is in it is copied as it stands and left for later.
fn shallow(
    tree: Tree<'_>,
    slot: Slot,
    draft: &mut Draft,
    rows: &mut Vec<(usize, usize, usize)>,
    depth: usize,
) -> Slot {
    let each = match slot.kind() {
        Kind::String => {
            let start = draft.text.len() as u64;
            draft.text.extend_from_slice(tree.string(slot));
            return Slot::new(Kind::String, slot.len, start);
        }
        Kind::Object => 2,
        Kind::Array => 1,
        kind => return Slot::new(kind, slot.len, slot.data),
    };
    let (first, len) = (draft.slots.len(), slot.len as usize * each);
    draft.slots.extend((0..len).map(|n| tree.get(slot.data as usize + n)));
    if len > 0 {
        rows.push((first, len, depth));
    }
    Slot::new(slot.kind(), slot.len, first as u64)
}
