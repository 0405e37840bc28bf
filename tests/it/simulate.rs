//! Simulated traffic: whatever happens to its order and to the program, every message is known as it must be.

use std::net::SocketAddr;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_simulation_in_which_the_program_is_killed_three_times_ends_clean() {
    let place = Place::new("");
    let mut program = place.start();
    let (push, ask) = (Arc::new(Mutex::new(program.vendors)), Arc::new(Mutex::new(program.api)));
    let (vendors, api) = (gate(Arc::clone(&push)).await, gate(Arc::clone(&ask)).await);
    let simulation = Command::new(env!("CARGO_BIN_EXE_callbox"))
        .args([
            "simulate",
            "wavecell",
            "--source",
            "shop",
            "--messages",
            "1500",
            "--hurry",
            "40",
            "--json",
        ])
        .args(["--disorder", "40", "--duplicates", "20", "--late", "10"])
        .args(["--to", &format!("http://{vendors}"), "--api", &format!("http://{api}")])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    for kill in 1..=3 {
        loop {
            let answer =
                http::send(program.api, "GET", "/v1/sources/shop", &[], b"").await.unwrap();
            if answer.json()["received"].as_u64().unwrap() >= kill * 1_000 {
                break;
            }
        }
        program.kill();
        program = place.start();
        (*push.lock(), *ask.lock()) = (program.vendors, program.api);
    }
    let output = tokio::task::block_in_place(|| simulation.wait_with_output()).unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{report:#}");
    assert!(report["retries"].as_u64().unwrap() > 0, "nobody noticed the kills: {report:#}");
}
