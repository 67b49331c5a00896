//! Real DNS servers on a port of the loopback interface.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::wire::{Upstream, ask_within};

/// Where the servers under test listen. BIND looks for an interface that has the address, and the loopback interface
/// has no other.
pub const SERVER: Ipv4Addr = Ipv4Addr::LOCALHOST;
/// A client that they serve, and one that they don't.
pub const CLIENT: Ipv4Addr = Ipv4Addr::new(127, 10, 0, 1);
pub const STRANGER: Ipv4Addr = Ipv4Addr::new(127, 66, 0, 1);
/// The inbound resolver, and what it answers.
pub const RESOLVERS: [Ipv4Addr; 2] = [Ipv4Addr::new(127, 16, 0, 10), Ipv4Addr::new(127, 16, 0, 20)];
pub const PRIVATE: Ipv4Addr = Ipv4Addr::new(10, 16, 42, 74);
/// The VPC's resolver, and what it answers.
pub const UPSTREAM: Ipv4Addr = Ipv4Addr::new(127, 10, 0, 2);
pub const PUBLIC: Ipv4Addr = Ipv4Addr::new(100, 21, 12, 108);
/// The root of the internet, where nobody has any business.
pub const ROOT: Ipv4Addr = Ipv4Addr::new(127, 99, 0, 1);

/// How long a server may take to begin to answer, on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(60);

/// The DNS servers that the one under test asks; all of them on one port, which is free at its own address as well.
pub struct Network {
    pub port: u16,
    pub resolvers: Vec<Upstream>,
    pub upstream: Option<Upstream>,
    root: Upstream,
}

impl Network {
    pub fn start() -> Self {
        let (port, mut sockets) = (0..100).find_map(|_| sockets()).expect("a port is free");
        let mut start = |answer| {
            let (udp, tcp) = sockets.remove(0);
            Upstream::start(udp, tcp, answer)
        };
        let resolvers = vec![start(PRIVATE), start(PRIVATE)];
        Self { port, resolvers, upstream: Some(start(PUBLIC)), root: start(PUBLIC) }
    }

    pub fn server(&self) -> SocketAddrV4 {
        SocketAddrV4::new(SERVER, self.port)
    }

    /// Whether anybody asked the resolvers for this name, or one below it.
    pub fn resolvers_were_asked_for(&self, name: &str) -> bool {
        self.resolvers.iter().any(|resolver| resolver.was_asked_for(name))
    }

    /// Whether anybody asked in public for this name, or one below it.
    pub fn public_was_asked_for(&self, name: &str) -> bool {
        self.upstream.iter().chain([&self.root]).any(|server| server.was_asked_for(name))
    }
}

fn sockets() -> Option<(u16, Vec<(UdpSocket, TcpListener)>)> {
    let both = |address, port| {
        let udp = UdpSocket::bind((address, port)).ok()?;
        let port = udp.local_addr().ok()?.port();
        Some((udp, TcpListener::bind((address, port)).ok()?))
    };
    let (udp, tcp) = both(SERVER, 0)?;
    let port = udp.local_addr().ok()?.port();
    drop((udp, tcp));
    let addresses = RESOLVERS.into_iter().chain([UPSTREAM, ROOT]);
    Some((port, addresses.map(|address| both(address, port)).collect::<Option<_>>()?))
}

/// A DNS server, until this is dropped.
pub struct Daemon {
    process: Child,
}

impl Daemon {
    /// Starts a server in a folder and waits until it answers for a name.
    pub fn start(program: &Path, arguments: &[&str], folder: &Path, at: SocketAddrV4, name: &str) -> Self {
        // Debian's AppArmor profiles let the installed program read its usual folders only; they know it by its path.
        // Copied by another process: a file that a fork of this one still has open for writing can't be run.
        let copy = folder.join(program.file_name().unwrap());
        assert!(Command::new("cp").args([program, &copy]).status().unwrap().success());
        let log = folder.join("log");
        let output = File::create(&log).unwrap();
        let mut command = Command::new(copy);
        command.args(arguments).stdin(Stdio::null()).stdout(output.try_clone().unwrap()).stderr(output);
        let mut daemon = Self { process: command.spawn().unwrap() };
        let began = Instant::now();
        while ask_within(Duration::from_millis(100), at, SERVER, name).is_none() {
            let said = || fs::read_to_string(&log).unwrap_or_default();
            assert_eq!(daemon.process.try_wait().unwrap(), None, "{program:?} ended: {}", said());
            assert!(began.elapsed() < PATIENCE, "{program:?} does not answer after {PATIENCE:?}: {}", said());
        }
        daemon
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A program of a Debian package, which is installed where it is missing and we may.
///
/// # Panics
/// When it is missing and can't be installed.
pub fn program(name: &str, package: &str) -> PathBuf {
    static INSTALLING: Mutex<()> = Mutex::new(());
    let _one_at_a_time = INSTALLING.lock();
    if let Some(path) = find(name) {
        return path;
    }
    if rustix::process::geteuid().is_root() && find("apt-get").is_some() {
        let apt_get = |arguments: &[&str]| {
            let mut command = Command::new("apt-get");
            command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null());
            command.output().unwrap()
        };
        apt_get(&["update", "--quiet"]);
        let output = apt_get(&["install", "--yes", "--quiet", "--no-install-recommends", package]);
        return find(name).unwrap_or_else(|| panic!("{package} can't be installed: {output:?}"));
    }
    panic!("The tests need {name}: on Debian, apt-get install {package}");
}

fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin", "/usr/bin"].map(PathBuf::from));
    folders.map(|folder| folder.join(name)).find(|path| path.is_file())
}
