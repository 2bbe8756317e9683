//! Creating through the shipped library, against libcurl and against an empty process.

use std::path::Path;
use std::time::Instant;

use crate::affinity::pin;
use crate::programs::{Server, Talker};
use crate::stats::Pair;

const PAIRS: usize = 200;
const CALLS: usize = 60;

fn start(server: &Server, program: &Path, tls: bool, threads: usize) -> Result<Talker, String> {
    let certificate = if tls { server.certificate() } else { "-" };
    let mut driver = Talker::start(program, &[&server.url(tls), certificate, &threads.to_string()])?;
    // Connections, caches and the allocator settle.
    driver.ask(CALLS)?;
    Ok(driver)
}

/// Wall time and CPU time per call, one thread, in turns against the same server.
pub fn alternate(server: &Server, programs: [&Path; 2], tls: bool) -> Result<(Pair, Pair), String> {
    pin(|cpu| cpu == 0);
    let started = programs.map(|program| start(server, program, tls, 1));
    pin(|_| true);
    let [ours, theirs] = started;
    let (mut ours, mut theirs) = (ours?, theirs?);
    let (mut wall, mut cpu) = (Pair::default(), Pair::default());
    for at in 0..PAIRS {
        // They take turns in going first as well.
        let [ours, theirs] = if at % 2 == 0 {
            let ours = ours.ask(CALLS)?;
            [ours, theirs.ask(CALLS)?]
        } else {
            let theirs = theirs.ask(CALLS)?;
            [ours.ask(CALLS)?, theirs]
        };
        wall.push(ours[0] / CALLS as f64, theirs[0] / CALLS as f64);
        cpu.push(ours[1] / CALLS as f64, theirs[1] / CALLS as f64);
    }
    Ok((wall, cpu))
}

/// Wall time per call with 16 threads on all CPUs, and the most connections that either side had open.
pub fn compete(server: &Server, programs: [&Path; 2], tls: bool) -> Result<([usize; 2], Pair), String> {
    const ROUNDS: usize = 16;
    const THREADS: usize = 16;
    const EACH: usize = 100;
    let mut peaks = [0, 0];
    let mut wall = Pair::default();
    for round in 0..ROUNDS {
        let mut taken = [0.0; 2];
        for turn in 0..2 {
            let side = (round + turn) % 2;
            // The other program's connections are gone before this one's are counted.
            while server.connections()?[0] > 0 {
                std::thread::yield_now();
            }
            let mut driver = start(server, programs[side], tls, THREADS)?;
            taken[side] = driver.ask(EACH)?[0] / (EACH * THREADS) as f64;
            peaks[side] = server.connections()?[1].max(peaks[side]);
        }
        wall.push(taken[0], taken[1]);
    }
    Ok((peaks, wall))
}

/// From fork to the end of a process that makes one credential, and of one that does nothing; and the peak memory of
/// the first in KiB.
pub fn start_to_first(server: &Server, first: &Path, empty: &Path) -> Result<(Pair, f64), String> {
    const PAIRS: usize = 100;
    let url = server.url(false);
    let run = |program: &Path| {
        let start = Instant::now();
        let status = std::process::Command::new(program).arg(&url).status();
        let taken = start.elapsed().as_nanos() as f64;
        if status.is_ok_and(|status| status.success()) { Ok(taken) } else { Err("first.c failed".to_owned()) }
    };
    let mut pair = Pair::default();
    for _ in 0..PAIRS {
        pair.push(run(first)?, run(empty)?);
    }
    let peak = Talker::start(first, &[&url, "peak"])?.read()?;
    Ok((pair, peak[0]))
}
