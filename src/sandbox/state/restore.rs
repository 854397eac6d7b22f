//! Running a state file after the script body, with limits off.

use std::ffi::CStr;

use crate::vm::{Raised, Vm};

/// Runs `state` in the VM. On failure the text is `restore_global_data ...`'s tail: Lua's own words.
pub fn restore(vm: &mut Vm, state: &[u8], chunk_name: &CStr) -> Result<(), Vec<u8>> {
    let limit = vm.set_memory_limit(0);
    vm.disarm();
    let outcome: Result<(), Raised> = vm.load_script(state, chunk_name).and_then(|()| vm.call(0, -1));
    if outcome.is_err() {
        return Err(vm.error_text().unwrap_or_default());
    }
    vm.lua().set_top(0);
    vm.collect().map_err(|_| vm.meter().doom_text().to_vec())?;
    vm.set_memory_limit(limit);
    vm.reset_memory_peak();
    Ok(())
}
