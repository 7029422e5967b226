//! A security key as a process: Trussed's FIDO authenticator behind CTAPHID on a Unix stream socket, 64 octets a report
//! (CTAP 2.1, 11.2), without USB. One host at a time.
//!
//! trussed-key SOCKET   lines on standard input: "touch" (from now on somebody touches it at once), "away" (nobody does).
//!                      Says "ready" when it listens. All it knows is in memory.
use std::io::{BufRead, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ctaphid_app::{App, Command};
use fido_authenticator::{Authenticator, Config, Conforming, FirmwareVersion};
use heapless_bytes::Bytes;
use rand_core::{OsRng, RngCore};
use trussed::backend::BackendId;
use trussed::platform::{Platform as _, UserInterface};
use trussed::types::ui::Status;
use trussed::virt::{self, StoreConfig};
use trussed_core::types::{consent::Level, reboot::To};
use trussed_staging::virt::{BackendIds, Dispatcher};

const REPORT: usize = 64;
const INIT: usize = REPORT - 7; // what a first report carries
const CONT: usize = REPORT - 5; // and each that follows
const MESSAGE: usize = 7609;
const TOUCH_MS: u32 = 1500; // so long it waits for somebody

const CMD_PING: u8 = 0x01;
const CMD_MSG: u8 = 0x03;
const CMD_INIT: u8 = 0x06;
const CMD_CBOR: u8 = 0x10;
const CMD_CANCEL: u8 = 0x11;
const CMD_ERROR: u8 = 0x3f;
const ERR_INVALID_COMMAND: u8 = 0x01;
const ERR_OTHER: u8 = 0x7f;
const CAPABILITIES: u8 = 0x04; // CBOR

static TOUCHED: AtomicBool = AtomicBool::new(true);

struct Person;

impl UserInterface for Person {
    fn check_user_presence(&mut self) -> Level {
        if TOUCHED.load(Ordering::Relaxed) {
            Level::Normal
        } else {
            Level::None
        }
    }
    fn set_status(&mut self, _: Status) {}
    fn refresh(&mut self) {}
    fn uptime(&mut self) -> Duration {
        unreachable!() // virt answers it
    }
    fn reboot(&mut self, _: To) -> ! {
        std::process::exit(1)
    }
    fn wink(&mut self, _: Duration) {}
}

struct Request {
    channel: [u8; 4],
    command: u8,
    data: Vec<u8>,
}

fn report(host: &mut UnixStream) -> std::io::Result<[u8; REPORT]> {
    let mut r = [0; REPORT];
    host.read_exact(&mut r)?;
    Ok(r)
}

fn receive(host: &mut UnixStream) -> std::io::Result<Request> {
    let first = report(host)?;
    let len = usize::from(u16::from_be_bytes([first[5], first[6]]));
    let mut data = first[7..7 + len.min(INIT)].to_vec();
    while data.len() < len {
        let next = report(host)?;
        data.extend_from_slice(&next[5..5 + (len - data.len()).min(CONT)]);
    }
    Ok(Request {
        channel: first[..4].try_into().unwrap(),
        command: first[4] & 0x7f,
        data,
    })
}

fn send(host: &mut UnixStream, channel: [u8; 4], command: u8, data: &[u8]) -> std::io::Result<()> {
    let (first, rest) = data.split_at(data.len().min(INIT));
    let mut r = [0; REPORT];
    r[..4].copy_from_slice(&channel);
    r[4] = command | 0x80;
    r[5..7].copy_from_slice(&(data.len() as u16).to_be_bytes());
    r[7..7 + first.len()].copy_from_slice(first);
    host.write_all(&r)?;
    for (i, part) in rest.chunks(CONT).enumerate() {
        let mut r = [0; REPORT];
        r[..4].copy_from_slice(&channel);
        r[4] = i as u8;
        r[5..5 + part.len()].copy_from_slice(part);
        host.write_all(&r)?;
    }
    Ok(())
}

fn serve(host: &mut UnixStream, key: &mut dyn App<'static>) -> std::io::Result<()> {
    loop {
        let rq = receive(host)?;
        let app = match rq.command {
            CMD_INIT => {
                let mut answer = rq.data.clone(); // the nonce
                answer.extend_from_slice(&[0, 0, 0, 1, 2, 0, 0, 0, CAPABILITIES]);
                send(host, rq.channel, CMD_INIT, &answer)?;
                continue;
            }
            CMD_PING => {
                send(host, rq.channel, CMD_PING, &rq.data)?;
                continue;
            }
            CMD_CANCEL => continue, // nothing is under way when it is read
            CMD_CBOR => Command::Cbor,
            CMD_MSG => Command::Msg,
            _ => {
                send(host, rq.channel, CMD_ERROR, &[ERR_INVALID_COMMAND])?;
                continue;
            }
        };
        let mut answer: Bytes<MESSAGE> = Bytes::new();
        match key.call(app, &rq.data, answer.as_mut_view()) {
            Ok(()) => send(host, rq.channel, rq.command, &answer)?,
            Err(_) => send(host, rq.channel, CMD_ERROR, &[ERR_OTHER])?,
        }
    }
}

fn main() {
    let path = std::env::args().nth(1).expect("usage: trussed-key SOCKET");
    let listener = UnixListener::bind(path).expect("SOCKET");
    std::thread::spawn(|| {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            TOUCHED.store(line != "away", Ordering::Relaxed);
            println!("{line}");
        }
        std::process::exit(0);
    });
    virt::with_platform(StoreConfig::ram(), |mut platform| {
        platform.user_interface().set_inner(Box::new(Person));
        // its generator begins the same each time
        for _ in 0..OsRng.next_u32() % 4096 {
            platform.rng().next_u32();
        }
        platform.run_client_with_backends(
            "fido",
            Dispatcher::default(),
            &[BackendId::Custom(BackendIds::StagingBackend), BackendId::Core],
            |client| {
                let config = Config {
                    max_msg_size: MESSAGE,
                    skip_up_timeout: None,
                    max_resident_credential_count: None,
                    large_blobs: None,
                    nfc_transport: false,
                    ccid_transport: false,
                    firmware_version: Some(FirmwareVersion::new(0)),
                    credential_id_version: None,
                    long_touch_for_reset: false,
                    fido2_up_timeout: Some(TOUCH_MS),
                };
                let mut key = Authenticator::new(client, Conforming {}, config);
                println!("ready");
                for host in listener.incoming() {
                    let _ = serve(&mut host.expect("accept"), &mut key); // it has gone
                }
            },
        )
    });
}
