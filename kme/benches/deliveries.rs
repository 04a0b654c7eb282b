//! How many keys a second get from two key managers into the hands of both applications: `cargo bench -p qhal-kme`.
//!
//! Both key managers and all clients share this machine. A delivery is one key of 256 bits: `enc_keys` by the master at one key
//! manager, `dec_keys` by the slave at the other, over kept connections with certificates on both sides.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a measurement that fails is no measurement"
)]
#![allow(clippy::print_stdout, reason = "a measurement is printed")]

#[path = "../tests/common/mod.rs"]
mod common;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use common::{Lab, by_name, keys, wait};

/// Masters with their slaves, each with a connection of its own.
const PAIRS: usize = 16;
const SECONDS: u64 = 5;

fn main() {
    let lab = Lab::new();
    for stored in [10_000, 100_000, 1_000_000] {
        let running = [0, 1].map(|own| {
            let mut settings = lab.settings(own);
            settings.kme.max_keys = stored;
            lab.start_with(settings, own, 1 + own as u64)
        });
        wait("a full store", || {
            let full = |link: &qhal_kme::LinkState| link.stored_keys >= stored / 10 * 9;
            running[0].manager.links().iter().filter(|link| link.kme == "kme-b").all(full)
        });
        let stop = AtomicBool::new(false);
        let began = Instant::now();
        let mut times: Vec<Duration> = std::thread::scope(|scope| {
            let work = || {
                let (mut master, mut slave) =
                    (lab.client("alice", &running[0]), lab.client("bob", &running[1]));
                let mut times = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    let began = Instant::now();
                    let (status, given) = master.get("/api/v1/keys/bob/enc_keys");
                    if status == 503 {
                        continue;
                    }
                    assert_eq!(status, 200, "{given}");
                    times.push(began.elapsed());
                    let given = keys(&given);
                    let began = Instant::now();
                    let (status, fetched) = slave.post("/api/v1/keys/alice/dec_keys", &by_name(&given));
                    assert_eq!((status, keys(&fetched)), (200, given));
                    times.push(began.elapsed());
                }
                times
            };
            let clients: Vec<_> = (0..PAIRS).map(|_| scope.spawn(work)).collect();
            std::thread::sleep(Duration::from_secs(SECONDS));
            stop.store(true, Ordering::Relaxed);
            clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
        });
        let seconds = began.elapsed().as_secs_f64();
        times.sort_unstable();
        let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
        println!(
            "{stored} keys stored, {} connections: {:.0} deliveries/s; a request takes {:.2} ms (p50), {:.2} ms (p99)",
            2 * PAIRS,
            times.len() as f64 / 2.0 / seconds,
            at(0.5),
            at(0.99)
        );
    }
}
