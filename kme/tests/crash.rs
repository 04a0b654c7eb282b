//! `kill -9` of a key manager at any moment: no key is given twice, and never different keys under one name.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "the normal way to fail in a test"
)]

mod common;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use common::{Client, Lab, by_name, keys, settings_in, start};

/// Tells this program, started once more, to be a key manager: folder, which one, both ports, seed.
const CHILD: &str = "QHAL_KME_CRASH_CHILD";
/// How often a key manager is killed; more for a long run.
const KILLS: &str = "QHAL_KME_CRASH_KILLS";

/// Not a test of its own: what the processes run that are killed below.
#[test]
fn a_key_manager_in_a_process_of_its_own() {
    let Ok(told) = std::env::var(CHILD) else { return };
    let parts: Vec<&str> = told.split('|').collect();
    let number = |at: usize| parts[at].parse::<u64>().unwrap();
    let (own, ports) = (number(1) as usize, [number(2) as u16, number(3) as u16]);
    let _running = start(settings_in(Path::new(parts[0]), ports, own), own, number(4));
    // Until it is killed.
    loop {
        std::thread::sleep(Duration::from_secs(60));
    }
}

/// Processes of key managers; they are killed when the test ends, however it ends.
struct Pair {
    folder: PathBuf,
    ports: [u16; 2],
    children: [Option<Child>; 2],
    seed: u64,
}

impl Pair {
    fn start(&mut self, own: usize) {
        // No two beginnings share a seed: equal keys would be the generator's doing.
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let [first, second] = self.ports;
        let told = format!("{}|{own}|{first}|{second}|{}", self.folder.display(), self.seed);
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "a_key_manager_in_a_process_of_its_own"])
            .env(CHILD, told)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        self.children[own] = Some(child.unwrap());
    }

    fn kill(&mut self, own: usize) {
        if let Some(mut child) = self.children[own].take() {
            // On Unix this is SIGKILL.
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        (0..2).for_each(|own| self.kill(own));
    }
}

/// What applications have been given.
#[derive(Default)]
struct Given {
    masters: HashMap<String, String>,
    slaves: HashMap<String, String>,
    names_of_keys: HashMap<String, String>,
}

impl Given {
    fn master_got(&mut self, id: &str, key: &str) {
        assert!(
            self.masters.insert(id.to_owned(), key.to_owned()).is_none(),
            "{id} was given to a master twice"
        );
        let other = self.names_of_keys.insert(key.to_owned(), id.to_owned());
        assert!(other.is_none(), "{id} is the key that {other:?} was");
    }

    fn slave_got(&mut self, id: &str, key: &str) {
        assert!(
            self.slaves.insert(id.to_owned(), key.to_owned()).is_none(),
            "{id} was given to a slave twice"
        );
        assert_eq!(
            self.masters.get(id).map(String::as_str),
            Some(key),
            "{id} is another key at the other end"
        );
    }
}

/// One pair of applications that fetch keys as fast as they can.
fn traffic(
    folder: &Path,
    (master, slave): ((&str, SocketAddr), (&str, SocketAddr)),
    given: &Mutex<Given>,
    stop: &AtomicBool,
) {
    let mut ends = [Client::new(folder, master.0, master.1), Client::new(folder, slave.0, slave.1)];
    let mut rounds = 0u64;
    while !stop.load(Ordering::Relaxed) {
        let [first, second] = &mut ends;
        let answer = first.try_request("GET", &format!("/api/v1/keys/{}/enc_keys?number=2", slave.0), "");
        let Ok((200, body)) = answer else {
            std::thread::sleep(Duration::from_millis(3));
            continue;
        };
        let container: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let found = keys(&container);
        for (id, key) in &found {
            given.lock().unwrap().master_got(id, key);
        }
        rounds += 1;
        // Asked for again after a success and after an answer that was lost, too.
        for _ in 0..2 + rounds % 2 {
            let path = format!("/api/v1/keys/{}/dec_keys", master.0);
            let Ok((200, body)) = second.try_request("POST", &path, &by_name(&found)) else { continue };
            let container: serde_json::Value = serde_json::from_slice(&body).unwrap();
            for (id, key) in keys(&container) {
                given.lock().unwrap().slave_got(&id, &key);
            }
        }
    }
}

#[test]
fn whenever_a_key_manager_is_killed_keys_are_equal_and_given_once() {
    let kills = std::env::var(KILLS).ok().and_then(|kills| kills.parse().ok()).unwrap_or(12u64);
    let lab = Lab::new();
    let folder = lab.folder.path().to_owned();
    let mut pair =
        Pair { folder: folder.clone(), ports: lab.ports, children: [None, None], seed: 20_261_126 };
    (0..2).for_each(|own| pair.start(own));
    let [a, b] = lab.ports.map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
    let (given, stop) = (Mutex::new(Given::default()), AtomicBool::new(false));
    let fetched = || given.lock().unwrap().slaves.len();
    let random = AtomicU64::new(7);
    let draw = |below: u64| {
        let next = random.load(Ordering::Relaxed).wrapping_mul(6_364_136_223_846_793_005).wrapping_add(99);
        random.store(next, Ordering::Relaxed);
        (next >> 33) % below
    };
    std::thread::scope(|scope| {
        let ends = [(("alice", a), ("bob", b)), (("bob", b), ("alice", a)), (("anna", a), ("bert", b))];
        for pair in ends {
            let (folder, given, stop) = (&folder, &given, &stop);
            scope.spawn(move || traffic(folder, pair, given, stop));
        }
        // A failure among the applications ends this loop, too: their lock is poisoned then.
        let failed = || given.is_poisoned();
        let wait_for_more = |before: usize| {
            for _ in 0..6000 {
                if failed() || fetched() > before + 5 {
                    return;
                }
                std::thread::sleep(Duration::from_millis(10));
            }
            stop.store(true, Ordering::Relaxed);
            panic!("no key arrived within a minute");
        };
        for _ in 0..kills {
            if failed() {
                break;
            }
            wait_for_more(fetched());
            std::thread::sleep(Duration::from_millis(draw(120)));
            // One of them, or both.
            let which = draw(5);
            for own in (0..2).filter(|own| which == 4 || which % 2 == *own) {
                pair.kill(own as usize);
            }
            std::thread::sleep(Duration::from_millis(draw(60)));
            for own in (0..2usize).filter(|own| which == 4 || which % 2 == *own as u64) {
                pair.start(own);
            }
        }
        if !failed() {
            wait_for_more(fetched());
        }
        stop.store(true, Ordering::Relaxed);
    });
    let given = given.into_inner().unwrap();
    println!(
        "{kills} times killed: {} keys to masters, {} of them to slaves",
        given.masters.len(),
        given.slaves.len()
    );
    assert!(given.slaves.len() as u64 > 5 * kills);
}
