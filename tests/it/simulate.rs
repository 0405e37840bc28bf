//! Simulated traffic: whatever happens to its order and to the program, every message is known as it must be.

use std::net::SocketAddr;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};

use crate::evidence::{amount, broken, tell};
use crate::support::http;
use crate::support::program::Place;

fn simulate(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_callbox"));
    command.arg("simulate").args(arguments).output().unwrap()
}

fn told(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

#[test]
fn every_vendors_traffic_ends_clean() {
    for vendor in callbox::vendor::VENDORS.iter().filter(|vendor| vendor.habits().is_some()) {
        let output = simulate(&[
            vendor.code(),
            "--embedded",
            "--messages",
            "150",
            "--disorder",
            "50",
            "--duplicates",
            "30",
            "--late",
            "20",
            "--json",
        ]);
        assert_eq!(output.status.code(), Some(0), "{vendor:?}: {}", told(&output));
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(report["verdict"]["messages"], 150, "{report}");
        assert_eq!((&report["clean"], &report["given_up"]), (&true.into(), &0.into()), "{report}");
        for disturbed in ["disordered", "duplicates", "late"] {
            assert!(report[disturbed].as_u64().unwrap() > 10, "{report}");
        }
    }
}

#[test]
fn a_vendor_without_habits_and_a_server_that_is_not_there_are_refused() {
    let output = simulate(&["generic", "--embedded"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        told(&output).contains("no habits of its own; there are: wachat, wavecell"),
        "{}",
        told(&output)
    );
    let output = simulate(&["wavecell", "--to", "http://127.0.0.1:1"]);
    assert_eq!(output.status.code(), Some(1), "{}", told(&output));
}

/// A port that stays while the program behind it dies and comes again.
async fn gate(to: Arc<Mutex<SocketAddr>>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut vendor, _)) = listener.accept().await {
            let to = *to.lock();
            tokio::spawn(async move {
                // A connection that breaks is what the vendor has to live with.
                if let Ok(mut program) = TcpStream::connect(to).await {
                    let _ = tokio::io::copy_bidirectional(&mut vendor, &mut program).await;
                }
            });
        }
    });
    address
}

/// Messages of the run with kills, unless `CALLBOX_SIMULATED_MESSAGES` says otherwise.
const MESSAGES: u64 = 2_000;

/// How often the program is killed in that run.
const KILLS: u64 = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_simulation_in_which_the_program_is_killed_three_times_ends_clean() {
    let messages = amount("CALLBOX_SIMULATED_MESSAGES", MESSAGES);
    let place = Place::new("");
    let mut program = place.start();
    let (push, ask) = (Arc::new(Mutex::new(program.vendors)), Arc::new(Mutex::new(program.api)));
    let (vendors, api) = (gate(Arc::clone(&push)).await, gate(Arc::clone(&ask)).await);
    let simulation = Command::new(env!("CARGO_BIN_EXE_callbox"))
        .args(["simulate", "wavecell", "--source", "shop", "--hurry", "40", "--json"])
        .args(["--messages", &messages.to_string()])
        .args(["--disorder", "40", "--duplicates", "20", "--late", "10"])
        .args(["--to", &format!("http://{vendors}"), "--api", &format!("http://{api}")])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    for kill in 1..=KILLS {
        // Of each message come three callbacks and more.
        let moment = kill * messages * 3 / (KILLS + 1);
        loop {
            let answer =
                http::send(program.api, "GET", "/v1/sources/shop", &[], b"").await.unwrap();
            if answer.json()["received"].as_u64().unwrap() >= moment {
                break;
            }
        }
        program.kill();
        program = place.start();
        (*push.lock(), *ask.lock()) = (program.vendors, program.api);
    }
    let output = tokio::task::block_in_place(|| simulation.wait_with_output()).unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let verdict = &report["verdict"];
    let amount = format!(
        "{} messages, {} callbacks, of which {} out of order, {} twice, {} late; {KILLS} kills, {} further tries; {:.0} s",
        verdict["messages"],
        report["callbacks"],
        report["disordered"],
        report["duplicates"],
        report["late"],
        report["retries"],
        report["seconds"].as_f64().unwrap()
    );
    let found = if report["clean"] == true {
        "clean: every state right, nothing missing, nothing twice".to_owned()
    } else {
        format!("not clean: {} messages in a wrong state", verdict["wrong_state"])
    };
    tell("Simulated traffic", &amount, &found);
    assert!(report["retries"].as_u64().unwrap() > 0, "nobody noticed the kills: {report:#}");
    if broken().is_some() {
        assert_eq!(output.status.code(), Some(1), "it does not see what is broken: {report:#}");
        assert!(verdict["wrong_state"].as_u64().unwrap() > 0, "{report:#}");
    } else {
        assert_eq!((output.status.code(), &report["clean"]), (Some(0), &true.into()), "{report:#}");
    }
}
