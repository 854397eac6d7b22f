//! Writes the maintained sample data set: `cargo run --release --example generate_samples -- sample_data`.
//!
//! The archives are committed, so nobody needs to run this to use them; it is here so that every byte of them has a
//! known origin, and so that a change of the set is a change of a program that can be reviewed. The same seed gives
//! the same records on every machine. `tests/samples.rs` holds generator and archives together.

use std::{env, error::Error, fs, path::PathBuf, process::ExitCode};

use generator::{compress, manifest};

mod generator;

fn main() -> ExitCode {
    let mut arguments = env::args_os().skip(1);
    let (Some(folder), None) = (arguments.next().map(PathBuf::from), arguments.next()) else {
        eprintln!("usage: generate_samples FOLDER");
        return ExitCode::from(2);
    };
    match write_all(&folder) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("failed to write the sample data to {}: {error}", folder.display());
            ExitCode::FAILURE
        }
    }
}

fn write_all(folder: &std::path::Path) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(folder)?;
    let mut entries = Vec::new();
    for set in generator::all() {
        let stored = if set.is_compressed { compress(&set)? } else { set.plain() };
        fs::write(folder.join(set.file), &stored)?;
        println!("{}: {} records, {} bytes", set.file, set.records.len(), stored.len());
        entries.push(manifest::entry(&set, &stored));
    }
    fs::write(folder.join("manifest.toml"), manifest::text(&entries))?;
    Ok(())
}
