//! Runs the cases recorded from the production runtime (`tests/data/conformance`, and of native modules
//! `tests/data/modules`), each analysis case in three modes:
//!
//! 1. *plain*: as `replay` runs a filter;
//! 2. *travel*: every call runs twice from one snapshot, with the free tail of the arena filled with garbage and the
//!    host's memory moved in between, and must come out the same down to the arena's bytes;
//! 3. *threads*: four threads run the case at other bases, and must agree with each other and with the first.
//!
//! Cases of the area `production_modules` need production's modules written in Lua: `CEPSHIM_PRODUCTION_LUA_PATH` says
//! where they are, and without it each is reported as skipped.
//!
//! `cargo test --test conformance -- NAME...` runs the cases whose name contains one of the words. This is not a
//! libtest binary: cases name files relative to the current directory, so they run one after another in theirs.

mod case;
mod normalize;
mod skipped;

use std::{path::PathBuf, process::ExitCode, thread};

use case::{Case, Kind};

/// Nested calls from Lua into host functions and back need more than a thread's usual stack.
const STACK: usize = 64 << 20;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).filter(|it| !it.starts_with("--")).collect();
    let runner = thread::Builder::new().stack_size(STACK).spawn(move || run(&words));
    runner.expect("a thread starts").join().expect("the runner does not panic")
}

fn run(words: &[String]) -> ExitCode {
    let data = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let cases = case::all(&data.join("conformance")).into_iter().chain(case::all(&data.join("modules")));
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for case in cases {
        if case.kind != Kind::Analysis {
            continue;
        }
        if !words.is_empty() && !words.iter().any(|it| case.name.contains(it.as_str())) {
            continue;
        }
        if let Some(reason) = skipped::reason(&case) {
            skipped += 1;
            println!("skipped {}: {reason}", case.name);
            continue;
        }
        match check(&case) {
            Ok(()) => passed += 1,
            Err(problem) => {
                failed += 1;
                println!("FAILED {}\n{problem}\n", case.name);
            }
        }
    }
    println!("{passed} passed, {failed} failed, {skipped} skipped");
    if failed > 0 || passed == 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Runs one case in all modes.
fn check(case: &Case) -> Result<(), String> {
    let _scratch = case.enter().map_err(|it| format!("its folder: {it}"))?;
    let plain = case.run(0, false);
    case.compare(&plain).map_err(|it| format!("plain: {it}"))?;
    let travel = case.run(0, true);
    if let Some(difference) = travel.report.rehearsal_differences.first() {
        return Err(format!("travel: the second run of a call differs: {difference}"));
    }
    case.compare(&travel).map_err(|it| format!("travel: {it}"))?;
    let runs: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (1..=4)
            .map(|n| {
                thread::Builder::new()
                    .stack_size(STACK)
                    .spawn_scoped(scope, move || case.run(n * 16, true))
                    .expect("a thread starts")
            })
            .collect();
        threads.into_iter().map(|it| it.join().expect("a case does not panic")).collect()
    });
    for run in &runs {
        if run.report.digest != travel.report.digest {
            return Err("threads: the state digest differs at another base".to_owned());
        }
        if case.normalized(run) != case.normalized(&travel) || run.report.logs != travel.report.logs {
            return Err("threads: outputs differ at another base".to_owned());
        }
        if run.report.limits != travel.report.limits {
            return Err("threads: limit use differs at another base".to_owned());
        }
        case.compare(run).map_err(|it| format!("threads: {it}"))?;
    }
    Ok(())
}
